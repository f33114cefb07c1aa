"""Revisions that stand already: which one is taken up, and when a database that stands is not."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.earlier import (
    Kept,
    NoSuchRevision,
    Ran,
    Remains,
    existing,
    refuse_reuse,
    take_up,
    wanted_remains,
)
from snaplift.promotion.pointer import DatabaseReference, FinalSnapshot, Pointer, Revision
from tests.unit.promotion.examples import DATABASE, NEW, OLD, revision, task_definition

ACTIVE = revision(NEW, run="aaaaaaaa")
STANDING = revision(OLD)
FINAL = FinalSnapshot(name=f"xy-0146-qa-final-{OLD}-0a1b2c3d", resource_id="db-0A1B2C3D")
RETIRED = revision(OLD, database=None, final=FINAL)
SAME = ACTIVE.model_copy(update={"task_definition": task_definition(number=7), "run": "bbbbbbbb"})


@pytest.mark.parametrize(
    ("previous", "mode"),
    [
        (STANDING, "again"),
        (RETIRED, "restored"),
        (revision(OLD, database=None), "standing"),
        (SAME, "active"),  # only its build was another
    ],
)
def test_the_previous_revision_comes_back_by_what_is_left_of_its_database(previous: Revision, mode: str) -> None:
    assert take_up("previous", Pointer(active=ACTIVE, previous=previous)) == (mode, previous)


def test_what_is_active_keeps_its_database() -> None:
    assert take_up("active", Pointer(active=ACTIVE, previous=STANDING)) == ("active", ACTIVE)


def test_a_timestamp_whose_database_stands_is_the_previous_one() -> None:
    assert take_up(OLD, Pointer(active=ACTIVE, previous=STANDING)) == ("again", STANDING)


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        (OLD, Pointer(active=ACTIVE, previous=RETIRED)),  # as it began, from the release's snapshot
        (NEW, Pointer(active=ACTIVE, previous=SAME)),
        ("20270101t000000z", Pointer(active=ACTIVE, previous=STANDING)),
        ("new", Pointer(active=ACTIVE, previous=STANDING)),
        ("tested", Pointer(active=ACTIVE, previous=STANDING)),
        (OLD, Pointer()),
    ],
)
def test_anything_else_asks_for_no_earlier_revision(asked: str, pointer: Pointer) -> None:
    assert take_up(asked, pointer) is None


@pytest.mark.parametrize(
    ("asked", "pointer"), [("previous", Pointer()), ("previous", Pointer(active=ACTIVE)), ("active", Pointer())]
)
def test_what_there_is_not_cannot_be_taken_up(asked: str, pointer: Pointer) -> None:
    with pytest.raises(NoSuchRevision):
        take_up(asked, pointer)


# -- what the pointer does not say ------------------------------------------------------------------------------------

OLDEST = "20261101t020000z"
POINTER = Pointer(active=ACTIVE, previous=STANDING)
STOOD = DatabaseReference(name=f"xy-0146-qa-db-{OLDEST}", resource_id="db-STOOD", secret="arn:secret", run="cccccccc")
RAN = Ran(task_definition=task_definition(number=3), build={"web": "sha256:1"}, run="dddddddd")
LEFT = Remains(release=OLDEST, name=STOOD.name, database=STOOD, ran=RAN, snapshot=f"xy-0146-dev-snapshot-{OLDEST}")
OLDER_FINAL = FinalSnapshot(name=f"xy-0146-qa-final-{OLDEST}-cccccccc", resource_id="db-GONE")
ONLY_FINAL = LEFT.model_copy(update={"database": None, "final": OLDER_FINAL, "snapshot": None})


def test_a_database_that_stands_is_taken_up_though_the_pointer_names_it_no_more() -> None:
    found = take_up(OLDEST, POINTER, LEFT)
    assert found is not None
    mode, taken = found
    assert (mode, taken.release, taken.database, taken.made_by) == ("again", OLDEST, STOOD, "cccccccc")
    assert (taken.build, taken.task_definition, taken.snapshot, taken.final) == (
        RAN.build,
        RAN.task_definition,
        LEFT.snapshot,
        None,
    )


def test_a_release_of_which_only_a_final_snapshot_is_left_is_restored_from_it() -> None:
    found = take_up(OLDEST, POINTER, ONLY_FINAL)
    assert found is not None
    mode, taken = found
    assert (mode, taken.database, taken.final, taken.build) == ("restored", None, OLDER_FINAL, RAN.build)


def test_of_the_previous_release_it_is_the_final_snapshot_that_the_pointer_names() -> None:
    left = ONLY_FINAL.model_copy(update={"release": OLD})
    assert take_up(OLD, Pointer(active=ACTIVE, previous=RETIRED), left) == ("restored", RETIRED)


@pytest.mark.parametrize(
    "left",
    [
        None,
        ONLY_FINAL.model_copy(update={"snapshot": LEFT.snapshot}),  # as it began, from the release's snapshot
        ONLY_FINAL.model_copy(update={"final": None}),
    ],
)
def test_a_release_that_can_come_as_it_began_or_not_at_all_is_not_taken_up(left: Remains | None) -> None:
    assert take_up(OLDEST, POINTER, left) is None


def test_of_a_previous_database_whose_retirement_came_to_no_end_the_one_that_stands_is_taken_up() -> None:
    stands = LEFT.model_copy(
        update={"release": OLD, "database": STOOD.model_copy(update={"resource_id": "db-0A1B2C3D"})}
    )
    found = take_up("previous", Pointer(active=ACTIVE, previous=RETIRED), stands)
    assert found is not None
    mode, taken = found
    assert (mode, taken.database, taken.final, taken.build) == ("again", stands.database, None, RETIRED.build)


def test_s54_where_another_incarnation_stands_the_previous_one_is_not_restored_beside_it() -> None:
    with pytest.raises(NoSuchRevision, match=r"stands and is db-STOOD, another than the previous one"):
        take_up("previous", Pointer(active=ACTIVE, previous=RETIRED), LEFT.model_copy(update={"release": OLD}))


@pytest.mark.parametrize(
    ("asked", "above", "pointer", "release"),
    [
        (OLDEST, None, POINTER, OLDEST),
        (OLD, None, POINTER, OLD),
        ("tested", revision(OLDEST, "dev"), POINTER, OLDEST),
        ("previous", None, Pointer(active=ACTIVE, previous=RETIRED), OLD),
        ("previous", None, POINTER, None),
        (NEW, None, POINTER, None),
        ("new", revision(OLDEST, "dev"), POINTER, None),
        ("active", None, POINTER, None),
        ("tested", None, POINTER, None),
    ],
)
def test_what_is_left_is_looked_at_only_where_the_pointer_does_not_say_it_all(
    asked: str, above: Revision | None, pointer: Pointer, release: str | None
) -> None:
    assert wanted_remains(asked, above, pointer) == release


# -- the one rule by which another run's database is used -------------------------------------------------------------

WANTED = DatabaseReference(name=f"xy-0146-qa-db-{NEW}", resource_id="db-NEW", secret="arn:secret")
FOUND = Kept(resource_id="db-NEW", status="available", ours=True, run="0a1b2c3d", outputs=DATABASE)


def refused(**changes: Any) -> str:
    return refuse_reuse(WANTED, "0a1b2c3d", FOUND.model_copy(update=changes))


@pytest.mark.parametrize("status", ["available", "backing-up", "modifying"])
def test_the_database_that_the_pointer_names_is_used(status: str) -> None:
    assert refused(status=status) == ""


def test_s42_one_that_is_gone_is_not() -> None:
    assert refuse_reuse(WANTED, "0a1b2c3d", None) == (
        f"database xy-0146-qa-db-{NEW} (db-NEW), which the pointer names, is gone"
    )


def test_s54_another_incarnation_of_its_name_is_not() -> None:
    assert refused(resource_id="db-OTHER") == f"database {WANTED.name} is db-OTHER, and the pointer names db-NEW"


@pytest.mark.parametrize("change", [{"ours": False}, {"run": "ffffffff"}, {"run": None}])
def test_one_that_is_not_ours_or_of_another_run_than_the_pointer_says_is_not(change: dict[str, Any]) -> None:
    assert "was not made by run 0a1b2c3d of this installation" in refused(**change)


@pytest.mark.parametrize("outputs", [None, DATABASE.model_copy(update={"resource_id": "db-OTHER"})])
def test_one_whose_stack_made_another_instance_is_not(outputs: Any) -> None:
    assert "is not complete, or made another instance" in refused(outputs=outputs)


@pytest.mark.parametrize("status", ["stopped", "failed", "deleting", "storage-full"])
def test_one_that_cannot_serve_is_not(status: str) -> None:
    assert refused(status=status) == f"database {WANTED.name} is {status}: it cannot serve"


def test_s46_one_whose_credentials_are_gone_is_not() -> None:
    assert refused(has_credentials=False).startswith(
        f"the credentials of database {WANTED.name} (arn:secret) are gone: no task could log in"
    )


# -- what there is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pointer", "told"),
    [
        (Pointer(), "A, B"),
        (Pointer(active=ACTIVE), f"A, B; active: {NEW}"),
        (
            Pointer(active=ACTIVE, previous=STANDING),
            f"A, B; active: {NEW}; previous: {OLD} (its database stands)",
        ),
        (
            Pointer(active=ACTIVE, previous=RETIRED),
            f"A, B; active: {NEW}; previous: {OLD} (kept in {FINAL.name})",
        ),
        (
            Pointer(active=ACTIVE, previous=revision(OLD, database=None)),
            f"A, B; active: {NEW}; previous: {OLD} (its database is gone)",
        ),
    ],
)
def test_what_there_is_is_told(pointer: Pointer, told: str) -> None:
    assert existing(pointer, ["A", "B"]) == told


def test_what_stands_and_what_is_kept_beside_it_is_told_too() -> None:
    pointer = Pointer(active=ACTIVE, previous=RETIRED)
    told = existing(pointer, ["A"], standing=[OLDEST, NEW], finals=[OLD, OLDEST])
    assert told == (
        f"A; active: {NEW}; previous: {OLD} (kept in {FINAL.name}); databases that stand: {OLDEST}; "
        f"kept in a final snapshot: {OLDEST}, {OLD}"
    )
