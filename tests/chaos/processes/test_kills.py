"""Whatever of Airflow is killed in the middle of a promotion, the promotion goes on and ends well.

The metadata database is SQLite here, a file without a server that could be restarted. The nearest to that: everything
of Airflow is stopped at once and started again on the same file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from local.airflow.client import Run
from local.demo.following import Followed

from tests.chaos.processes.catalogue import KILLS, KILLS_TOO, Catalogue

KILLED = {KILLS: ("deploy", False), KILLS_TOO: ("activate", True)}
"""By environment the task whose own process is killed, or (True) the one that watches over it."""


@pytest.fixture(scope="module", autouse=True)
def provisioned(catalogue: Catalogue) -> None:
    catalogue.provision(KILLS)


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


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-triggerer", "airflow-api-server"])
def test_s35_one_of_airflows_processes_is_killed(catalogue: Catalogue, name: str) -> None:
    while_it_waits(catalogue, lambda: catalogue.kill(name))


def test_s35_all_of_airflow_is_stopped_and_started_again(catalogue: Catalogue) -> None:
    while_it_waits(catalogue, catalogue.restart)


@dataclass(frozen=True)
class Ended:
    """How promotions ended of which a task's process was killed, by environment."""

    runs: dict[str, Followed]
    before: dict[str, str | None]
    after: dict[str, str | None]
    """The release that was active."""
    untrue: list[str]


@pytest.fixture(scope="module")
def ended(catalogue: Catalogue) -> Ended:
    """Side by side: while Airflow misses the first, and waits before it tries again, the second gets to its task."""
    catalogue.provision(KILLS_TOO)
    before = {environment: catalogue.release(environment) for environment in KILLED}
    runs = {}
    for environment, (task_id, supervisor) in KILLED.items():
        runs[environment] = catalogue.promote_locked(environment)
        catalogue.kill_task(runs[environment], task_id, supervisor=supervisor)
    followed = catalogue.end(runs)
    return Ended(followed, before, {name: catalogue.release(name) for name in KILLED}, catalogue.untrue())


@pytest.mark.parametrize("environment", KILLED)
def test_s17_a_tasks_process_is_killed(ended: Ended, environment: str) -> None:
    assert (ended.runs[environment].state, ended.runs[environment].failures) == ("success", {})
    assert ended.after[environment] not in {None, ended.before[environment]}


def test_s17_nothing_is_left_of_what_was_killed(ended: Ended) -> None:
    assert ended.untrue == []
