"""The pointer: read, written, moved."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snaplift import naming
from snaplift.promotion.pointer import LIMIT, DatabaseReference, FinalSnapshot, Pointer, Revision, UnreadablePointer
from tests.unit.promotion.examples import NEW, OLD, revision

WHERE = "/snaplift/xy-0146/qa/pointer"
AT, LATER = datetime(2026, 11, 23, 2, 30, tzinfo=UTC), datetime(2026, 11, 24, 2, 30, tzinfo=UTC)

texts = st.text(min_size=1, max_size=40)
databases = st.builds(DatabaseReference, name=texts, resource_id=texts, secret=texts)
revisions = st.builds(
    Revision,
    release=st.none() | texts,
    build=st.dictionaries(texts, texts, max_size=3),
    database=st.none() | databases,
    snapshot=st.none() | texts,
    task_definition=texts,
    run=texts,
)
pointers = st.builds(
    Pointer,
    active=st.none() | revisions,
    previous=st.none() | revisions,
    candidate=st.none() | revisions,
    activated_at=st.none() | st.just(datetime(2026, 11, 1, tzinfo=UTC)),
)


def test_a_new_namespaces_pointer_says_that_nothing_is_active() -> None:
    assert json.loads(Pointer().format()) == {
        "schema_version": 1,
        "active": None,
        "previous": None,
        "candidate": None,
    }


@given(pointers)
def test_what_is_written_is_read_back(pointer: Pointer) -> None:
    assert Pointer.parse(pointer.format(), WHERE) == pointer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{",
        "[]",
        '{"active": 1}',
        '{"active": {}}',
        '{"schema_version": 2}',
        '{"schema_version": 1, "later": null}',
        Pointer(active=revision(OLD)).format()[:-20],
    ],
)
def test_s15_a_text_that_snaplift_does_not_write_is_an_error_and_never_nothing_active(text: str) -> None:
    with pytest.raises(UnreadablePointer) as unreadable:
        Pointer.parse(text, WHERE)
    assert str(unreadable.value).startswith(f"{WHERE} cannot be read")
    assert "nothing is concluded from it" in str(unreadable.value)


@given(pointers, revisions)
def test_a_pointer_moves_in_one_write(pointer: Pointer, candidate: Revision) -> None:
    moved = pointer.with_candidate(candidate).activate(candidate, AT)
    assert moved.active == candidate
    assert moved.candidate is None
    assert moved.activated_at == (pointer.activated_at if pointer.active == candidate else AT)
    assert moved.previous == (pointer.previous if pointer.active == candidate else pointer.active)


@given(pointers, revisions)
def test_s40_activating_twice_is_activating_once(pointer: Pointer, candidate: Revision) -> None:
    once = pointer.activate(candidate, AT)
    assert once.activate(candidate, LATER) == once


@given(pointers)
def test_a_candidate_that_was_given_up_leaves_the_pointer_as_it_was(pointer: Pointer) -> None:
    assert pointer.without_candidate().with_candidate(revision(NEW)).without_candidate() == pointer.without_candidate()
    assert pointer.without_candidate().active == pointer.active
    assert pointer.without_candidate().previous == pointer.previous


@given(pointers)
def test_a_previous_database_that_is_gone_is_only_that(pointer: Pointer) -> None:
    gone = pointer.previous_is_gone()
    assert gone.previous_is_gone() == gone
    assert (gone.active, gone.candidate) == (pointer.active, pointer.candidate)
    if pointer.previous is None:
        assert gone.previous is None
    else:
        assert gone.previous == pointer.previous.model_copy(update={"database": None})


def test_every_database_that_a_pointer_refers_to_is_told() -> None:
    pointer = Pointer(active=revision(NEW), previous=revision(OLD), candidate=revision("20270101t000000z"))
    assert pointer.databases == {
        f"xy-0146-qa-db-{NEW}",
        f"xy-0146-qa-db-{OLD}",
        "xy-0146-qa-db-20270101t000000z",
    }
    assert pointer.previous_is_gone().databases == {f"xy-0146-qa-db-{NEW}", "xy-0146-qa-db-20270101t000000z"}
    assert Pointer().databases == frozenset()


def longest(containers: int) -> Revision:
    """A revision with the longest names and ARNs that the grammar allows."""
    name = naming.Namespace(naming.Tenant("a" * 10, "0146"), "e" * 11)
    database, release = name.database(naming.Release(NEW)), naming.Release(NEW)
    arn = "arn:aws-us-gov:{}:ap-southeast-99:123456789012:{}"
    secret = f"{name.application_secret(release, 'f' * 8)}/{'0' * 36}-abcdef"
    return Revision(
        release=NEW,
        build={("c" * 30) + str(number): "sha256:" + "f" * 64 for number in range(containers)},
        database=DatabaseReference(
            name=database, resource_id="db-" + "A" * 26, secret=arn.format("secretsmanager", f"secret:{secret}")
        ),
        snapshot=name.snapshot(release),
        task_definition=arn.format("ecs", f"task-definition/{name.family}:9999999"),
        run="f" * 8,
    )


def test_three_revisions_with_the_longest_names_fit_in_a_parameter() -> None:
    name = naming.Namespace(naming.Tenant("a" * 10, "0146"), "e" * 11)
    final = FinalSnapshot(name=name.final_snapshot(naming.Release(NEW), "f" * 8), resource_id="db-" + "A" * 26)
    before = longest(4).model_copy(update={"final": final})
    full = Pointer(active=longest(4), previous=before, candidate=longest(4), activated_at=AT)
    assert len(full.format().encode()) <= LIMIT == 4096


def test_a_pointer_that_does_not_fit_is_an_error_before_it_is_written() -> None:
    with pytest.raises(ValueError, match="a parameter holds 4096"):
        Pointer(active=longest(30), previous=longest(30)).format()


def test_a_pointers_length_is_that_of_its_bytes() -> None:
    wide = revision(OLD, snapshot="ü" * 3000)
    with pytest.raises(ValueError, match="a parameter holds 4096"):
        Pointer(active=wide).format()


def test_a_database_that_goes_leaves_the_snapshot_that_a_rollback_restores() -> None:
    pointer = Pointer(active=revision(NEW), previous=revision(OLD))
    gone = pointer.previous_is_gone("the-final-one")
    assert gone.previous is not None
    assert gone.previous.final == FinalSnapshot(name="the-final-one", resource_id="db-0A1B2C3D")
    assert gone.previous_is_gone("another") == gone
    assert gone.snapshots == {f"xy-0146-dev-snapshot-{NEW}", f"xy-0146-dev-snapshot-{OLD}", "the-final-one"}


def test_s12_a_deployment_of_code_alone_keeps_the_final_snapshot_of_the_database_before() -> None:
    served = Pointer(active=revision(NEW), previous=revision(OLD)).previous_is_gone("the-final-one")
    assert served.previous is not None
    for build in ("next", "stable"):
        moved = served.activate(revision(NEW, build={"web": build}), AT)
        assert moved.previous is not None
        assert served.active is not None
        assert moved.previous.database == served.active.database
        assert moved.previous.final == served.previous.final
        assert "the-final-one" in moved.snapshots
        served = moved
    other = DatabaseReference(name="another", resource_id="db-ANOTHER", secret="s")
    assert "the-final-one" not in served.activate(revision("20270101t000000z", database=other), AT).snapshots


def test_a_database_is_its_makers_whichever_run_takes_it_up() -> None:
    made = revision(OLD)
    assert made.made_by == made.run
    assert made.database is not None
    again = made.model_copy(update={"run": "ffffffff", "database": made.database.model_copy(update={"run": made.run})})
    assert again.made_by == made.run
