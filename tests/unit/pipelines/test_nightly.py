"""The nightly DAG: in order, each only after success, with every param said, and not at noon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException

from snaplift.pipelines.nightly import StartInTimeOperator, nightly_dag
from snaplift.pipelines.promote import promote_dag
from tests.unit.stacks.examples import tenant

NIGHTLY = tenant(
    nightly={
        "schedule": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "start_within": "90m",
        "environments": ["qa", "prod"],
    }
)


@pytest.fixture
def dag() -> DAG:
    assert NIGHTLY.nightly is not None
    return nightly_dag(NIGHTLY, NIGHTLY.nightly)


def test_environments_come_one_after_the_other_each_only_after_success(dag: DAG) -> None:
    assert dag.get_task("start_in_time").downstream_task_ids == {"promote_to_qa"}
    assert dag.get_task("promote_to_qa").downstream_task_ids == {"promote_to_prod"}
    for name in ("promote_to_qa", "promote_to_prod"):
        task: Any = dag.get_task(name)
        assert task.trigger_rule == "all_success"
        assert (task.wait_for_completion, task.deferrable) == (True, True)
        assert (task.allowed_states, task.failed_states) == (["success"], ["failed"])
        assert task.retries == 0


def test_a_night_that_hangs_keeps_no_other_away(dag: DAG) -> None:
    """What it waits for may be a paused DAG; a deferred task knows no timeout but its run's."""
    for name in ("promote_to_qa", "promote_to_prod"):
        assert getattr(dag.get_task(name), "fail_when_dag_is_paused", None) is True
    assert dag.dagrun_timeout is not None
    assert dag.dagrun_timeout < timedelta(days=1)


def test_every_param_is_said_so_that_a_run_can_be_triggered_again_as_it_was(dag: DAG) -> None:
    asked = {name: getattr(dag.get_task(f"promote_to_{name}"), "conf", None) for name in ("qa", "prod")}
    assert asked == {
        "qa": {"environment": "qa", "release": "new", "build": "", "dry_run": False},
        "prod": {"environment": "prod", "release": "tested", "build": "", "dry_run": False},
    }
    assert all(set(promote_dag("xy-0146", NIGHTLY, "/c").params) == set(conf or ()) for conf in asked.values())


def test_s40_a_trigger_that_is_tried_again_starts_no_second_promotion(dag: DAG) -> None:
    task: Any = dag.get_task("promote_to_qa")
    assert task.trigger_dag_id == "xy-0146.promote"
    assert task.trigger_run_id == "nightly__{{ run_id }}__qa"
    assert "trigger_run_id" in task.template_fields


def test_its_schedule_is_in_the_tenants_zone_and_missed_nights_are_not_made_up_for(dag: DAG) -> None:
    timetable: Any = dag.timetable
    assert (timetable.expression if hasattr(timetable, "expression") else timetable._expression) == "30 2 * * *"
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert dag.allowed_run_types == {"scheduled", "manual", "operator_triggered"}


def start(run_type: str, late: timedelta) -> None:
    run = SimpleNamespace(run_type=run_type, run_after=datetime.now(UTC) - late)
    context: Any = {"dag_run": run}
    StartInTimeOperator(task_id="start_in_time", start_within=5400.0).execute(context)


def test_s52_a_scheduled_start_that_comes_too_late_is_skipped() -> None:
    start("scheduled", timedelta(minutes=80))
    with pytest.raises(AirflowSkipException, match="the tenant allows 90m"):
        start("scheduled", timedelta(hours=10))


def test_a_start_by_hand_is_never_too_late() -> None:
    start("manual", timedelta(hours=10))
