"""However a person ends a run, or changes one that waits, it ends as its colour says, and nothing is left over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
    """All at the same time: each has an environment of its own. What is begun in one second is one release."""
    with catalogue.lasting_restores():
        runs = {name: catalogue.promote(name) for name in WHAT_A_PERSON_DOES}
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


@dataclass(frozen=True)
class Dead:
    """What was left of runs of which nothing goes on, and how the one that was paused ended when it went on."""

    deleted: str | None
    """The release that is active, though its run was deleted."""
    untrue: list[str]
    """After the recovery."""
    ended: Followed
    undone: dict[str, Any]
    """What stood in the environment of the paused run, after the recovery."""
    after: dict[str, Any]
    """And once the run had ended."""
    untrue_after: list[str]


@pytest.fixture(scope="module")
def dead(catalogue: Catalogue) -> Dead:
    """Both at the same time. A lease is of hours: the paused run's is set back."""
    with catalogue.lasting_restores():
        runs = {name: catalogue.promote_locked(name) for name in ("deleted", "paused")}
        for run in runs.values():
            catalogue.reaches(run, "database", "deferred")
        catalogue.delete(runs["deleted"])
        catalogue.airflow.pause(runs["paused"].dag_id)
        catalogue.let_lease_end("paused")
        catalogue.endings += 2
    catalogue.recover()
    deleted, untrue, undone = catalogue.release("deleted"), catalogue.untrue(), catalogue.standing("paused")
    catalogue.airflow.pause(runs["paused"].dag_id, paused=False)
    ended = catalogue.end({"paused": runs["paused"]})["paused"]
    return Dead(deleted, untrue, ended, undone, catalogue.standing("paused"), catalogue.untrue())


def test_s48_what_a_deleted_run_leaves_is_undone_by_the_recovery(dead: Dead) -> None:
    """No task of its own is left to do it."""
    assert dead.deleted is None
    assert dead.untrue == []


def test_s48_a_run_whose_dag_is_paused_is_undone_once_its_lease_is_over(dead: Dead) -> None:
    """Once the DAG goes on, so does the run, to its end, and writes nothing more."""
    assert dead.untrue == []
    assert dead.ended.state == "failed"
    assert "aborted, nothing is active in" in dead.ended.failures["finish"]
    assert dead.after == dead.undone
    assert dead.untrue_after == []
