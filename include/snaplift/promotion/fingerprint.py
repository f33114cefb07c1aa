"""What a database held at a moment, table by table, and what was written to it since."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

LIMIT = 390 * 1024
"""Bytes that a fingerprint may have when it is stored (DynamoDB: an item has 400 KB, with its key and names)."""
CHECKED = 64 * 1024 * 1024
"""Bytes of data up to which a table's rows are read for its checksum. Of a larger one rows and greatest key are known:
that rows came or went is seen, that one was changed in its place is not."""
TOLD = 12
"""Tables that are named in a sentence; more are counted."""


class UnreadableFingerprint(ValueError):
    """What is stored is not what snaplift writes. It never means that nothing was written."""


class Table(BaseModel):
    """One table's content, in three numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    greatest: int | None = None
    """The greatest value of its primary key, where that is one column of whole numbers: rows that came and went."""
    checksum: int | None = None
    """Of all its rows; none of a table that is larger than :data:`CHECKED`."""


class Change(BaseModel):
    """What became of one table since its database was activated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    words: str
    """``3 rows more``."""
    now: Table | None
    """None: the table is gone."""

    def __str__(self) -> str:
        return f"{self.table}: {self.words}"


class Fingerprint(BaseModel):
    """A database's content, in three numbers a table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    tables: dict[str, Table]

    @classmethod
    def unpack(cls, packed: bytes, where: str) -> Self:
        """Read what :meth:`pack` wrote.

        :param where: it was stored, for the message.
        :raises UnreadableFingerprint: it is something else.
        """
        try:
            return cls.model_validate_json(zlib.decompress(packed))
        except (zlib.error, ValidationError):
            raise UnreadableFingerprint(f"the fingerprint {where} is not what snaplift writes") from None

    def pack(self) -> bytes:
        """Write it for storing: JSON, compressed.

        :raises ValueError: it is larger than :data:`LIMIT`.
        """
        packed = zlib.compress(self.model_dump_json(exclude_none=True).encode(), level=9)
        if len(packed) > LIMIT:
            raise ValueError(
                f"the fingerprint of {len(self.tables)} tables has {len(packed)} bytes, and {LIMIT} can be stored"
            )
        return packed


def changes(activated: Fingerprint, now: Fingerprint, scratch: Collection[str] = ()) -> tuple[Change, ...]:
    """Say which tables are not as they were when their database was activated, by name.

    :param scratch: tables that the application fills by itself as it serves, and that are not compared.
    """
    names = sorted({*activated.tables, *now.tables} - set(scratch))
    found = ((name, activated.tables.get(name), now.tables.get(name)) for name in names)
    return tuple(
        Change(table=name, words=words, now=after)
        for name, before, after in found
        if (words := _compared(before, after))
    )


def _compared(before: Table | None, now: Table | None) -> str:
    """Say in words what became of a table; nothing: it is as it was."""
    if before is None or now is None:
        return "is gone" if now is None else f"is new, with {_rows(now.rows)}"
    if difference := now.rows - before.rows:
        return f"{_rows(abs(difference))} {'more' if difference > 0 else 'fewer'}"
    unlike = None not in (before.checksum, now.checksum) and before.checksum != now.checksum
    return "changed, same number of rows" if unlike or before.greatest != now.greatest else ""


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"


def told(found: Collection[Change], more: int = 0) -> str:
    """Tell changes in one sentence's part.

    :param more: tables that were changed beside those.
    """
    named = [str(change) for change in list(found)[:TOLD]]
    more += len(found) - len(named)
    others = f"{'and ' if named else ''}{more} more {'table' if more == 1 else 'tables'}"
    return "; ".join([*named, others] if more else named)
