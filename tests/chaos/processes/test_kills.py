"""Whatever of Airflow is killed in the middle of a promotion, the promotion goes on and ends well.

The metadata database is PostgreSQL's here, as where Airflow runs for good. What of Airflow ends for its sake is started
again, as a supervisor does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from local.airflow.client import Run
from local.demo.following import Followed

from snaplift.promotion.pointer import Pointer
from tests.chaos.processes.catalogue import KILLS, KILLS_TOO, RACES, Catalogue
from tests.chaos.processes.races import ROUNDS, hold_races

KILLED = (KILLS, KILLS_TOO)
"""Of a run in the first a task's own process is killed, in the second the one that watches over it."""


def assert_ends_well(catalogue: Catalogue, run: Run, before: str | None) -> None:
    """Green, its release active, and nothing left over: as AWS has it."""
    ended = catalogue.end({KILLS: run})[KILLS]
    assert (ended.state, ended.failures) == ("success", {})
    assert catalogue.release(KILLS) not in {None, before}
    assert catalogue.untrue() == []


def while_it_waits(catalogue: Catalogue, kill: Callable[[], None]) -> None:
    """Kill something while a promotion waits for its database."""
    before = catalogue.release(KILLS)
    with catalogue.lasting_restores():
        run = catalogue.promote(KILLS)
        catalogue.reaches(run, "database", "deferred")
        kill()
        catalogue.wait_until_healthy()
    assert_ends_well(catalogue, run, before)


def test_s35_each_of_airflows_processes_is_killed(catalogue: Catalogue) -> None:
    """One after the other in one promotion: the next when Airflow misses nothing any more."""

    def kill_each() -> None:
        for name in ("airflow-scheduler", "airflow-triggerer", "airflow-api-server"):
            catalogue.kill(name)
            catalogue.wait_until_healthy()

    while_it_waits(catalogue, kill_each)


def test_s35_the_metadata_database_is_killed_and_then_all_of_airflow_started_again(catalogue: Catalogue) -> None:
    """In one promotion, too."""

    def kill_and_restart() -> None:
        catalogue.kill_database()
        catalogue.wait_until_healthy()
        catalogue.restart()

    while_it_waits(catalogue, kill_and_restart)


@dataclass(frozen=True)
class Ended:
    """How promotions ended of which a task's process was killed, by environment."""

    runs: dict[str, Followed]
    before: dict[str, str | None]
    after: dict[str, str | None]
    """The release that was active."""
    orphaned: dict[str, Any]
    """What stood when the process that watched over `activate` was killed."""
    orphan_gone: dict[str, Any]
    """What stood once `activate` itself had ended."""
    races: int
    """For one lock, held while Airflow came to miss the processes that were killed."""
    raced: dict[str, Any]
    """What stood in their environment afterwards."""
    untrue: list[str]


@pytest.fixture(scope="module")
def ended(catalogue: Catalogue) -> Ended:
    """Side by side: while Airflow misses the first, and waits before it tries again, the second gets to its task."""
    before = {environment: catalogue.release(environment) for environment in KILLED}
    runs = {KILLS: catalogue.promote_locked(KILLS)}
    catalogue.kill_task(runs[KILLS], "deploy")
    runs[KILLS_TOO] = catalogue.promote_locked(KILLS_TOO)
    catalogue.reaches(runs[KILLS_TOO], "deploy", "deferred", "success")
    # What `activate` looks at last before it writes.
    orphan = catalogue.kill_supervisor(runs[KILLS_TOO], "activate", asks=("ecs", "DescribeServices"))
    orphaned = catalogue.standing(KILLS_TOO)
    catalogue.wait_until_gone(orphan)
    orphan_gone = catalogue.standing(KILLS_TOO)
    races = hold_races(catalogue)
    followed = catalogue.end(runs)
    after = {name: catalogue.release(name) for name in KILLED}
    raced = catalogue.standing(RACES)
    return Ended(followed, before, after, orphaned, orphan_gone, races, raced, catalogue.untrue())


@pytest.mark.parametrize("environment", KILLED)
def test_s17_a_tasks_process_is_killed(ended: Ended, environment: str) -> None:
    assert (ended.runs[environment].state, ended.runs[environment].failures) == ("success", {})
    assert ended.after[environment] not in {None, ended.before[environment]}


def test_s47_a_task_writes_nothing_once_its_supervisor_was_killed(ended: Ended) -> None:
    pointer = Pointer.parse(ended.orphaned["pointer"][1], KILLS_TOO)
    assert pointer.active is None, "it was killed too late: activate had written what it writes"
    assert pointer.candidate is not None
    assert ended.orphan_gone == ended.orphaned


def test_s17_nothing_is_left_of_what_was_killed(ended: Ended) -> None:
    assert ended.untrue == []


def test_s16_of_two_that_start_at_the_same_instant_fifty_times_only_one_makes_anything(ended: Ended) -> None:
    assert ended.races == ROUNDS
    assert (ended.raced["databases"], ended.raced["stacks"], ended.raced["service"]) == ([], [], [])
    assert ended.raced["pointer"][0] == 1, "nothing was written to it"
