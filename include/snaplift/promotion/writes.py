"""Writes that a promotion would discard: whether it may, by what the environment allows."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from snaplift.config.tenant import TargetWrites
from snaplift.promotion.fingerprint import Change, told

CARRIED = 500
"""Tables that a plan carries, of those that were written to: it has to fit into the lock's item (DynamoDB: 400 KB)."""


class Writes(BaseModel):
    """What was written to the active database of the target since it was activated, as far as it can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str
    changes: tuple[Change, ...] = ()
    """By table; no more than :data:`CARRIED`."""
    more: int = 0
    """Tables that were written to beside those."""
    untold: str = ""
    """Why it cannot be told; empty: it can."""

    @classmethod
    def of(cls, database: str, found: tuple[Change, ...]) -> Self:
        """Carry what was found, or as much of it as a plan can."""
        return cls(database=database, changes=found[:CARRIED], more=len(found[CARRIED:]))

    def __str__(self) -> str:
        return f"cannot be told ({self.untold})" if self.untold else told(self.changes, self.more) or "none"

    @property
    def at_stake(self) -> bool:
        """Whether anything is lost, or may be."""
        return bool(self.changes or self.untold)


def refusal(writes: Writes | None, allowed: TargetWrites, environment: str) -> str:
    """Say why a promotion that would discard writes is not planned; nothing: it is, and perhaps a person is asked."""
    if writes is None or not writes.at_stake or allowed != "refuse":
        return ""
    remedy = (
        "Bring what is to stay to where the data is authored, and say target_writes: ask (or allow) for "
        f"{environment} to have the rest discarded"
    )
    if writes.untold:
        return f"whether anything would be lost with {writes.database} cannot be told: {writes.untold}. {remedy}"
    return f"{writes.database} was written to since it was activated, which would be lost: {writes}. {remedy}"


def come_since(announced: Writes | None, now: Writes | None, allowed: TargetWrites) -> str:
    """Say what keeps a promotion from going on: writes that nobody agreed to lose. Nothing: it may.

    :param announced: what the plan told, which was allowed or which a person said yes to.
    """
    agreed = announced if allowed == "ask" else None
    if now is None or allowed == "allow" or (agreed is not None and agreed.untold):  # a yes to whatever there is
        return ""
    if now.untold:
        return f"whether {now.database} was written to since the plan cannot be told: {now.untold}"
    new = [change for change in now.changes if agreed is None or change not in agreed.changes]
    more = max(now.more - (agreed.more if agreed else 0), 0)
    return f"writes have come since the plan: {told(new, more)}" if new or more else ""
