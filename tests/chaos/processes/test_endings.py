"""However a person ends a run, or changes one that waits, it ends as its colour says, and nothing is left over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from local.airflow.client import Airflow, Run
from local.demo.following import Followed

from tests.chaos.processes.catalogue import Catalogue

WHAT_A_PERSON_DOES: dict[str, Callable[[Airflow, Run], None]] = {
    "failed": lambda airflow, run: airflow.mark(run, "failed"),
    "succeeded": lambda airflow, run: airflow.mark(run, "success"),
    "taskfailed": lambda airflow, run: airflow.mark_task(run, "database", "failed"),
    "tasksuccess": lambda airflow, run: airflow.mark_task(run, "database", "success"),
    "taskskipped": lambda airflow, run: airflow.mark_task(run, "database", "skipped"),
    "cleared": lambda airflow, run: airflow.clear(run, "snapshot"),
    "clearedone": lambda airflow, run: airflow.clear(run, "snapshot", downstream=False),
}
"""While the database is waited for; by environment."""
ENDS_WELL = {"cleared", "clearedone"}


@dataclass(frozen=True)
class Ended:
    """How all the runs ended."""

    runs: dict[str, Followed]
    active: dict[str, str | None]
    """The release, by environment; nothing was active in any before."""
    untrue: list[str]


@pytest.fixture(scope="module")
def ended(catalogue: Catalogue) -> Ended:
    """All at the same time: each has an environment of its own."""
    catalogue.provision(*WHAT_A_PERSON_DOES)
    with catalogue.lasting_restores():
        runs = {name: catalogue.promote_locked(name) for name in WHAT_A_PERSON_DOES}
        for run in runs.values():
            catalogue.reaches(run, "database", "deferred")
        for name, act in WHAT_A_PERSON_DOES.items():
            act(catalogue.airflow, runs[name])
            catalogue.endings += 1
        # Nothing that was painted green stands yet: the step after it has to notice by itself.
        catalogue.reaches(runs["tasksuccess"], "credentials", "failed")
    followed = catalogue.end(runs)
    return Ended(followed, {name: catalogue.release(name) for name in WHAT_A_PERSON_DOES}, catalogue.untrue())


@pytest.mark.parametrize("name", [name for name in WHAT_A_PERSON_DOES if name not in ENDS_WELL])
def test_s41_s47_s50_it_is_undone_and_red(ended: Ended, name: str) -> None:
    assert ended.runs[name].state == "failed"
    assert "aborted, nothing is active in" in ended.runs[name].failures["finish"]
    assert ended.active[name] is None


@pytest.mark.parametrize("name", sorted(ENDS_WELL))
def test_s41_what_is_cleared_goes_on_to_a_good_end(ended: Ended, name: str) -> None:
    assert (ended.runs[name].state, ended.runs[name].failures) == ("success", {})
    assert ended.active[name] is not None


def test_s41_nothing_is_left_of_any(ended: Ended) -> None:
    assert ended.untrue == []


def test_s48_what_a_deleted_run_leaves_is_undone_by_the_recovery(catalogue: Catalogue) -> None:
    """No task of its own is left to do it."""
    catalogue.provision("deleted")
    with catalogue.lasting_restores():
        run = catalogue.promote("deleted")
        catalogue.reaches(run, "database", "deferred")
        catalogue.delete(run)
        catalogue.endings += 1
    catalogue.recover()
    assert catalogue.release("deleted") is None
    assert catalogue.untrue() == []


def test_s48_a_run_whose_dag_is_paused_is_undone_once_its_lease_is_over(catalogue: Catalogue) -> None:
    """The lease is of hours: it is set back. Once the DAG goes on, so does the run, to its end."""
    catalogue.provision("paused")
    with catalogue.lasting_restores():
        run = catalogue.promote("paused")
        catalogue.reaches(run, "database", "deferred")
        catalogue.airflow.pause(run.dag_id)
        catalogue.endings += 1
        catalogue.let_lease_end("paused")
    catalogue.recover()
    assert catalogue.untrue() == []
    undone = catalogue.standing("paused")
    catalogue.airflow.pause(run.dag_id, paused=False)
    ended = catalogue.end({"paused": run})["paused"]
    assert ended.state == "failed"
    assert "aborted, nothing is active in" in ended.failures["finish"]
    assert catalogue.standing("paused") == undone
    assert catalogue.untrue() == []
