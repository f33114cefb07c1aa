"""``fleet.recover``: end what runs left that ended without a task of their own."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG

from snaplift.aws.operators.recover import FindDeadLocksOperator, RecoverOperator
from snaplift.pipelines import common

RECOVER_DAG_ID: Final = "fleet.recover"

DOC: Final = """\
A run that was deleted, timed out, or whose Airflow was lost ends without its `finish`, and so does one that waits in a
paused DAG. Its lock stays. `find` lists the locks whose run is dead: it is gone, or has ended, or it cannot go on (or
not be asked) and its lease is over. A run that goes on is never touched. `recover` judges each once more, then
completes or aborts by the lock's record, as `finish` does, and gives the lock back. What takes AWS longer than some
minutes is gone on with by the next run, so that no other lock has to wait for it.

Leave it switched on. A red `recover` says what could not be put back; the next run tries again.
"""


def recover_dag(configuration: str) -> DAG:
    """Compose the recovery of all platforms' locks. No file of a tenant is read.

    :param configuration: the folder with ``platforms.yaml``.
    """
    with common.fleet_dag(
        RECOVER_DAG_ID,
        "Ends promotions whose run is gone, and gives their locks back",
        DOC,
        "*/5 * * * *",
        switched_on=True,
    ) as dag:
        found = FindDeadLocksOperator(task_id="find", configuration=configuration)
        RecoverOperator.partial(
            task_id="recover",
            configuration=configuration,
            map_index_template="{{ task.lock['namespace'] or task.lock['platform'] }}",
        ).expand(lock=found.output)
    return dag
