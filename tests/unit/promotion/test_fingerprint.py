"""Two fingerprints of one database, and what a person is told of the difference."""

from __future__ import annotations

import pytest

from snaplift.promotion import fingerprint
from snaplift.promotion.fingerprint import Change, Fingerprint, Table, UnreadableFingerprint, changes, told

COMMENTS = Table(rows=5, greatest=9, checksum=77)


def words(before: Table | None, now: Table | None) -> str:
    """What is told of one table; nothing: it is as it was."""
    activated, found = (Fingerprint(tables={"comments": table} if table else {}) for table in (before, now))
    return "; ".join(change.words for change in changes(activated, found))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (COMMENTS, ""),
        (Table(rows=6, greatest=10, checksum=1), "1 row more"),
        (Table(rows=1_008, greatest=1_012, checksum=1), "1,003 rows more"),
        (Table(rows=3, greatest=9, checksum=1), "2 rows fewer"),
        (Table(rows=5, greatest=9, checksum=78), "changed, same number of rows"),
        (Table(rows=5, greatest=11, checksum=77), "changed, same number of rows"),
        (None, "is gone"),
    ],
)
def test_s09_a_change_is_told_in_words(now: Table | None, expected: str) -> None:
    assert words(COMMENTS, now) == expected


def test_s09_a_table_that_is_new_is_told_with_its_rows() -> None:
    assert words(None, COMMENTS) == "is new, with 5 rows"


@pytest.mark.parametrize("large", [Table(rows=5, greatest=9), Table(rows=5, greatest=9, checksum=None)])
def test_of_a_table_without_a_checksum_rows_and_greatest_key_are_compared(large: Table) -> None:
    assert words(COMMENTS, large) == ""
    assert words(large, COMMENTS) == ""
    assert words(large, Table(rows=5, greatest=10)) == "changed, same number of rows"


def test_changes_are_told_by_table_in_order_and_scratch_tables_are_not() -> None:
    before = Fingerprint(tables={"b": COMMENTS, "a": COMMENTS, "cache": COMMENTS})
    now = Fingerprint(tables={"a": Table(rows=6), "c": COMMENTS, "sessions": COMMENTS})
    found = changes(before, now, scratch=("cache", "sessions"))
    assert [str(change) for change in found] == ["a: 1 row more", "b: is gone", "c: is new, with 5 rows"]
    assert [change.now for change in found] == [Table(rows=6), None, COMMENTS]


def test_a_sentence_names_some_tables_and_counts_the_others() -> None:
    found = [Change(table=f"t{number:02}", words="is gone", now=None) for number in range(15)]
    assert told(found[:2]) == "t00: is gone; t01: is gone"
    assert told(found).endswith("t11: is gone; and 3 more tables")
    assert told([]) == ""


def test_what_was_packed_is_read_again() -> None:
    made = Fingerprint(tables={"a": COMMENTS, "b": Table(rows=0)})
    assert Fingerprint.unpack(made.pack(), "somewhere") == made


@pytest.mark.parametrize("packed", [b"", b"{}", Fingerprint(tables={}).pack()[:-4]])
def test_s15_what_is_not_a_fingerprint_is_never_read_as_one_without_tables(packed: bytes) -> None:
    with pytest.raises(UnreadableFingerprint, match="the fingerprint of x in the table is not what snaplift writes"):
        Fingerprint.unpack(packed, "of x in the table")


def test_what_dynamodb_would_refuse_is_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "LIMIT", 10)
    with pytest.raises(ValueError, match=r"the fingerprint of 1 tables has \d+ bytes, and 10 can be stored"):
        Fingerprint(tables={"a": COMMENTS}).pack()


def test_thousands_of_tables_fit_into_one_item() -> None:
    tables = {f"wp_{site}_{name}": COMMENTS for site in range(300) for name in ("posts", "options", "links", "users")}
    assert len(Fingerprint(tables=tables).pack()) < fingerprint.LIMIT / 10
