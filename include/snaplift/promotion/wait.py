"""What to wait for, as a value, and what an observation of it means."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal[
    "stack", "change_set", "db_instance", "db_snapshot", "service", "service_deployment", "task", "http", "lock"
]


class Verdict(StrEnum):
    """What an observation says about a wait."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    ABSENT = "absent"
    """Gone, or replaced by a namesake, where it should have been there."""
    OVERDUE = "overdue"
    """Still pending when its time was up."""


class Observation(BaseModel):
    """What was seen of a thing; there is none of a thing that does not exist."""

    model_config = ConfigDict(frozen=True)

    state: str
    identity: str | None = None
    """What tells it from a namesake made later: an ARN, a resource id."""
    detail: str = ""
    """Why it is in that state, in AWS's words."""


class Wait(BaseModel):
    """One thing whose state is waited for, by identity and with a deadline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str
    region: str
    kind: Kind
    name: str
    """What the API is asked for: an identifier or ARN."""
    scope: str | None = None
    """Where the name means something: a cluster, a lock table, a change set's stack; for ``http`` the Host header."""
    identity: str | None = None
    done: tuple[str, ...]
    failed: tuple[str, ...] = ()
    """States that will not become a done one; every other state is waited out."""
    absent: Literal["done", "failed"] = "failed"
    interval: float = 15.0
    """Seconds between two looks."""
    timeout: float
    """Seconds after which the wait has failed."""

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.name}"


def judge(wait: Wait, seen: Observation | None) -> Verdict:
    """Say what an observation means for a wait.

    A thing of the right name and another identity is not the one that is waited for: it counts as absent.
    """
    if seen is None or (wait.identity and seen.identity and wait.identity != seen.identity):
        return Verdict.DONE if wait.absent == "done" else Verdict.ABSENT
    if seen.state in wait.done:
        return Verdict.DONE
    return Verdict.FAILED if seen.state in wait.failed else Verdict.PENDING
