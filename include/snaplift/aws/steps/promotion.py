"""What a step works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.fence import Fence
from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.config.platform import Platforms
from snaplift.promotion.lock import Lock, LockLost, Phase
from snaplift.promotion.plan import Place, Plan
from snaplift.promotion.run import Run
from snaplift.stacks.outputs import DatabaseOutputs

RESTORE = timedelta(hours=6)
"""Deadline of a restore or a snapshot: they take 8 to 180 minutes."""
REMOVAL = timedelta(hours=3)


@dataclass(frozen=True)
class Done:
    """A step has ended. What it says is shown with its task."""

    result: dict[str, Any] = field(default_factory=dict)
    skipped: str = ""
    """Why there was nothing to do."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Promotion:
    """A promotion under way: its plan as it was recorded with the lock, and where it happens."""

    lock: Lock
    place: Place
    """Where the lock is, and the namespace."""
    locks: LockHook
    now: Callable[[], datetime] = utc_now

    @property
    def plan(self) -> Plan:
        return self.lock.plan

    @cached_property
    def fence(self) -> Fence:
        """What every write has to pass: the lock is ours, in the phase that it was in when the step began."""
        lock = self.lock
        return Fence(self.locks, self.place.lock_table, lock.namespace, lock.token, lock.fence, lock.phase)

    @cached_property
    def aws(self) -> Aws:
        """The target's account and region."""
        return Aws.at(self.place, self.fence)

    @cached_property
    def source(self) -> Aws:
        """The source's account and region.

        :raises StepFailed: this promotion has no source.
        """
        if self.plan.source is None:
            raise StepFailed(f"{self.plan.name} has no source: its data is authored there")
        return Aws.at(self.plan.source.place, self.fence)

    @property
    def cluster(self) -> str:
        return self.plan.platform.cluster_name

    def database(self) -> DatabaseOutputs:
        """The candidate's outputs.

        :raises StepFailed: it does not stand, or is not this run's.
        """
        found = self.aws.stacks.find(self.plan.database)
        if found is None or not found.created or found.run != self.plan.run.hash:
            raise StepFailed(f"database {self.plan.database} of this run does not stand: clear the step 'database'")
        return DatabaseOutputs.read(found.name, found.outputs)

    def job_network(self) -> dict[str, Any]:
        """Where one-off tasks run: with the jobs' security group, which a candidate is open to."""
        return {
            "awsvpcConfiguration": {
                "subnets": self.plan.platform.private_subnet_ids.split(","),
                "securityGroups": [self.plan.namespace.job_security_group_id],
                "assignPublicIp": "DISABLED",
            }
        }


class HeldLock(NamedTuple):
    """A lock that this run holds, and the hook that it was found with: a client takes a while to make."""

    lock: Lock
    place: Place
    locks: LockHook


def find_lock(platforms: Platforms, namespace: str, run: Run, *, ended: bool = False) -> HeldLock | None:
    """Find the lock of a namespace that this run holds, on whichever platform it is.

    The tenant's file may have changed since, so it is not asked where the namespace is.

    :param ended: the one that it held last and gave back, if nobody has taken it since.
    """
    hooks: dict[tuple[str, str], LockHook] = {}
    for name, platform in platforms.platforms.items():
        place = Place.of(name, platform)
        locks = hooks.setdefault((place.connection, place.region), Aws.at(place).locks)
        lock = locks.find(place.lock_table, namespace)
        if lock is not None and lock.token == run.token and (lock.phase is Phase.FREE) == ended:
            return HeldLock(lock, place, locks)
    return None


def resume(platforms: Platforms, namespace: str, run: Run, now: Callable[[], datetime] = utc_now) -> Promotion:
    """Go on with a promotion: its lock must be ours, and its lease is renewed.

    :raises LockLost: it is not, or the promotion is being aborted.
    """
    found = find_lock(platforms, namespace, run)
    if found is None:
        raise LockLost(f"this run does not hold the lock of {namespace}: nothing may be written")
    lock = found.locks.renew(found.place.lock_table, namespace, run.token, Phase.PROMOTING, now())
    return Promotion(lock, found.place, found.locks, now)
