"""recover: end what a dead run began, as that run would have ended it itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.aws.steps import finish
from snaplift.aws.steps.change import ChangeFailed
from snaplift.aws.steps.promotion import Done, HeldLock, utc_now
from snaplift.config.platform import Platforms
from snaplift.promotion.lock import Lock
from snaplift.promotion.plan import Place
from snaplift.promotion.recovery import Holder, Judgement, judge
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)

Ask = Callable[[Lock], Holder | None]
"""Asks Airflow how a lock's holder stands. None: it is another Airflow's run. It raises when that cannot be told."""


class Lead(BaseModel):
    """A lock whose holder seems to be dead, or a place where one could not look for such locks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: str
    namespace: str = ""
    """Empty: the platform's locks could not be listed."""
    fence: int = 0
    """The lock's fencing number when it was seen; 0: it could not be read."""
    why: str

    def __str__(self) -> str:
        return f"{self.namespace or f'the locks of {self.platform}'}: {self.why}"


def find(platforms: Platforms, ask: Ask, now: Callable[[], datetime] = utc_now) -> list[Lead]:
    """List the locks of dead runs on all platforms.

    One platform that cannot be listed, or one lock that cannot be read, becomes a lead of its own: it fails where
    everybody sees it, and keeps nobody else's lock from being recovered.

    :raises Exception: Airflow did not say how a run stands; that is never taken for its absence.
    """
    leads = [lead for name in platforms.platforms for lead in _on_platform(platforms, name, ask, now)]
    for lead in leads:
        log.info("%s", lead)
    return leads


def locks_of(place: Place) -> LockHook:
    """Make the hook for a platform's locks, and be sure that it looks in the platform's account.

    In another one there is no such table, which would look as if nobody held a lock.

    :raises StepFailed: it is another account's.
    """
    locks = Aws.at(place).locks
    if (found := str(locks.account_id)) != place.account:
        raise StepFailed(
            f"connection {place.connection!r} is in account {found}, and {place.platform} in {place.account}: "
            "its locks cannot be looked at"
        )
    return locks


def _on_platform(platforms: Platforms, name: str, ask: Ask, now: Callable[[], datetime]) -> Iterator[Lead]:
    place = Place.of(name, platforms.platforms[name])
    try:
        locks = locks_of(place)
        namespaces = locks.held(place.lock_table)
    except Exception as error:
        yield Lead(platform=name, why=f"{type(error).__name__}: {error}")
        return
    for namespace in namespaces:
        try:
            lock = locks.find(place.lock_table, namespace)
        except Exception as error:
            yield Lead(platform=name, namespace=namespace, why=f"{type(error).__name__}: {error}")
            continue
        if lock is None or not _is_ours(lock, platforms):
            continue
        judgement = judge(lock, ask(lock), now())
        if judgement.dead:
            yield Lead(platform=name, namespace=namespace, fence=lock.fence, why=judgement.why)
        else:
            log.info("%s: left alone, %s", lock, judgement.why)


def _is_ours(lock: Lock, platforms: Platforms) -> bool:
    return lock.record.run.installation == platforms.installation


def advance(platforms: Platforms, lead: Lead, ask: Ask, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """Judge a lock once more, then complete or abort in place of its holder, and give it back.

    :raises UnreadableLock: its record cannot be read.
    :raises Exception: something could not be put back; nothing was deleted that this is not sure of.
    """
    place = Place.of(lead.platform, platforms.platforms[lead.platform])
    locks = locks_of(place)
    if not lead.namespace:
        locks.held(place.lock_table)
        return Done(skipped=f"the locks of {lead.platform} can be listed again: the next run looks at them")
    seen = locks.find(place.lock_table, lead.namespace)
    holder = ask(seen) if seen is not None and seen.held else None
    # After Airflow was asked: a run that was just ending has given its lock back by now.
    lock = locks.find(place.lock_table, lead.namespace)
    if seen is None or lock is None or not lock.held or not seen.fence == lock.fence == (lead.fence or lock.fence):
        return Done(skipped=f"the lock of {lead.namespace} was given back")
    judgement = judge(lock, holder, now())
    if not judgement.dead or not _is_ours(lock, platforms):
        return Done(skipped=f"{lock}: left alone, {judgement.why}")
    return _end(HeldLock(lock, place, locks), judgement, now)


def _end(held: HeldLock, judgement: Judgement, now: Callable[[], datetime]) -> Wait | Done:
    lock = held.lock
    try:
        outcome = finish.take_over(held, now)
    except (finish.Aborted, ChangeFailed) as aborted:
        outcome = Done({"ended": str(aborted)})
    if isinstance(outcome, Wait) or outcome.skipped:
        return outcome
    ended = outcome.result.get("ended") or f"release {outcome.result['active']} was active already"
    if left := outcome.result.get("left"):
        ended += f", and something is left: {left}"
    log.info("%s: %s; %s", lock, judgement.why, ended)
    return Done({"namespace": lock.namespace, "run": str(lock.record.run), "why": judgement.why, "ended": ended})
