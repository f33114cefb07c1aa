"""Where a run is struck, and how: recorded calls in, points out."""

from __future__ import annotations

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
CONNECT, SELECT, COMMIT = "CONNECT", "SELECT", "COMMIT"


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
    """Once, by the service's own error."""


KILLS: Final = frozenset({Fault.KILLED_BEFORE, Fault.KILLED_AFTER})


@dataclass(frozen=True)
class Call:
    """One call of a run: the nth of its kind that a task makes.

    :param task: the task's id; with :data:`WAIT` behind it, the first look of each of its waits.
    :param name: ``rds:CreateDBSnapshot`` or ``sql:DROP-USER``.
    """

    task: str
    name: str
    nth: int

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        service, _, operation = self.name.partition(":")
        if service == SQL:
            return operation not in {CONNECT, SELECT}
        return READS.fullmatch(operation) is None

    @property
    def is_read(self) -> bool:
        """Whether it is a call of AWS that changes nothing."""
        return not self.writes and not self.is_sql

    @property
    def is_sql(self) -> bool:
        return self.name.startswith(f"{SQL}:")

    def __str__(self) -> str:
        return f"{self.task}/{self.name}#{self.nth}"


@dataclass(frozen=True)
class Point:
    """A scenario, a call of it, and what happens to it."""

    scenario: str
    task: str
    call: str
    """``rds:CreateDBSnapshot#1``, or :data:`EVERY_READ`."""
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
        return self.call == f"{call.name}#{call.nth}" or (self.call == EVERY_READ and call.is_read)


EQUIVALENCES: Final = (
    "killed after a read = killed before the next call: a read changes nothing.",
    "killed before a read that follows a write in its task = killed after that write; so reads are killed at a task's "
    "start and where it goes on after a wait.",
    "a read that is throttled or whose reply is lost is repeated by botocore, unseen by the product: all reads of a "
    "task are struck in one run.",
    "of each wait the first look is struck: the others are the same.",
    "a statement's connection is not repeated by a library: throttled, lost and denied are errors that the step sees.",
)
"""Said with the result: what was not tried because something else is the same."""


def points(scenario: str, calls: Sequence[Call]) -> list[Point]:
    """All points of a scenario, by the calls of a clean run of it."""
    found = [Point(scenario, task, EVERY_READ, fault, n) for task, n in _reads(calls) for fault in _REPEATED]
    for before, call in pairwise([None, *calls]):
        name = f"{call.name}#{call.nth}" if call else ""
        found += [Point(scenario, call.task, name, fault) for fault in _faults(before, call)] if call else []
    return found


_REPEATED = (Fault.LOST, Fault.THROTTLED)


def _faults(before: Call | None, call: Call) -> Iterator[Fault]:
    if call.writes or call.is_sql or before is None or before.task != call.task:
        yield Fault.KILLED_BEFORE
    if call.writes:
        yield Fault.KILLED_AFTER
    if call.writes or call.is_sql:
        yield from _REPEATED
    yield Fault.DENIED


def _reads(calls: Iterable[Call]) -> list[tuple[str, int]]:
    tasks: dict[str, int] = {}
    for call in calls:
        if call.is_read:
            tasks[call.task] = tasks.get(call.task, 0) + 1
    return list(tasks.items())
