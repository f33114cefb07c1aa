"""Without Airflow a step is driven as an operator and the trigger drive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from snaplift.aws import driving
from snaplift.aws.errors import StepFailed, WaitFailed
from snaplift.aws.steps.promotion import Done
from snaplift.promotion.wait import Observation, Wait
from tests.unit.aws.conftest import client_error

WAIT = Wait(
    connection="",
    region="eu-central-1",
    kind="stack",
    name="x",
    done=("CREATE_COMPLETE",),
    failed=("BAD",),
    timeout=600,
)
DONE = Done({"stack": "x"})
MAKING, MADE = Observation(state="CREATE_IN_PROGRESS"), Observation(state="CREATE_COMPLETE")
BAD = Observation(state="BAD", detail="quota")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it waited between two looks, on a clock of its own."""
    found: list[float] = []
    monkeypatch.setattr("snaplift.aws.driving.time.sleep", found.append)
    monkeypatch.setattr("snaplift.aws.driving.time.monotonic", lambda: sum(found))
    return found


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> Callable[..., Done]:
    def driven(outcomes: list[Any], seen: list[Any], **given: Any) -> Done:
        def look(*_: Any) -> Observation | None:
            found = seen.pop(0) if len(seen) > 1 else seen[0]
            if isinstance(found, Exception):
                raise found
            return found  # type: ignore[no-any-return]

        def advance() -> Wait | Done:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome  # type: ignore[no-any-return]

        monkeypatch.setattr(driving, "make_client", lambda _: None)
        monkeypatch.setattr(driving, "observe", look)
        return driving.drive(advance, **given)

    return driven


def test_it_advances_again_after_each_wait(drive: Callable[..., Done], pauses: list[float]) -> None:
    told: list[Wait] = []
    assert drive([WAIT, WAIT, DONE], [MAKING, MADE], tell=told.append) == DONE
    assert told == [WAIT, WAIT]
    assert len(pauses) == 1


def test_it_looks_less_and_less_often_up_to_the_waits_interval(drive: Callable[..., Done], pauses: list[float]) -> None:
    drive([WAIT, DONE], [*[MAKING] * 30, MADE])
    assert pauses[0] == 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == WAIT.interval


def test_what_went_wrong_is_explained_by_the_step(drive: Callable[..., Done]) -> None:
    with pytest.raises(StepFailed, match="stack x: quota"):
        drive([WAIT, StepFailed("stack x: quota")], [BAD])


def test_what_the_step_cannot_explain_is_told_as_it_was_seen(drive: Callable[..., Done]) -> None:
    with pytest.raises(WaitFailed, match="stack x is BAD: quota"):
        drive([WAIT, WAIT], [BAD])


def test_a_wait_has_its_deadline(drive: Callable[..., Done], pauses: list[float]) -> None:
    with pytest.raises(WaitFailed, match="stack x is not done after 600 s"):
        drive([WAIT, WAIT], [MAKING])
    assert sum(pauses) >= WAIT.timeout


def test_s14_what_is_not_listed_once_is_not_gone(drive: Callable[..., Done]) -> None:
    assert drive([WAIT, DONE], [None, None, MADE]) == DONE
    with pytest.raises(WaitFailed, match="stack x is absent"):
        drive([WAIT, WAIT], [None])


def test_s27_throttling_is_waited_out_and_a_refusal_is_not(drive: Callable[..., Done]) -> None:
    assert drive([WAIT, DONE], [client_error("Throttling"), MADE]) == DONE
    with pytest.raises(Exception, match="AccessDenied"):
        drive([WAIT, DONE], [client_error("AccessDenied")])
