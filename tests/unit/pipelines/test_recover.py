"""fleet.recover: it runs by itself from the beginning, every few minutes, and no configuration can break it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.definitions.mappedoperator import MappedOperator

from snaplift.pipelines import common
from snaplift.pipelines.loading import fleet_dags
from snaplift.pipelines.recover import RECOVER_DAG_ID, recover_dag


@pytest.fixture
def dag() -> DAG:
    return recover_dag("/nowhere")


def test_it_runs_every_five_minutes_from_the_beginning_and_makes_up_for_nothing(dag: DAG) -> None:
    assert isinstance(dag.timetable, CronTriggerTimetable)
    assert dag.timetable.expression == "*/5 * * * *"
    assert dag.is_paused_upon_creation is False
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert dag.start_date is not None
    assert dag.start_date < datetime(2026, 2, 1, tzinfo=UTC)


def test_nothing_ends_it_half_way(dag: DAG) -> None:
    assert dag.dagrun_timeout is None
    assert dag.max_consecutive_failed_dag_runs == 0, "Airflow would switch it off"
    assert all(task.execution_timeout is None for task in dag.tasks)


def test_each_dead_lock_has_a_task_of_its_own_that_is_retried(dag: DAG) -> None:
    recover = dag.get_task("recover")
    assert isinstance(recover, MappedOperator)
    assert recover.upstream_task_ids == {"find"}
    assert recover.retries == dag.get_task("find").retries == common.RETRIES["retries"]


@pytest.mark.parametrize("text", ["", "tenant: [", "\x00"])
def test_s37_no_file_of_a_tenant_can_break_it(root: Path, text: str) -> None:
    for file in (root / "tenants").iterdir():
        file.write_text(text)
    assert RECOVER_DAG_ID in fleet_dags("/dags/fleet.py")


def test_it_can_be_serialized(dag: DAG) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == RECOVER_DAG_ID
