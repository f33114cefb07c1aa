"""Whether the run that holds a lock is dead, so that what it began may be ended in its place."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from snaplift.promotion.lock import Lock

GRACE: Final = timedelta(minutes=2)
"""How long the lock of a run that has ended is left alone after its last sign of life: a task that was marked may be
executing yet."""

ENDED: Final = frozenset({"success", "failed"})
"""States of a run that starts no task any more."""
EXECUTING: Final = frozenset({"queued", "restarting", "running"})
"""States of a task that an executor has. In a run that has ended, one in any other state never starts."""


class Holder(BaseModel):
    """What Airflow says of the run that holds a lock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str | None
    """Its state; None: there is no such run."""
    finish: str | None = None
    """The state of its last task; None: it has none yet."""
    paused: bool = False
    """Its DAG is switched off, so that none of its tasks starts."""
    stale: bool = False
    """Its DAG is no longer there, with the same effect."""


class Judgement(BaseModel):
    """Whether a lock's holder is dead, and why, for a person to read."""

    model_config = ConfigDict(frozen=True)

    dead: bool
    why: str


def is_asked(lock: Lock, airflow: str) -> bool:
    """Say whether an Airflow can tell how the holder's run stands: it is in that Airflow's metadata database."""
    return bool(airflow) and lock.airflow == airflow


def judge(lock: Lock, holder: Holder | None, now: datetime) -> Judgement:
    """Say whether a lock's holder is dead. A run that goes on is never taken for dead, however old its lease.

    :param holder: None: its Airflow cannot be asked, since it is another one, or one whose database was lost.
    """
    if not lock.held:
        return _live("nobody holds it")
    if holder is None:
        return _by_lease(lock, now, "its run is in another Airflow, or in one whose database was lost")
    if holder.run is None:
        return _dead("its run no longer exists")
    if holder.run in ENDED:
        return _ended(lock, holder, now)
    if holder.stale:
        return _by_lease(lock, now, f"its run is {holder.run} and its DAG is no longer there")
    if holder.paused:
        return _by_lease(lock, now, f"its run is {holder.run} and its DAG is paused")
    return _live(f"its run is {holder.run}")


def _ended(lock: Lock, holder: Holder, now: datetime) -> Judgement:
    if holder.finish in EXECUTING:
        return _live(f"its run has ended ({holder.run}) and 'finish' is {holder.finish}")
    if now < lock.last_sign + GRACE:
        return _live(f"its run has ended ({holder.run}), less than {GRACE.total_seconds():.0f} s after it was at work")
    return _dead(f"its run has ended ({holder.run}) without giving it back")


def _by_lease(lock: Lock, now: datetime, what: str) -> Judgement:
    until = f"{lock.lease_until:%Y-%m-%d %H:%M} UTC"
    if now < lock.lease_until:
        return _live(f"{what}; its lease lasts until {until}")
    return _dead(f"{what}, and its lease is over since {until}")


def _dead(why: str) -> Judgement:
    return Judgement(dead=True, why=why)


def _live(why: str) -> Judgement:
    return Judgement(dead=False, why=why)
