"""The one trigger: what ends a wait, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from snaplift.aws import observe
from snaplift.aws.triggers.wait import SLOWEST, WaitTrigger
from snaplift.promotion.wait import Observation, Wait
from tests.unit.aws.conftest import client_error

WAIT = Wait(
    connection="aws_default",
    region="eu-central-1",
    kind="stack",
    name="stack/1",
    identity="stack/1",
    done=("CREATE_COMPLETE",),
    failed=("ROLLBACK_COMPLETE",),
    interval=10,
    timeout=600,
)
Look = Observation | None | Exception


class World:
    """A clock that only sleeping moves, and what each look finds; the last one for ever."""

    def __init__(self, *looks: Look) -> None:
        self.looks = list(looks)
        self.now = 1000.0
        self.pauses: list[float] = []
        self.clients = 0

    def make_client(self, wait: Wait) -> object:
        self.clients += 1
        return object()

    def observe(self, wait: Wait, client: object) -> Observation | None:
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Run a trigger in a world to its one event."""

    def run(world: World, wait: Wait = WAIT, until: float | None = None) -> dict[str, str]:
        monkeypatch.setattr(observe, "make_client", world.make_client)
        monkeypatch.setattr(observe, "observe", world.observe)
        monkeypatch.setattr("snaplift.aws.triggers.wait.asyncio.sleep", world.sleep)
        monkeypatch.setattr("snaplift.aws.triggers.wait.time.time", lambda: world.now)
        monkeypatch.setattr("snaplift.aws.triggers.wait.random.uniform", lambda *_: 1.0)
        trigger = WaitTrigger(wait.model_dump_json(), world.now + wait.timeout if until is None else until)

        async def collect() -> list[Any]:
            return [event.payload async for event in trigger.run()]

        [payload] = asyncio.run(collect())
        return dict(payload)

    return run


def seen(state: str, identity: str = "stack/1", detail: str = "") -> Observation:
    return Observation(state=state, identity=identity, detail=detail)


BUSY, DONE = seen("CREATE_IN_PROGRESS"), seen("CREATE_COMPLETE")


def test_it_looks_until_the_thing_is_as_wanted(outcome: Any) -> None:
    world = World(BUSY, BUSY, DONE)
    assert outcome(world) == {"verdict": "done", "state": "CREATE_COMPLETE", "detail": ""}
    assert world.pauses == [1, 1.25]
    assert world.clients == 1


def test_what_takes_long_is_not_asked_for_more_often_than_its_interval(outcome: Any) -> None:
    world = World(*[BUSY] * 20, DONE)
    outcome(world)
    assert world.pauses[:3] == [1, 1.25, 1.5625]
    assert world.pauses[-1] == WAIT.interval


def test_a_failure_ends_the_wait_at_once_with_the_reason(outcome: Any) -> None:
    found = outcome(World(BUSY, seen("ROLLBACK_COMPLETE", detail="quota")))
    assert found == {"verdict": "failed", "state": "ROLLBACK_COMPLETE", "detail": "quota"}


def test_s14_a_thing_counts_as_gone_only_after_three_looks_and_its_interval(outcome: Any) -> None:
    world = World(None, None, BUSY, None, None, DONE)
    assert outcome(world)["verdict"] == "done"
    world = World(BUSY, None)
    assert outcome(world) == {"verdict": "absent", "state": "absent", "detail": ""}
    assert len(world.pauses) >= 3
    assert sum(world.pauses[1:]) >= WAIT.interval, "what has just been made may not be listed at once"


def test_a_thing_that_is_to_go_is_gone_after_three_looks_too(outcome: Any) -> None:
    gone = WAIT.model_copy(update={"absent": "done", "done": ()})
    world = World(BUSY, None)
    assert outcome(world, gone)["verdict"] == "done"
    assert len(world.pauses) == 3


def test_s54_a_namesake_ends_the_wait(outcome: Any) -> None:
    assert outcome(World(seen("CREATE_COMPLETE", "stack/2")))["verdict"] == "absent"


def test_s27_throttling_slows_it_down_to_a_limit_and_it_gets_fast_again(outcome: Any) -> None:
    throttled: list[Look] = [client_error("Throttling")] * 5
    world = World(*throttled, BUSY, BUSY, BUSY, BUSY, BUSY, DONE)
    assert outcome(world, WAIT.model_copy(update={"timeout": 3600}))["verdict"] == "done"
    assert world.pauses == [20, 40, 80, SLOWEST, SLOWEST, 60, 30, 15, 10, 10]


def test_s14_an_error_is_no_absence(outcome: Any) -> None:
    errors: list[Look] = [None, None, client_error("InternalFailure"), None, None, client_error("InternalFailure")]
    assert outcome(World(*errors, None, DONE))["verdict"] == "absent"
    assert outcome(World(None, client_error("Throttling"), None, DONE))["verdict"] == "done"


def test_s36_after_an_error_it_asks_with_new_credentials(outcome: Any) -> None:
    world = World(BUSY, client_error("ExpiredToken"), DONE)
    assert outcome(world)["verdict"] == "done"
    assert world.clients == 2


def test_an_error_that_would_come_again_ends_the_wait(outcome: Any) -> None:
    world = World(client_error("AccessDenied", "not you"), DONE)
    found = outcome(world)
    assert (found["verdict"], found["state"]) == ("failed", "unknown")
    assert "not you" in found["detail"]
    assert world.pauses == []


def test_s19_a_wait_has_a_deadline(outcome: Any) -> None:
    world = World(BUSY)
    found = outcome(world)
    assert found == {"verdict": "overdue", "state": "CREATE_IN_PROGRESS", "detail": "not done after 600 s"}
    assert 1600 <= world.now < 1600 + WAIT.interval


def test_a_deadline_holds_through_errors_too(outcome: Any) -> None:
    found = outcome(World(client_error("Throttling")))
    assert (found["verdict"], found["state"]) == ("overdue", "unknown")


def test_s35_a_restarted_triggerer_keeps_the_deadline_and_looks_once_before_it_gives_up(outcome: Any) -> None:
    assert outcome(World(BUSY), until=0)["detail"] == "not done after 600 s"
    assert outcome(World(DONE), until=0)["verdict"] == "done"


def test_s35_what_a_triggerer_stores_makes_the_same_trigger() -> None:
    trigger = WaitTrigger(WAIT.model_dump_json(), 1700000000.5)
    path, given = trigger.serialize()
    assert path == "snaplift.aws.triggers.wait.WaitTrigger"
    again = WaitTrigger(**given)
    assert again.serialize() == trigger.serialize()
    assert Wait.model_validate_json(again.wait) == WAIT


@pytest.mark.parametrize("given", [{"wait": 1, "until": 1.0}, {"wait": "{}", "until": "soon"}])
def test_its_init_raises_nothing_but_type_error_which_alone_a_triggerer_survives(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        WaitTrigger(**given)


def test_a_wait_that_cannot_be_read_fails_its_own_task_only() -> None:
    trigger = WaitTrigger("no JSON", 1.0)  # not here: that would end the triggerer

    async def run() -> None:
        async for _ in trigger.run():
            raise AssertionError("there is nothing to tell")

    with pytest.raises(ValueError, match="Invalid JSON"):
        asyncio.run(run())
