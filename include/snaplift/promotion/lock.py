"""The lock of a namespace: who holds it, in which phase, and the record that every step and an abort go by."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from snaplift import naming
from snaplift.promotion.changes import Change
from snaplift.promotion.dismantling import Dismantling
from snaplift.promotion.plan import Before, Frozen, Plan
from snaplift.promotion.run import Run

LEASE: Final = timedelta(hours=8)
"""Renewed at each step's start. Longer than the longest wait of a step with what comes on top of it (its deadline in
Airflow, a retry): nothing of a deferred run executes that could renew it."""


class Phase(StrEnum):
    """What the holder may do."""

    PROMOTING = "promoting"
    ABORTING = "aborting"
    REAPING = "reaping"
    """Held for moments, by a reap or an adoption: nothing is undone when its holder dies."""
    FREE = "free"


class LockLost(RuntimeError):
    """The lock is not ours in the phase that is needed: nothing more may be written."""


class LockHeld(RuntimeError):
    """Another run holds the lock."""


class UnreadableLock(RuntimeError):
    """A lock's item is not as this version writes it: who holds it cannot be told, so it counts as held."""


class Errand(Frozen):
    """A look at one thing under the lock, for moments: nothing is left to be undone."""

    run: Run
    namespace: str
    what: str
    """For a person to read."""
    thing: str
    """What tells the thing from every other: those of one run come one after the other."""
    then: str = "the next reap looks at again"
    """What becomes of it when its holder dies."""

    @property
    def name(self) -> naming.Namespace:
        return naming.Namespace.parse(self.namespace)

    @property
    def doing(self) -> str:
        return f"is held to {self.what}"


Work = Plan | Dismantling | Change | Errand
"""What a lock is held for; each says its ``run``, and the ``name`` of what is locked."""


class Record(BaseModel):
    """What is written with the lock, once."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    work: Work = Field(alias="plan")
    acquired_at: datetime

    @staticmethod
    @lru_cache(maxsize=128)
    def parse(text: str) -> Record:
        """Read what was written. Asked for before every change, and never written again, so it is parsed once.

        :raises ValueError: it is not as this version writes it.
        """
        return Record.model_validate_json(text)

    @property
    def run(self) -> Run:
        return self.work.run

    @property
    def name(self) -> str:
        """What is locked."""
        return str(self.work.name)

    @property
    def token(self) -> str:
        """What the lock is held by."""
        return f"{self.run.token}|{self.work.thing}" if isinstance(self.work, Errand) else self.run.token

    @property
    def phase(self) -> Phase:
        """The phase that the lock is taken in."""
        return Phase.REAPING if isinstance(self.work, Errand) else Phase.PROMOTING

    @property
    def plan(self) -> Plan:
        """The promotion's plan.

        :raises LockLost: the holder promotes nothing.
        """
        if isinstance(self.work, Plan):
            return self.work
        raise LockLost(f"{self.name} {self.work.doing} by run {self.run}: nothing is promoted")


class Lock(BaseModel):
    """A lock as it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str
    token: str
    phase: Phase
    fence: int
    """Grows with every holder."""
    lease_until: datetime
    record: Record
    airflow: str = ""
    """The id of the metadata database that the holder's run is in; empty: it was in none, or it is not known."""
    failure: str = ""
    """Why the holder's last step failed; an abort tells it."""
    afresh: int = 0
    """How often the candidate was given up in the middle of ``adapt``, and made once more."""
    written: str = ""
    """What visitors wrote to the candidate, as a sentence; an abort tells it when the candidate has gone."""

    @property
    def held(self) -> bool:
        return self.phase is not Phase.FREE

    @property
    def last_sign(self) -> datetime:
        """When its holder last said that it lives."""
        return self.lease_until - LEASE

    def held_by(self, token: str) -> bool:
        return self.token == token and self.held

    def __str__(self) -> str:
        return (
            f"{self.namespace} is locked by run {self.record.run} since "
            f"{self.record.acquired_at:%Y-%m-%d %H:%M} UTC ({self.phase})"
        )


class PlanOutdated(RuntimeError):
    """What the plan rests on has changed since it was made."""


def check_unchanged(planned: Before, found: Before) -> None:
    """Refuse to go on when a fact that the plan rests on has changed.

    :raises PlanOutdated: names what changed, from what to what.
    """
    changed = []
    if planned.pointer_version != found.pointer_version:
        changed.append(f"the pointer was version {planned.pointer_version} and is {found.pointer_version}")
    if planned.task_definition != found.task_definition:
        changed.append(
            f"the service ran {planned.task_definition or 'nothing'} and runs {found.task_definition or 'nothing'}"
        )
    if changed:
        raise PlanOutdated(f"since the plan was made, {'; '.join(changed)}. Nothing was changed: plan again")
