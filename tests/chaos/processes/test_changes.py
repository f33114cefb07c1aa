"""While a promotion is under way its tenant's file changes, or a second one of its namespace was begun with it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest
from local.airflow.client import Run
from local.demo.following import Followed
from local.demo.site import Site

from snaplift.naming import Namespace, run_hash
from tests.chaos.processes.catalogue import CHANGED, RUN_SECONDS, TENANT, Catalogue
from tests.support.racing import snapshots_made

EDITED, RACED = CHANGED
BROKEN = "The configuration of this tenant is broken"


def change(tenant: dict[str, Any]) -> None:
    """What no promotion would survive that went by it, and a number of tasks."""
    tenant["adapt"] = [{"sql": ["UPDATE there_is_no_such_table SET value = 1"], "repeatable": True}]
    tenant["smoke"] = [{"sql": "SELECT COUNT(*) FROM records", "at_least": 1_000_000_000}]
    tenant["service"]["count"] = 2


def promote_together(catalogue: Catalogue, environment: str) -> list[Run]:
    """Two promotions of one namespace, asked for at the same instant."""
    instant = Barrier(2)

    def promote(_: int) -> Run:
        instant.wait(RUN_SECONDS)
        return catalogue.promote(environment)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(promote, range(2)))


def first_and_second(catalogue: Catalogue, runs: Sequence[Run]) -> tuple[Run, Run]:
    """Which of two got the lock, and which waits for it."""
    deferred = catalogue.airflow.wait_until(
        runs[0], lambda seen: "deferred" in {seen.states().get("lock"), seen.states().get("database")},
        "at its lock, or past it", RUN_SECONDS,
    )  # fmt: skip
    return (runs[1], runs[0]) if deferred.states()["lock"] == "deferred" else (runs[0], runs[1])


@dataclass(frozen=True)
class Ended:
    """How the runs ended."""

    edited: Followed
    first: Followed
    """Of the two that were begun at once, the one that got the lock."""
    second: Followed
    active: dict[str, str | None]
    """The release, by environment."""
    tasks: int
    """How many the service is to have of which the file was edited."""
    snapshots: dict[str, list[str]]
    """Which each of the two has made."""
    untrue: list[str]


@pytest.fixture(scope="module")
def ended(catalogue: Catalogue) -> Ended:
    """Side by side: each has an environment of its own."""
    with catalogue.file_restored():
        with catalogue.lasting("ecs.steady"):
            with catalogue.lasting_restores():
                edited = catalogue.promote_locked(EDITED)
                first, second = first_and_second(catalogue, promote_together(catalogue, RACED))
                catalogue.reaches(first, "database", "deferred")
                catalogue.reaches(second, "lock", "deferred")
                catalogue.reaches(edited, "database", "deferred")
                catalogue.edit(change, "edited meanwhile")
            # Past all that the edited file would have failed: its first service waits for its tasks.
            catalogue.reaches(edited, "deploy", "deferred")
            catalogue.write("tenant: [this is no YAML", BROKEN)
        followed = catalogue.end({"edited": edited, "first": first, "second": second})
    rds = catalogue.installation.client("rds")
    made = snapshots_made(rds)
    return Ended(
        edited=followed["edited"],
        first=followed["first"],
        second=followed["second"],
        active={name: catalogue.release(name) for name in CHANGED},
        tasks=Site(catalogue.installation, Namespace(TENANT, EDITED)).service()["desiredCount"],
        snapshots={
            name: made.get(run_hash(run.dag_id, run.run_id), []) for name, run in (("first", first), ("second", second))
        },
        untrue=catalogue.untrue(),
    )


def test_s49_a_run_whose_tenants_file_is_edited_and_then_broken_goes_by_its_plan(ended: Ended) -> None:
    assert (ended.edited.state, ended.edited.failures) == ("success", {})
    assert ended.active[EDITED] is not None
    assert ended.tasks == 1


def test_s16_of_two_that_are_triggered_at_once_one_goes_on_and_one_is_told_to_plan_again(ended: Ended) -> None:
    assert (ended.first.state, ended.first.failures) == ("success", {})
    assert ended.second.state == "failed"
    assert "since the plan was made, the pointer was version 1 and is " in ended.second.failures["lock"]
    assert "plan again" in ended.second.failures["lock"]


def test_s16_only_the_one_has_made_anything(ended: Ended) -> None:
    assert [name.rpartition("-")[2] for name in ended.snapshots["first"]] == [ended.active[RACED]]
    assert ended.snapshots["second"] == []


def test_s49_s16_nothing_is_left_of_any(ended: Ended) -> None:
    assert ended.untrue == []
