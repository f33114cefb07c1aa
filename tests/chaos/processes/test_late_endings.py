"""A person ends a run when its candidate serves visitors already: before it is confirmed, or after it became active.

Until the pointer has moved, what served before serves again. After that a promotion only goes forward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from local.airflow.client import Run
from local.demo.following import Followed

from tests.chaos.processes.catalogue import LATE_ENDINGS, Catalogue

FAILED, GREEN, CLEARED, DELETED = LATE_ENDINGS


def what_a_person_does(catalogue: Catalogue, clear: str) -> Mapping[str, Callable[[Run], None]]:
    """By environment. A run that was deleted comes first: for a moment the DAG is paused."""
    return {
        DELETED: catalogue.delete,
        FAILED: lambda run: catalogue.airflow.mark(run, "failed"),
        GREEN: lambda run: catalogue.airflow.mark(run, "success"),
        CLEARED: lambda run: catalogue.airflow.clear(run, clear),
    }


@dataclass(frozen=True)
class Ended:
    """How all the runs ended, of which one is deleted, so that it can tell nothing."""

    runs: dict[str, Run]
    followed: dict[str, Followed]
    before: dict[str, str | None]
    """The release that was active, by environment."""
    after: dict[str, str | None]

    def changed(self) -> set[str]:
        """The environments in which another release is active than before."""
        return {name for name in LATE_ENDINGS if self.after[name] != self.before[name]}


def end_at(catalogue: Catalogue, step: str, delay: str, clear: str) -> Ended:
    """Promote to all, and end each in its own way while a step waits, which it does as long as the delay lasts."""
    before = {name: catalogue.release(name) for name in LATE_ENDINGS}
    with catalogue.lasting(delay):
        runs = {name: catalogue.promote(name) for name in LATE_ENDINGS}
        for run in runs.values():
            catalogue.reaches(run, step, "deferred")
        for name, act in what_a_person_does(catalogue, clear).items():
            act(runs[name])
            catalogue.endings += 1
    followed = catalogue.end({name: run for name, run in runs.items() if name != DELETED})
    catalogue.recover()
    after = {name: catalogue.release(name) for name in LATE_ENDINGS}
    return Ended(runs, followed, before, after)


@pytest.fixture(scope="module")
def unconfirmed(catalogue: Catalogue) -> Ended:
    """While the deployment is not confirmed. Its tasks are healthy, and those of its predecessor are gone."""
    empty = [name for name in LATE_ENDINGS if catalogue.release(name) is None]
    catalogue.succeed({name: catalogue.promote(name) for name in empty})
    ended = end_at(catalogue, "confirm", "ecs.steady", clear="deploy")
    assert catalogue.untrue() == []
    return ended


@pytest.fixture(scope="module")
def activated(catalogue: Catalogue, unconfirmed: Ended) -> Ended:
    """While the previous database goes."""
    return end_at(catalogue, "retire", "rds.delete", clear="retire")


@pytest.mark.parametrize("name", [FAILED, GREEN], ids=["failed", "green"])
def test_s41_what_serves_and_is_not_confirmed_is_undone_and_red(unconfirmed: Ended, name: str) -> None:
    ended = unconfirmed.followed[name]
    assert ended.state == "failed"
    assert f"still serves {unconfirmed.before[name]}" in ended.failures["finish"]


def test_s41_s48_whoever_ends_it_the_old_serves_again_but_where_it_was_cleared(unconfirmed: Ended) -> None:
    cleared = unconfirmed.followed[CLEARED]
    assert (cleared.state, cleared.failures) == ("success", {})
    assert unconfirmed.changed() == {CLEARED}


def test_s43_what_is_active_stays_however_its_run_is_ended(activated: Ended) -> None:
    assert activated.changed() == set(LATE_ENDINGS)
    assert "finish" not in {task for ended in activated.followed.values() for task in ended.failures}
    assert activated.followed[CLEARED].state == "success"


def test_s43_what_a_run_that_was_ended_then_has_left_goes_once_it_is_cleared(
    catalogue: Catalogue, activated: Ended
) -> None:
    """What a deleted run has left is the reaper's."""
    for name in (FAILED, GREEN):
        catalogue.airflow.clear(activated.runs[name], "retire")
    catalogue.succeed({name: activated.runs[name] for name in (FAILED, GREEN)})
    assert catalogue.untrue(reapers=DELETED) == []
