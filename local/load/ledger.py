"""What visitors wrote to a site, each write under an id of its own, and which of it a database no longer has."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Write:
    """One write that a visitor asked for. Times are Unix times, in seconds."""

    id: str
    sent: float
    ended: float
    failure: str | None = None
    """None: the site acknowledged it. Otherwise nobody was promised anything: it may be there or not."""


class Ledger:
    """Kept from any thread, read from any other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: list[Write] = []

    def enter(self, write: Write) -> None:
        """Take down a write whose request has ended."""
        with self._lock:
            self._writes.append(write)

    def acknowledged(self) -> tuple[Write, ...]:
        """The writes that the site said it has, in the order in which it said so."""
        return tuple(write for write in self._all() if write.failure is None)

    def failed(self) -> tuple[Write, ...]:
        """The writes that were not acknowledged."""
        return tuple(write for write in self._all() if write.failure is not None)

    def longest_gap(self) -> float:
        """Seconds between two acknowledged writes, at most; 0: there were fewer than two."""
        return max((after.ended - before.ended for before, after in pairwise(self.acknowledged())), default=0.0)

    def gone(self, held: Iterable[str]) -> tuple[Write, ...]:
        """The acknowledged writes that are not among what a database holds.

        :param held: ids, as :func:`read_ids` returns them.
        """
        kept = frozenset(held)
        return tuple(write for write in self.acknowledged() if write.id not in kept)

    def _all(self) -> list[Write]:
        with self._lock:
            return sorted(self._writes, key=lambda write: write.ended)


def read_ids(cursor: Any, table: str, column: str) -> frozenset[str]:
    """Read the ids of visitors' writes from a database: the last word of each text in a column.

    :param cursor: of a connection to MySQL or MariaDB; table and column are trusted.
    """
    cursor.execute(f"SELECT SUBSTRING_INDEX(`{column}`, ' ', -1) FROM `{table}`")  # noqa: S608  # names of our own
    return frozenset(str(row[0]) for row in cursor.fetchall())
