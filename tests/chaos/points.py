"""Where a run is struck, and how: recorded calls in, points out."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from snaplift.aws.fence import READS

EVERY_READ: Final = "every-read"
"""In place of a call: all reads of a task, in one run."""
WAIT: Final = ".wait"
"""Behind a task's name: what the triggerer does for it."""
SQL: Final = "sql"
RENEWAL: Final = "dynamodb:UpdateItem"
CONNECT, SELECT, COMMIT = "CONNECT", "SELECT", "COMMIT"
_SQL_READS: Final = frozenset({CONNECT, SELECT, "SET-TRANSACTION", "START-TRANSACTION", "CHECKSUM-TABLE"})


class Fault(StrEnum):
    """What happens to a call."""

    KILLED_BEFORE = "killed-before"
    """The process that calls is killed; the call is not made."""
    KILLED_AFTER = "killed-after"
    """It is killed when the call has been applied."""
    LOST = "lost"
    """The call is applied and its connection cut before the reply; botocore sends it again."""
    THROTTLED = "throttled"
    """Three times, by the service's own error. A database has too many connections, once."""
    DENIED = "denied"
    """Once, by the service's own error; nobody does anything. What follows is the abort; of `finish`, fleet.recover."""
    CLEARED = "denied-cleared"
    """Once, by the service's own error; the task fails, a person clears it, and it goes on."""


KILLS: Final = frozenset({Fault.KILLED_BEFORE, Fault.KILLED_AFTER})
REFUSALS: Final = frozenset({Fault.DENIED, Fault.CLEARED})
LOCK, TEARDOWN = "lock", "finish"


@dataclass(frozen=True)
class Call:
    """One call of a run: the nth of its kind that a task makes between two waits.

    :param task: the task's id; with :data:`WAIT` behind it, the first look of each of its waits.
    :param name: ``rds:CreateDBSnapshot`` or ``sql:DROP-USER``.
    :param part: from 1; after each wait a task begins its next part.
    """

    task: str
    name: str
    nth: int
    part: int = 1

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        service, _, operation = self.name.partition(":")
        if service == SQL:
            return operation not in _SQL_READS
        return READS.fullmatch(operation) is None

    @property
    def is_read(self) -> bool:
        """Whether it is a call of AWS that changes nothing."""
        return not self.writes and not self.is_sql

    @property
    def is_sql(self) -> bool:
        return self.name.startswith(f"{SQL}:")

    @property
    def is_renewal(self) -> bool:
        """Whether it is what a step begins with, and goes on with after a wait: its lock's lease is made longer.

        The step that takes the lock, and the one that gives it back, write more there than a lease.
        """
        return self.name == RENEWAL and self.nth == 1 and self.task.removesuffix(WAIT) not in {LOCK, TEARDOWN}

    @property
    def numbered(self) -> str:
        """Which of its task's calls it is: ``rds:CreateDBSnapshot#1``; the first after one wait is ``#2.1``."""
        return f"{self.name}#{f'{self.part}.' if self.part > 1 else ''}{self.nth}"

    def __str__(self) -> str:
        return f"{self.task}/{self.numbered}"


@dataclass(frozen=True)
class Point:
    """A scenario, a call of it, and what happens to it."""

    scenario: str
    task: str
    call: str
    """As :attr:`Call.numbered` says it, or :data:`EVERY_READ`."""
    fault: Fault
    count: int = 1
    """How many calls are struck."""

    @classmethod
    def parse(cls, text: str) -> Point:
        """Read what :meth:`__str__` writes.

        :raises ValueError: it is something else.
        """
        try:
            scenario, task, call, fault = text.split("/")
            return cls(scenario, task, call, Fault(fault))
        except ValueError:
            faults = ", ".join(Fault)
            raise ValueError(f"point {text!r}: expected scenario/task/call/fault; faults are {faults}") from None

    def __str__(self) -> str:
        return f"{self.scenario}/{self.task}/{self.call}/{self.fault}"

    def meets(self, call: Call) -> bool:
        """Say whether it strikes a call."""
        if call.task != self.task:
            return False
        return self.call == call.numbered or (self.call == EVERY_READ and call.is_read)


EQUIVALENCES: Final = (
    "killed after a read = killed before the next call: a read changes nothing.",
    "killed before a read that follows a write in its task = killed after that write; so reads are killed at a task's "
    "start and where it goes on after a wait.",
    "a read that is throttled or whose reply is lost is repeated by botocore, unseen by the product: all reads of a "
    "task are struck in one run.",
    "of each wait the first look is struck: the others are the same.",
    "of calls that AWS, or the database, refuses in a task when nothing but the lock's lease was written between them, "
    "one, chosen by the seed, is followed by the abort, for which all is the same after each; the others by a person "
    "who clears the task.",
    "what is refused in finish is followed by fleet.recover or by a clear: half of it by each, by the seed.",
    "a statement's connection is not repeated by a library: throttled, lost and denied are errors that the step sees.",
)
"""Said with the result: what was not tried because something else is the same."""


def points(scenario: str, calls: Sequence[Call], seed: int = 0) -> list[Point]:
    """All points of a scenario, by the calls of a clean run of it, in their order.

    :param seed: of the choice which refusals a person clears.
    """
    chosen = _uncleared(calls, random.Random(f"{seed} {scenario}"))  # a choice, no secret
    found = [Point(scenario, task, EVERY_READ, fault, n) for task, n in _reads(calls) for fault in _REPEATED]
    for before, call in pairwise([None, *calls]):
        if call:
            faults = [*_faults(before, call), Fault.DENIED if call in chosen else Fault.CLEARED]
            found += [Point(scenario, call.task, call.numbered, fault) for fault in faults]
    return found


def _uncleared(calls: Sequence[Call], chance: random.Random) -> set[Call]:
    """The calls whose refusal nobody clears."""
    writes: dict[str, int] = {}
    alike: dict[tuple[str, str, int], list[Call]] = {}
    for call in calls:
        # What a service and a database refuse are errors of two kinds.
        alike.setdefault((call.task, SQL * call.is_sql, writes.get(call.task, 0)), []).append(call)
        writes[call.task] = writes.get(call.task, 0) + (call.writes and not call.is_renewal)
    return {chance.choice(same) for same in alike.values() if not _ends(same[0].task) or chance.random() < HALF}


def _ends(task: str) -> bool:
    return task.removesuffix(WAIT) == TEARDOWN


HALF: Final = 0.5
_REPEATED = (Fault.LOST, Fault.THROTTLED)


def _faults(before: Call | None, call: Call) -> Iterator[Fault]:
    if call.writes or call.is_sql or before is None or before.task != call.task:
        yield Fault.KILLED_BEFORE
    if call.writes:
        yield Fault.KILLED_AFTER
    if call.writes or call.is_sql:
        yield from _REPEATED


def _reads(calls: Iterable[Call]) -> list[tuple[str, int]]:
    tasks: dict[str, int] = {}
    for call in calls:
        if call.is_read:
            tasks[call.task] = tasks.get(call.task, 0) + 1
    return list(tasks.items())
