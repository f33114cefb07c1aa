"""Whether a promotion may discard what was written in its target."""

from __future__ import annotations

import pytest

from snaplift.config.tenant import TargetWrites
from snaplift.promotion.fingerprint import Change, Table
from snaplift.promotion.writes import CARRIED, Writes, come_since, refusal

THREE = Change(table="comments", words="3 rows more", now=Table(rows=8))
FIVE = Change(table="comments", words="5 rows more", now=Table(rows=10))
OTHER = Change(table="users", words="1 row more", now=Table(rows=2))


def writes(*changes: Change, untold: str = "") -> Writes:
    return Writes(database="xy-0146-prod-db", changes=changes, untold=untold)


NONE, UNTOLD = writes(), writes(untold="it is not there")
SETTINGS: list[TargetWrites] = ["refuse", "ask", "allow"]


def test_s09_writes_are_refused_where_that_is_the_setting_with_what_to_do() -> None:
    assert refusal(writes(THREE, OTHER), "refuse", "prod") == (
        "xy-0146-prod-db was written to since it was activated, which would be lost: comments: 3 rows more; "
        "users: 1 row more. Bring what is to stay to where the data is authored, and say target_writes: ask (or allow) "
        "for prod to have the rest discarded"
    )


def test_s15_what_cannot_be_told_is_refused_as_well() -> None:
    assert refusal(UNTOLD, "refuse", "prod").startswith(
        "whether anything would be lost with xy-0146-prod-db cannot be told: it is not there. Bring"
    )


@pytest.mark.parametrize("found", [None, NONE])
def test_where_nothing_is_lost_nothing_is_refused(found: Writes | None) -> None:
    assert refusal(found, "refuse", "prod") == ""


@pytest.mark.parametrize("found", [writes(THREE), UNTOLD])
@pytest.mark.parametrize("allowed", ["ask", "allow"])
def test_elsewhere_the_plan_is_made(found: Writes, allowed: TargetWrites) -> None:
    assert refusal(found, allowed, "prod") == ""


@pytest.mark.parametrize("allowed", SETTINGS)
@pytest.mark.parametrize("announced", [None, NONE, writes(THREE), UNTOLD])
def test_s51_where_nothing_is_lost_a_promotion_goes_on(announced: Writes | None, allowed: TargetWrites) -> None:
    assert come_since(announced, NONE, allowed) == ""
    assert come_since(announced, None, allowed) == ""


@pytest.mark.parametrize(
    ("allowed", "announced", "now", "told"),
    [
        ("refuse", NONE, writes(THREE), "comments: 3 rows more"),
        ("refuse", None, writes(THREE), "comments: 3 rows more"),
        ("ask", NONE, writes(THREE), "comments: 3 rows more"),
        ("ask", writes(THREE), writes(THREE), ""),
        ("ask", writes(THREE, OTHER), writes(THREE), ""),
        ("ask", writes(THREE), writes(FIVE), "comments: 5 rows more"),
        ("ask", writes(FIVE), writes(THREE), "comments: 3 rows more"),
        ("ask", writes(THREE), writes(THREE, OTHER), "users: 1 row more"),
        ("ask", UNTOLD, writes(THREE), ""),
        ("ask", UNTOLD, UNTOLD, ""),
        ("allow", NONE, writes(THREE), ""),
        ("allow", NONE, UNTOLD, ""),
    ],
)
def test_s51_only_what_was_agreed_to_is_discarded(
    allowed: TargetWrites, announced: Writes | None, now: Writes, told: str
) -> None:
    assert come_since(announced, now, allowed) == (f"writes have come since the plan: {told}" if told else "")


@pytest.mark.parametrize(("allowed", "announced"), [("refuse", NONE), ("refuse", UNTOLD), ("ask", writes(THREE))])
def test_s51_a_database_that_cannot_be_read_any_more_ends_it(allowed: TargetWrites, announced: Writes) -> None:
    assert come_since(announced, UNTOLD, allowed) == (
        "whether xy-0146-prod-db was written to since the plan cannot be told: it is not there"
    )


def test_a_plan_carries_no_more_than_fits_and_counts_the_others() -> None:
    many = tuple(Change(table=f"t{number:04}", words="is gone", now=None) for number in range(CARRIED + 20))
    found = Writes.of("xy-0146-prod-db", many)
    assert (len(found.changes), found.more) == (CARRIED, 20)
    assert str(found).endswith(f"t0011: is gone; and {CARRIED + 8} more tables")
    assert len(found.model_dump_json()) < 100_000
    assert come_since(found, found, "ask") == ""
    assert come_since(writes(*many[:CARRIED]), found, "ask") == "writes have come since the plan: 20 more tables"


def test_writes_are_told_in_a_few_words() -> None:
    assert [str(found) for found in (NONE, writes(THREE), UNTOLD)] == [
        "none",
        "comments: 3 rows more",
        "cannot be told (it is not there)",
    ]
    assert [found.at_stake for found in (NONE, writes(THREE), UNTOLD)] == [False, True, True]
