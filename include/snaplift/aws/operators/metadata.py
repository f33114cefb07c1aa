"""What Airflow's metadata database says to a task: which Airflow this is, and how the run stands that holds a lock."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow.sdk import Variable

from snaplift.promotion.lock import Lock
from snaplift.promotion.recovery import Holder, is_asked

if TYPE_CHECKING:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

AIRFLOW: Final = "snaplift_airflow"
"""The Airflow variable with this metadata database's id."""
FINISH: Final = "finish"
"""The task that gives the lock back, in every DAG that takes one."""


def this_airflow() -> str:
    """Say which Airflow this is, by an id that lives and dies with its metadata database.

    Made by the first task that asks. Two that ask at once may each make one, and one of them takes an id along that is
    soon nobody's: its lock then goes by its lease alone, which is the careful way.
    """
    if known := Variable.get(AIRFLOW, default=None):
        return str(known)
    Variable.set(AIRFLOW, uuid.uuid4().hex, description="Which Airflow holds a lock of snaplift: do not change it")
    return str(Variable.get(AIRFLOW))


def asking(ti: RuntimeTaskInstance, tenants: Callable[[], list[str]]) -> Callable[[Lock], Holder | None]:
    """Ask this Airflow how the run stands that holds a lock.

    Whether a DAG is stale no task is told. A tenant's DAGs are there as long as its file is, whatever is in the file.

    :param tenants: the tenants that have a file.
    """
    airflow = this_airflow()

    def ask(lock: Lock) -> Holder | None:
        if not is_asked(lock, airflow):
            return None
        run = lock.record.run
        if not ti.get_dr_count(dag_id=run.dag_id, run_ids=[run.run_id]):
            return Holder(run=None)
        tasks = ti.get_task_states(dag_id=run.dag_id, task_ids=[FINISH], run_ids=[run.run_id])
        return Holder(
            run=ti.get_dagrun_state(dag_id=run.dag_id, run_id=run.run_id),
            finish=tasks.get(run.run_id, {}).get(FINISH),
            paused=ti.get_dag(run.dag_id).is_paused,
            stale=lock.record.tenant is not None and lock.record.tenant not in tenants(),
        )

    return ask
