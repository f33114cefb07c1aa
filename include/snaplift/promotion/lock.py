"""The lock of a namespace: who holds it, in which phase, and the record that every step and an abort go by."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from snaplift.promotion.plan import Before, Plan


class Phase(StrEnum):
    """What the holder may do."""

    PROMOTING = "promoting"
    ABORTING = "aborting"
    FREE = "free"


class LockLost(RuntimeError):
    """The lock is not ours in the phase that is needed: nothing more may be written."""


class LockHeld(RuntimeError):
    """Another run holds the lock."""


class Record(BaseModel):
    """What is written with the lock, once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan: Plan
    acquired_at: datetime


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
    failure: str = ""
    """Why the holder's last step failed; an abort tells it."""

    def held_by(self, token: str) -> bool:
        return self.token == token and self.phase != Phase.FREE


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
