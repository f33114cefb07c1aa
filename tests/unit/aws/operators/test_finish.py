"""finish without a lock: the run is red where a task failed, and green where there was nothing to do."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from snaplift.aws.operators.promotion import FinishOperator
from snaplift.aws.steps.promotion import Done

RUN_ID = "manual__1"


class Task:
    def __init__(self, **states: str) -> None:
        self.states = states

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert (dag_id, run_ids) == ("xy-0146.promote", [RUN_ID])
        return {RUN_ID: self.states}

    def xcom_pull(self, **_: Any) -> None:
        return None


def finish(monkeypatch: pytest.MonkeyPatch, outcome: Done, **states: str) -> Any:
    monkeypatch.setattr("snaplift.aws.steps.finish.advance", lambda *_: outcome)
    monkeypatch.setattr(FinishOperator, "platforms", lambda _: None)
    monkeypatch.setattr(FinishOperator, "run_of", lambda *_: None)
    with DAG("xy-0146.promote"):
        operator = FinishOperator(task_id="finish", tenant="xy-0146", configuration="/nowhere")
    context: Any = {"ti": Task(**states), "run_id": RUN_ID, "params": {"environment": "qa"}}
    return operator.execute(context)


@pytest.mark.parametrize("task", ["plan", "approve", "lock", "namespace"])
def test_a_run_that_failed_before_it_had_the_lock_is_red(monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    states = {"begin": "success", task: "failed", "snapshot": "upstream_failed"}
    with pytest.raises(AirflowFailException, match=f"nothing was promoted: {task} failed"):
        finish(monkeypatch, Done(skipped="this run holds no lock"), **states)


def test_a_dry_run_is_green(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"begin": "success", "plan": "success", "approve": "skipped", "lock": "skipped"}
    assert finish(monkeypatch, Done(skipped="this run holds no lock"), **states) == {
        "skipped": "this run holds no lock"
    }


def test_a_release_that_is_active_is_green_though_its_old_database_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finish(monkeypatch, Done({"active": "20261123t020000z"}), activate="success", retire="failed") == {
        "active": "20261123t020000z"
    }


def test_a_run_without_a_plan_has_none_to_link_to() -> None:
    with DAG("xy-0146.promote"):
        operator = FinishOperator(task_id="finish", tenant="xy-0146", configuration="/nowhere")
    context: Any = {"ti": Task(plan="failed")}
    assert operator.plan_to_show(context) is None
