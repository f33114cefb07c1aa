"""Whatever of Airflow is killed in the middle of a promotion, the promotion goes on and ends well.

The metadata database is SQLite here, a file without a server that could be restarted. The nearest to that: everything
of Airflow is stopped at once and started again on the same file.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from local.airflow.client import Run

from tests.chaos.processes.catalogue import KILLS, Catalogue


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


@pytest.mark.parametrize(("task_id", "supervisor"), [("deploy", False), ("activate", True)])
def test_s17_a_tasks_process_is_killed(catalogue: Catalogue, task_id: str, supervisor: bool) -> None:
    before = catalogue.release(KILLS)
    run = catalogue.promote(KILLS)
    catalogue.kill_task(run, task_id, supervisor=supervisor)
    assert_ends_well(catalogue, run, before)
