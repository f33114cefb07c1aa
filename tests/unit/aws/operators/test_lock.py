"""The lock's task: it says which Airflow it is in, and all its waits together have one limit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from snaplift.aws.operators.promotion import LockOperator
from snaplift.aws.steps.promotion import Done
from snaplift.promotion.lock import LockHeld
from snaplift.promotion.wait import Wait
from tests.unit.promotion.examples import plan

WAIT = Wait(connection="", region="eu-central-1", kind="lock", name="xy-0146-qa", done=("free",), timeout=600)
CONTEXT: Any = {"run_id": "manual__1", "params": {"environment": "qa"}}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the step is asked with; the fixture's first caller sets how it answers."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr("snaplift.aws.operators.metadata.this_airflow", lambda: "a1")
    monkeypatch.setattr("snaplift.aws.operators.promotion.planned", lambda _: plan())
    return found


def operator(monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]], outcome: Any) -> LockOperator:
    def advance(_: Any, **given: Any) -> Any:
        calls.append(given)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr("snaplift.aws.steps.lock.advance", advance)
    with DAG("xy-0146.promote"):
        return LockOperator(task_id="lock", tenant="xy-0146", configuration="/nowhere")


def test_s16_waits_that_follow_each_other_have_begun_with_the_first(
    monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr("snaplift.aws.operators.promotion.time.time", lambda: 1000.0)
    with pytest.raises(TaskDeferred) as first:
        operator(monkeypatch, calls, WAIT).execute(CONTEXT)
    assert first.value.kwargs == {"since": 1000.0}
    monkeypatch.setattr("snaplift.aws.operators.promotion.time.time", lambda: 1300.0)
    # As a worker resumes it: another object, with what was kept.
    event = {"verdict": "done", "state": "free", "detail": ""}
    with pytest.raises(TaskDeferred) as second:
        operator(monkeypatch, calls, WAIT).execute(CONTEXT, event=event, **first.value.kwargs)
    assert second.value.kwargs == {"since": 1000.0}
    assert [call["since"] for call in calls] == [datetime.fromtimestamp(1000, UTC)] * 2


def test_s16_a_wait_that_took_too_long_is_told_in_the_locks_own_words(
    monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]
) -> None:
    event = {"verdict": "overdue", "state": "promoting", "detail": "not done after 600 s"}
    asked = operator(monkeypatch, calls, LockHeld("xy-0146-qa is locked by run other"))
    with pytest.raises(AirflowFailException, match="xy-0146-qa is locked by run other"):
        asked.execute(CONTEXT, event=event, since=1000.0)


def test_the_lock_is_taken_with_this_airflows_id(monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]) -> None:
    done = Done({"release": "20261123t020000z", "fence": 1})
    assert operator(monkeypatch, calls, done).execute(CONTEXT) == done.result
    assert [call["airflow"] for call in calls] == ["a1"]
