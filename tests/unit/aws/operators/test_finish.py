"""finish without a lock: the run is red where a task failed, and green where there was nothing to do."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from snaplift.aws.operators.promotion import FinishOperator
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import Done
from snaplift.config.previews import Previews
from snaplift.promotion.wait import Wait
from tests.unit.promotion.examples import plan

RUN_ID = "manual__1"


class Task:
    def __init__(self, **states: str) -> None:
        self.states = states

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert run_ids == [RUN_ID]
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


# -- the inventory -------------------------------------------------------------------------------------------------


class PreviewTask(Task):
    """Of a run that has planned a preview."""

    def xcom_pull(self, **_: Any) -> Any:
        previews = Previews(like="qa")
        tenant = plan().tenant.model_copy(update={"previews": previews}).with_preview("pr42", "dev")
        return plan(environment="pr42", tenant=tenant).model_dump(mode="json", by_alias=True)


def finish_preview(monkeypatch: pytest.MonkeyPatch, advance: Any, look: Any) -> Any:
    monkeypatch.setattr("snaplift.aws.steps.finish.advance", advance)
    monkeypatch.setattr("snaplift.aws.steps.inventory.look", look)
    monkeypatch.setattr(FinishOperator, "platforms", lambda _: None)
    monkeypatch.setattr(FinishOperator, "run_of", lambda *_: None)
    with DAG("xy-0146.preview"):
        operator = FinishOperator(task_id="finish", tenant="xy-0146", named_by="name", configuration="/nowhere")
    context: Any = {"ti": PreviewTask(), "run_id": RUN_ID, "params": {"name": "pr42"}}
    return operator.execute(context)


def aborted(*_: Any) -> Done:
    raise Aborted("undone")


@pytest.mark.parametrize("advance", [lambda *_: Done({"active": "20261123t020000z"}), aborted])
def test_the_inventory_has_a_preview_as_it_is_at_the_end_however_it_ends(
    monkeypatch: pytest.MonkeyPatch, advance: Any
) -> None:
    kept: list[Any] = []
    monkeypatch.setattr("snaplift.aws.operators.inventory.keep", kept.append)
    with suppress(AirflowFailException):
        finish_preview(monkeypatch, advance, lambda of: str(of.name))
    assert kept == ["xy-0146-pr42"]


def test_the_inventory_is_left_alone_while_the_end_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snaplift.aws.operators.inventory.keep", lambda _: pytest.fail("it is not the end"))
    wait = Wait(
        connection="", region="eu-central-1", kind="stack", name="xy-0146-pr42-service", done=("gone",), timeout=60
    )
    with pytest.raises(TaskDeferred):
        finish_preview(monkeypatch, lambda *_: wait, lambda of: str(of.name))


def test_an_inventory_that_cannot_be_written_fails_no_task_and_hides_no_abort(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_: Any) -> Any:
        raise ConnectionError("AWS is away")

    done = finish_preview(monkeypatch, lambda *_: Done({"active": "20261123t020000z"}), look)
    assert done == {"active": "20261123t020000z"}
    with pytest.raises(AirflowFailException, match="undone"):
        finish_preview(monkeypatch, aborted, look)


def test_a_run_without_a_plan_has_none_to_link_to() -> None:
    with DAG("xy-0146.promote"):
        operator = FinishOperator(task_id="finish", tenant="xy-0146", configuration="/nowhere")
    context: Any = {"ti": Task(plan="failed")}
    assert operator.plan_to_show(context) is None
