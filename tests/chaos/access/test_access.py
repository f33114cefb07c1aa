"""However a promotion goes, no visitor is turned away, and no acknowledged write is gone that was not told of."""

from __future__ import annotations

import re
from typing import Any

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.finish import Aborted
from tests.chaos.access.visiting import Ground, Visit
from tests.integration.test_aborts import begin
from tests.support.driving import PROMOTE

QUESTION = "SELECT COUNT(*) FROM notes WHERE text = 'none'"


LONGEST_GAP = 1.0
"""Seconds. On a machine so busy that a site waits that long to which nothing is promoted, twice what that one waits."""


def assert_uninterrupted(visit: Visit) -> None:
    """Nobody was turned away, nobody waited."""
    seen = visit.seen
    assert (seen.failed, seen.held_back) == (0, 0), seen.last_failures
    assert visit.longest_gap < max(LONGEST_GAP, 2 * visit.machines_gap)


def told(words: str | None, table: str) -> int:
    """How many rows of the visitors' table were said to be discarded."""
    found = [part.split()[1] for part in (words or "").split("; ") if part.startswith(f"{table}: ")]
    return int(found[0].replace(",", "")) if found else 0


def test_s09_a_good_promotion(ground: Ground) -> None:
    promoted(ground, "a good promotion")


def promoted(ground: Ground, what: str) -> None:
    """A promotion that goes well, and tells of every write that is not in what is active afterwards."""
    driver, table = ground.driver(), ground.visitors.table
    visit = ground.visit(what, lambda: driver.promote("new", "next"))
    assert_uninterrupted(visit)
    announced = told(driver.results["deploy"].result.get("discarded"), table)
    assert 0 < announced <= told(driver.results["activate"].result["discarded"], table) == len(visit.gone)
    kept = ground.ids_in_snapshot(driver.results["retire"].result["final_snapshot"])
    ground.announced(visit, kept)
    assert {write.id for write in visit.gone} <= kept


def aborted(ground: Ground, what: str, build: str = "", **changes: Any) -> tuple[Visit, str]:
    """A promotion that fails under load: what visitors saw, and what its abort said."""

    def fail() -> str:
        with pytest.raises(Aborted) as failed:
            ground.driver(**changes).promote("new", build)
        return str(failed.value)

    before = ground.installation.standing("qa")
    visit = ground.visit(what, fail)
    after = ground.installation.standing("qa")
    assert (after.pointer, after.service, after.databases) == (before.pointer, before.service, before.databases)
    assert_uninterrupted(visit)
    return visit, str(visit.outcome)


def test_s29_one_that_fails_its_smoke_check(ground: Ground) -> None:
    visit, _ = aborted(ground, "a smoke check fails", smoke=[{"sql": QUESTION}])
    assert visit.gone == ()


def test_s03_one_whose_build_is_never_healthy(ground: Ground) -> None:
    visit, why = aborted(ground, "a build is never healthy", "sick", smoke=[{"sql": "SELECT COUNT(*) FROM notes"}])
    assert "circuit breaker" in why
    assert visit.gone == ()


@pytest.mark.parametrize("last", ["database", "smoke"])
def test_s41_one_that_is_stopped_before_it_is_deployed(ground: Ground, last: str) -> None:
    visit = stopped(ground, last)
    assert_uninterrupted(visit)
    assert visit.gone == ()


@pytest.mark.parametrize("last", ["deploy", "confirm"])
def test_s41_one_that_is_stopped_when_it_serves_already(ground: Ground, last: str) -> None:
    kept_after(ground, stopped(ground, last))


def kept_after(ground: Ground, visit: Visit) -> None:
    """What visitors wrote to the candidate goes with it, and is kept: the end of the run says where."""
    assert_uninterrupted(visit)
    kept = re.search(r"meanwhile is in snapshot (\S+)\. ", visit.outcome)
    assert (kept is not None) == bool(visit.gone)
    if kept is not None:
        held = ground.ids_in_snapshot(kept[1])
        ground.announced(visit, held)
        assert {write.id for write in visit.gone} <= held


def stopped(ground: Ground, last: str, which: str = "") -> Visit:
    """A run that a person stops when a step has ended, under load."""

    def stop() -> str:
        driver = ground.driver()
        begin(driver)
        for step in PROMOTE[: PROMOTE.index(last) + 1]:
            driver.step(step)
        if last == "confirm":
            ground.wait_for_writes()
        with pytest.raises(Aborted) as failed:
            driver.finish()
        return str(failed.value)

    return ground.visit(f"{which}a run is stopped after {last}", stop)


def test_s51_one_that_may_discard_nothing_is_aborted_before_it_is_deployed(ground: Ground) -> None:
    driver = ground.driver("ask")

    def ask() -> str:
        with pytest.raises(StepFailed, match="writes have come since the plan") as failed:
            driver.promote("new")
        return str(failed.value)

    visit = ground.visit("writes come after the plan, and it asks", ask)
    assert_uninterrupted(visit)
    assert visit.gone == ()
