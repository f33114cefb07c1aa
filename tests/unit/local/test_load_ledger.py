"""What visitors wrote is known again, write by write."""

from __future__ import annotations

from typing import Any

from local.load import Ledger, Write, read_ids


def ledger(*writes: Write) -> Ledger:
    made = Ledger()
    for write in writes:
        made.enter(write)
    return made


def test_an_acknowledged_write_that_a_database_does_not_have_is_gone() -> None:
    kept, lost = Write("a-1", sent=1.0, ended=1.5), Write("a-2", sent=2.0, ended=2.5)
    assert ledger(kept, lost).gone({"a-1", "another load's"}) == (lost,)


def test_a_write_that_was_not_acknowledged_is_never_gone() -> None:
    refused = Write("a-1", sent=1.0, ended=1.5, failure="timeout")
    found = ledger(refused)
    assert found.gone(()) == ()
    assert (found.acknowledged(), found.failed()) == ((), (refused,))


def test_the_longest_gap_is_between_acknowledgements_in_the_order_in_which_they_came() -> None:
    late = Write("a-1", sent=0.0, ended=9.0)
    found = ledger(
        late,
        Write("a-2", 0.0, 1.0),
        Write("a-3", 0.0, 3.0),
        Write("a-4", 4.0, 5.0, "status 503"),
        Write("a-5", 6.0, 7.0),
    )
    assert found.longest_gap() == 4.0
    assert [write.id for write in found.acknowledged()] == ["a-2", "a-3", "a-5", "a-1"]


def test_fewer_than_two_acknowledgements_have_no_gap() -> None:
    assert ledger(Write("a-1", 0.0, 1.0)).longest_gap() == 0.0


def test_ids_are_the_last_words_of_a_columns_texts() -> None:
    class Cursor:
        asked = ""

        def execute(self, statement: str) -> None:
            self.asked = statement

        def fetchall(self) -> list[tuple[Any, ...]]:
            return [("a-1",), ("a-2",)]

    cursor = Cursor()
    assert read_ids(cursor, "notes", "text") == {"a-1", "a-2"}
    assert cursor.asked == "SELECT SUBSTRING_INDEX(`text`, ' ', -1) FROM `notes`"
