"""fleet.recover's tasks: a list to map over, and one dead lock each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from snaplift.aws.errors import StepFailed
from snaplift.aws.operators import recover
from snaplift.aws.operators.recover import FindDeadLocksOperator, RecoverOperator
from snaplift.aws.steps.promotion import Done
from snaplift.aws.steps.recover import Lead
from snaplift.promotion.wait import Wait
from tests.unit.config.conftest import PLATFORMS

LEAD = Lead(platform="platform-nonprod", namespace="xy-0146-qa", fence=3, why="its run no longer exists")
CONTEXT: Any = {"run_id": "scheduled__1", "ti": None, "params": {}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A configuration whose tenants nobody reads."""
    (tmp_path / "platforms.yaml").write_text(PLATFORMS)
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "xy-0146.yaml").write_text("tenant: [")
    monkeypatch.setattr("snaplift.aws.operators.metadata.asking", lambda _, tenants: tenants)
    return str(tmp_path)


def test_what_is_found_is_a_list_to_map_over(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def find(_: Any, ask: Any) -> list[Lead]:
        asked.append(ask())
        return [LEAD]

    monkeypatch.setattr("snaplift.aws.steps.recover.find", find)
    found = FindDeadLocksOperator(task_id="find", configuration=folder).execute(CONTEXT)
    assert [Lead.model_validate(each) for each in found] == [LEAD]
    assert asked == [["xy-0146"]]


def test_no_more_are_taken_on_at_once_than_airflow_maps_over(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snaplift.aws.steps.recover.find", lambda *_: [LEAD] * 1500)
    assert len(FindDeadLocksOperator(task_id="find", configuration=folder).execute(CONTEXT)) == recover.MOST


def recovering(folder: str, monkeypatch: pytest.MonkeyPatch, outcome: Any) -> Any:
    def advance(_: Any, lead: Lead, __: Any) -> Any:
        assert lead == LEAD
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr("snaplift.aws.steps.recover.advance", advance)
    operator = RecoverOperator(task_id="recover", configuration=folder, lock=LEAD.model_dump())
    return operator.execute(CONTEXT)


def test_how_it_ended_is_the_tasks_result(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = Done({"ended": "aborted, xy-0146-qa still serves 20261120t020000z. Why: database: quota"})
    assert recovering(folder, monkeypatch, done) == done.result


def test_while_aws_works_it_holds_no_worker(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Wait(connection="", region="eu-central-1", kind="db_instance", name="x", done=(), absent="done", timeout=60)
    with pytest.raises(TaskDeferred):
        recovering(folder, monkeypatch, wait)


LONG = Wait(connection="", region="eu-central-1", kind="db_instance", name="x", done=(), absent="done", timeout=10_800)


def test_what_takes_long_keeps_nobody_elses_lock_waiting(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run of fleet.recover at a time: what AWS does for hours is left to the next ones."""
    with pytest.raises(TaskDeferred) as deferred:
        recovering(folder, monkeypatch, LONG)
    trigger: Any = deferred.value.trigger
    assert Wait.model_validate_json(trigger.wait).timeout == recover.PATIENCE < 300
    operator = RecoverOperator(task_id="recover", configuration=folder, lock=LEAD.model_dump())
    ended = operator.execute(CONTEXT, {"verdict": "overdue", "state": "deleting", "detail": "not done after 240 s"})
    assert ended == {"skipped": "AWS is still at work (deleting): the next run goes on"}


def test_what_went_wrong_while_it_was_waited_for_is_no_patience(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snaplift.aws.steps.recover.advance", lambda *_: LONG)
    operator = RecoverOperator(task_id="recover", configuration=folder, lock=LEAD.model_dump())
    with pytest.raises(AirflowFailException, match="db instance x is DELETE_FAILED: it is in use"):
        operator.execute(CONTEXT, {"verdict": "failed", "state": "DELETE_FAILED", "detail": "it is in use"})


def test_what_is_left_when_it_could_not_finish_is_in_the_error(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = StepFailed("instance x is protected from deletion")
    error.add_note("Left to do: database x is deleted")
    with pytest.raises(AirflowFailException) as failed:
        recovering(folder, monkeypatch, error)
    assert str(failed.value) == "instance x is protected from deletion Left to do: database x is deleted"
