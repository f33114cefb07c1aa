"""The lock of a namespace: who holds it, in which phase, and the record that every step and an abort go by."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from snaplift.promotion.changes import Change
from snaplift.promotion.plan import Before, Plan
from snaplift.promotion.run import Run

LEASE: Final = timedelta(hours=8)
"""Renewed at each step's start. Longer than the longest wait of a step with what comes on top of it (its deadline in
Airflow, a retry): nothing of a deferred run executes that could renew it."""


class Phase(StrEnum):
    """What the holder may do."""

    PROMOTING = "promoting"
    ABORTING = "aborting"
    FREE = "free"


class LockLost(RuntimeError):
    """The lock is not ours in the phase that is needed: nothing more may be written."""


class LockHeld(RuntimeError):
    """Another run holds the lock."""


class UnreadableLock(RuntimeError):
    """A lock's item is not as this version writes it: who holds it cannot be told, so it counts as held."""


class Record(BaseModel):
    """What a promotion writes with the lock, once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan: Plan
    acquired_at: datetime

    @property
    def run(self) -> Run:
        return self.plan.run

    @property
    def name(self) -> str:
        """What is locked."""
        return str(self.plan.name)

    @property
    def tenant(self) -> str | None:
        return str(self.plan.name.tenant)


class ChangeRecord(BaseModel):
    """What a change of stacks writes with the lock, once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    change: Change
    acquired_at: datetime

    @property
    def run(self) -> Run:
        return self.change.run

    @property
    def name(self) -> str:
        """What is locked: a namespace, or a platform."""
        return self.change.name

    @property
    def tenant(self) -> str | None:
        """Whose DAG the run is of; None: no tenant's."""
        return self.change.tenant


def parse_record(text: str) -> Record | ChangeRecord:
    """Read a record.

    :raises ValueError: it is not as this version writes it.
    """
    found = json.loads(text)
    if isinstance(found, dict) and "change" in found:
        return ChangeRecord.model_validate_json(text)
    return Record.model_validate_json(text)


class Lock(BaseModel):
    """A lock as it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str
    token: str
    phase: Phase
    fence: int
    """Grows with every holder."""
    lease_until: datetime
    record: Record | ChangeRecord
    airflow: str = ""
    """The id of the metadata database that the holder's run is in; empty: it was in none, or it is not known."""
    failure: str = ""
    """Why the holder's last step failed; an abort tells it."""

    @property
    def plan(self) -> Plan:
        """The promotion's plan.

        :raises LockLost: it is no promotion that holds the lock.
        """
        if isinstance(self.record, Record):
            return self.record.plan
        raise LockLost(f"{self}: no promotion holds it")

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
