"""Plans by which an earlier revision serves: what they do, what they leave out, and when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.describe import describe, headline
from snaplift.promotion.plan import Plan
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.quotas import Usage
from snaplift.promotion.revision import content_hash, revision, task_definition
from tests.unit.promotion.examples import DATABASE, FINAL, IMAGES, NEW, OLD, RUN, back
from tests.unit.promotion.examples import revision as example
from tests.unit.stacks.examples import tenant

ADAPTED = tenant(adapt=[{"sql": ["DELETE FROM x"]}], smoke=[{"path": "/"}])
OUTPUTS = DATABASE.model_copy(update={"resource_id": "db-0A1B2C3D"})


def reasons(mode: str, **changes: Any) -> list[str]:
    try:
        back(mode, **changes)
    except PlanRefused as refused:
        return refused.reasons
    return []


@pytest.mark.parametrize("mode", ["again", "active"])
def test_a_database_that_stands_is_the_plans_and_stays_its_makers(mode: str) -> None:
    made = back(mode)
    assert (made.database, made.made_by, made.release) == (f"xy-0146-qa-db-{OLD}", "0a1b2c3d", OLD)
    assert (made.source, made.snapshot) == (None, None)
    named = revision(made, OUTPUTS, "arn:task")
    assert named.database is not None
    assert (named.run, named.made_by, named.database.run) == (RUN.hash, "0a1b2c3d", "0a1b2c3d")
    assert named.snapshot == f"xy-0146-dev-snapshot-{OLD}"


def test_one_that_is_restored_comes_from_its_final_snapshot_and_is_this_runs() -> None:
    made = back("restored")
    assert (made.snapshot, made.database, made.made_by) == (FINAL.name, f"xy-0146-qa-db-{OLD}", RUN.hash)
    assert made.source is not None
    assert (made.source.environment, made.source.secret) == ("qa", None)
    named = revision(made, OUTPUTS, "arn:task")
    assert (named.made_by, named.snapshot, named.final) == (RUN.hash, f"xy-0146-dev-snapshot-{OLD}", None)


@pytest.mark.parametrize(
    ("mode", "without"),
    [
        ("again", {"snapshot", "database", "credentials", "adapt"}),
        ("active", {"snapshot", "database", "credentials", "adapt", "retire"}),
        ("restored", {"adapt"}),
    ],
)
def test_the_steps_that_it_does_not_have_are_said(mode: str, without: set[str]) -> None:
    assert set(back(mode, ADAPTED).left_out) - {"copy", "migrate", "warm", "bake", "approve"} == without


@pytest.mark.parametrize("mode", ["again", "restored", "active"])
def test_nothing_of_it_is_adapted_again(mode: str) -> None:
    assert back(mode, ADAPTED).items_of_adapt == 0


def test_i3_a_database_that_goes_on_serving_is_not_retired() -> None:
    assert back("active").retires is None
    retires = back("again").retires
    assert retires is not None
    assert retires.release == NEW


def test_i7_only_another_database_loses_what_was_written() -> None:
    assert [back(mode).replaces for mode in ("again", "restored", "active")] == [True, True, False]


def test_s26_a_database_that_stands_needs_no_room() -> None:
    full = Usage(used=40, limit=40)
    assert reasons("again", instances=full, stacks=full) == reasons("active", instances=full, snapshots=full) == []
    assert len(reasons("restored", instances=full, stacks=full)) == 2


def test_s54_a_database_that_is_not_the_one_that_is_meant_is_a_reason() -> None:
    [reason] = reasons("again", pointer=Pointer(active=example(NEW, run="aaaaaaaa"), previous=example(OLD, run="cc")))
    assert reason == (
        f"database xy-0146-qa-db-{OLD} is db-0A1B2C3D, and the pointer names db-CC: promote another release: the "
        f"pointer then forgets it, and {OLD} can be asked for by its timestamp"
    )


def test_s08_the_run_that_went_back_does_not_go_forward_when_it_is_cleared() -> None:
    pointer = Pointer(active=example(NEW, run=RUN.hash), previous=example(OLD))
    [reason] = reasons("again", pointer=pointer)
    assert reason == "this run made what is active in xy-0146-qa already: to go on from there, trigger a new run"


def test_where_content_and_database_are_what_runs_there_is_nothing_to_do() -> None:
    same = content_hash(task_definition(back("active"), OUTPUTS))
    [reason] = reasons("active", content=same)
    assert reason.startswith("nothing to do: xy-0146-qa runs this build with this configuration")
    assert reasons("active", content="other") == reasons("active", content=None) == []


def test_an_image_that_is_gone_is_told_before_it_is_compared() -> None:
    [reason] = reasons("active", images={"web": None, "helper": IMAGES["helper"]}, content="x")
    assert "there is no image" in reason


def test_a_final_snapshot_is_not_looked_for_where_data_is_authored() -> None:
    assert reasons("restored", origin=None) == []


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("again", f"release {OLD} serves again in xy-0146-qa: its database still stands"),
        ("restored", f"release {OLD} serves again in xy-0146-qa: its database is restored from its final snapshot"),
        ("active", "another build serves in xy-0146-qa, on the database that serves"),
    ],
)
def test_what_happens_is_told_in_words(mode: str, told: str) -> None:
    assert headline(back(mode)) == told


def test_what_goes_afterwards_is_told() -> None:
    assert f"| Goes afterwards | xy-0146-qa-db-{NEW}, after a final snapshot |" in describe(back("again"))
    assert "| Goes afterwards | nothing |" in describe(back("active"))


@pytest.mark.parametrize("mode", ["again", "restored", "active"])
def test_it_is_the_same_after_a_round_trip_through_xcom_and_the_locks_record(mode: str) -> None:
    made = back(mode)
    assert Plan.model_validate_json(made.model_dump_json(by_alias=True)) == made
