"""ending: end what a dead run began, whatever it was, and give its lock back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from snaplift.aws.steps import change, dismantle, finish, reap
from snaplift.aws.steps.promotion import Done, HeldLock, utc_now
from snaplift.promotion.changes import Change
from snaplift.promotion.dismantling import Dismantling
from snaplift.promotion.lock import Errand, Work
from snaplift.promotion.plan import Plan
from snaplift.promotion.wait import Wait

End = Callable[[HeldLock, Callable[[], datetime]], Wait | Done]
"""Ends one kind of work in place of its run; what it says of that is under ``ended``."""

ENDINGS: Final[dict[type[Work], End]] = {
    Plan: finish.take_over,
    Dismantling: dismantle.take_over,
    Change: change.take_over,
    Errand: reap.take_over,
}


def take_over(held: HeldLock, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """Do the next thing that ends what a lock is held for.

    :param held: the lock as it was judged; nothing is done if it has changed hands since.
    :raises Exception: something could not be put back; nothing was deleted that this is not sure of.
    """
    lock = held.locks.find(held.place.lock_table, held.lock.namespace)
    if lock is None or not lock.held_by(held.lock.token) or lock.fence != held.lock.fence:
        return Done(skipped=f"the lock of {held.lock.namespace} was given back")
    return ENDINGS[type(lock.record.work)](held._replace(lock=lock), now)
