"""A build that is healthy first and sick when visitors have come: what they see of it, and what is undone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snaplift.aws.steps.finish import Aborted
from tests.chaos.access.test_access import assert_uninterrupted
from tests.chaos.access.visiting import ENVIRONMENT, Ground, Visit, visited_tenant
from tests.support.requests import eventually

STEADY = 5.0
"""Seconds without a change after which a deployment has succeeded: longer than it takes to miss a task's health."""


@pytest.fixture
def watched(ground: Ground) -> Iterator[None]:
    """ECS looks on for a while before it calls a deployment a success, as in AWS, where that takes minutes."""
    laptop = ground.installation.laptop
    before = laptop.delays()["ecs.steady"]
    laptop.set_delays({"ecs.steady": STEADY})
    yield
    laptop.set_delays({"ecs.steady": before})


def worn_out(ground: Ground, what: str, build: str, *, promised: bool) -> Visit:
    """Promote a build that falls sick as it is deployed; everything is as it was afterwards, or said to be kept."""

    def fail() -> str:
        with pytest.raises(Aborted) as failed:
            ground.driver().promote("new", build)
        return str(failed.value)

    before = ground.installation.standing(ENVIRONMENT)
    visit = ground.visit(what, fail, promised=promised)
    after = ground.installation.standing(ENVIRONMENT)
    assert (after.pointer, after.service, after.databases) == (before.pointer, before.service, before.databases)
    assert "circuit breaker" in visit.outcome
    if visit.gone:
        kept = re.search(r"meanwhile is in snapshot (\S+)\. ", visit.outcome)
        assert kept is not None
        held = ground.ids_in_snapshot(kept[1])
        if promised:
            ground.announced(visit, held)
        assert {write.id for write in visit.gone} <= held
    return visit


def test_s03_one_that_falls_sick_under_load_is_rolled_back_and_nobody_is_turned_away(
    ground: Ground, watched: None
) -> None:
    """Its health page fails, its pages do not: it serves until what was there before is back."""
    assert_uninterrupted(worn_out(ground, "a build falls sick and still answers", "tiring", promised=True))


def test_s03_one_that_breaks_under_load_is_rolled_back(ground: Ground, watched: None) -> None:
    """Whom it answers with an error before its health is missed, and while nothing else is left, is turned away."""
    visit = worn_out(ground, "a build breaks (what fails is its own answer)", "breaking", promised=False)
    assert set(visit.seen.reasons) <= {"status 500"}, visit.seen.last_failures
    assert visit.seen.held_back == 0


def test_s43_one_that_falls_sick_after_its_activation_stays_active(ground: Ground, tmp_path: Path) -> None:
    """Nothing goes back by itself any more: ECS replaces tasks, and the pointer stays."""
    sick = tmp_path / "sick"
    driver = ground.driver(service=with_switch(sick))
    running = set()

    def fall_sick() -> None:
        driver.promote("new")
        running.update(tasks(ground))
        sick.touch()
        eventually(lambda: tasks(ground) - running, "ECS replaces what is sick")
        ground.wait_for_writes()
        sick.unlink()
        eventually(lambda: not tasks(ground) & running and len(tasks(ground)) == 2, "what was sick is gone")

    visit = ground.visit("a build falls sick after its activation, for a while", fall_sick)
    announced = driver.results["activate"].result["discarded"]
    kept = ground.ids_in_snapshot(driver.results["retire"].result["final_snapshot"])
    ground.announced(visit, kept if announced else ())
    assert_uninterrupted(visit)
    assert {write.id for write in visit.gone} <= kept
    active = ground.installation.pointer(ENVIRONMENT)[0].active
    assert active is not None
    assert active.run == driver.run.hash


def with_switch(sick: Path) -> dict[str, Any]:
    """The service, whose health page fails while a file is there."""
    service = visited_tenant().model_dump(mode="json", by_alias=True)["service"]
    service["containers"]["web"]["environment"]["SICK"] = str(sick)
    return dict(service)


def tasks(ground: Ground) -> set[str]:
    return {each["taskArn"] for each in ground.installation.tasks(ENVIRONMENT)}
