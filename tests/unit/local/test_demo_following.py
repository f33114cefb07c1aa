from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from local.airflow.client import Airflow, AirflowError, Run, RunState, Task
from local.demo import following
from local.demo.following import Followed, follow

BEGAN = datetime(2026, 11, 23, 2, tzinfo=UTC)
RUN = Run("xy-0146.promote", "manual")


def task(task_id: str, state: str | None, seconds: float | None = None) -> Task:
    ended = BEGAN + timedelta(seconds=seconds) if seconds is not None else None
    return Task(task_id, "", state, 1, BEGAN if state else None, ended, "Step")


class ScriptedAirflow:
    """Shows one state of the run after the other; time passes by one second between them."""

    def __init__(self, states: Sequence[RunState], clock: Clock) -> None:
        self._states = list(states)
        self._clock = clock

    def look(self, run: Run) -> RunState:
        self._clock.now += 1
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def failures(self, run: Run) -> dict[str, str]:
        return {"smoke": "the page / does not contain the address", "finish": "aborted: the page / …"}


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        pass


def shown(state: str, *tasks: Task) -> RunState:
    ended = BEGAN + timedelta(seconds=38) if state != "running" else None
    return RunState(state, BEGAN, ended, tasks)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(following, "time", fake)
    return fake


def followed(states: Sequence[RunState], clock: Clock, seconds: float = 100) -> tuple[Followed, list[str]]:
    told: list[str] = []
    airflow = cast("Airflow", ScriptedAirflow(states, clock))
    return follow(airflow, {"qa": RUN}, seconds, told.append)["qa"], told


def test_the_time_in_which_a_task_waits_is_told_from_the_rest(clock: Clock) -> None:
    states = [
        shown("running", task("plan", "running")),
        shown("running", task("plan", "success", 1), task("snapshot", "deferred")),
        shown("running", task("plan", "success", 1), task("snapshot", "deferred")),
        shown("running", task("plan", "success", 1), task("snapshot", "running")),
        shown("success", task("plan", "success", 1), task("snapshot", "success", 3)),
    ]
    found, told = followed(states, clock)
    assert found.state == "success"
    assert found.seconds == 38
    assert found.waiting_seconds == 2
    assert found.steps == {"plan": 1.0, "snapshot": 3.0}
    assert told == ["qa  plan: done, 1.0 s", "qa  snapshot: waits for AWS", "qa  snapshot: done, 3.0 s"]


def test_of_a_run_that_failed_the_last_reason_is_given(clock: Clock) -> None:
    found, told = followed([shown("failed", task("smoke", "failed", 2), task("finish", "failed", 9))], clock)
    assert found.state == "failed"
    assert found.reason == "aborted: the page / …"
    assert told[0] == "qa  smoke: FAILED, 2.0 s"


def test_a_run_that_does_not_end_is_given_up_with_what_it_is_at(clock: Clock) -> None:
    with pytest.raises(AirflowError, match=r"not finished after 3 s: qa \(confirm deferred\)"):
        followed([shown("running", task("confirm", "deferred"))], clock, seconds=3)
