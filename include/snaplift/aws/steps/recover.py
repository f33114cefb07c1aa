"""recover: end what a dead run began, as that run would have ended it itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.ending import take_over
from snaplift.aws.steps.promotion import Done, HeldLock, locks_of, utc_now
from snaplift.config.platform import Platforms
from snaplift.promotion.lock import LEASE, Lock
from snaplift.promotion.plan import Place
from snaplift.promotion.recovery import Holder, Judgement, judge
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)

LONGEST: Final = LEASE + timedelta(hours=4)
"""From a run's last sign of life to its end. It may be its lease until it is taken for dead, and then what takes AWS
longest is a database that goes."""

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

    One platform that cannot be listed, one lock that cannot be read, or one run of which Airflow does not say how it
    stands (which is never taken for its absence), becomes a lead of its own: it fails where everybody sees it, and
    keeps nobody else's lock from being recovered.
    """
    leads = [lead for name in platforms.platforms for lead in _on_platform(platforms, name, ask, now)]
    for lead in leads:
        log.info("%s", lead)
    return leads


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
            if lock is None or not _is_ours(lock, platforms):
                continue
            judgement = judge(lock, ask(lock), now())
        except Exception as error:
            yield Lead(platform=name, namespace=namespace, why=f"{type(error).__name__}: {error}")
            continue
        if judgement.dead:
            yield Lead(platform=name, namespace=namespace, fence=lock.fence, why=judgement.why)
        else:
            log.info("%s: left alone, %s", lock, judgement.why)


def _is_ours(lock: Lock, platforms: Platforms) -> bool:
    return lock.record.run.installation == platforms.installation


def advance(platforms: Platforms, lead: Lead, ask: Ask, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """Judge a lock once more, then complete or abort in place of its holder, and give it back.

    :raises UnreadableLock: its record cannot be read.
    :raises StepFailed: it has been waited for so long that somebody has to look.
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
    lock, outcome = held.lock, take_over(held, now)
    if isinstance(outcome, Wait) and now() > lock.last_sign + LONGEST:
        raise StepFailed(
            f"{lock}, and its run gave its last sign of life at {lock.last_sign:%Y-%m-%d %H:%M} UTC: {outcome} is "
            "still waited for, which has never taken so long. Look at it in AWS; the next run tries again"
        )
    if isinstance(outcome, Wait) or outcome.skipped:
        return outcome
    ended = outcome.result["ended"]
    log.info("%s: %s; %s", lock, judgement.why, ended)
    return Done({"namespace": lock.namespace, "run": str(lock.record.run), "why": judgement.why, "ended": ended})
