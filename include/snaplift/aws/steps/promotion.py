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
from snaplift.aws.steps.standing import find_kept
from snaplift.config.platform import Platforms
from snaplift.promotion.lock import Errand, Lock, LockLost, Phase
from snaplift.promotion.plan import Place, Plan
from snaplift.promotion.pointer import DatabaseReference
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from snaplift.stacks.outputs import DatabaseOutputs

RESTORE = timedelta(hours=6)
"""Deadline of a restore or a snapshot: they take 8 to 180 minutes."""
REMOVAL = timedelta(hours=3)
MOMENTS = timedelta(hours=1)
"""Deadline of a wait for a lock that is held for moments: many things of one namespace may be looked at in turn."""


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
        return self.lock.record.plan

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

        :raises StepFailed: it does not stand, or is not this run's, nor the one that this run takes up.
        """
        plan, wanted = self.plan, self.plan.reuses
        if wanted is not None and wanted.adopted:
            return self._adopted(wanted)
        found = self.aws.stacks.find(plan.database)
        if found is None or not found.created or found.run != plan.made_by:
            todo = "plan again" if wanted else "clear the step 'database'"
            raise StepFailed(f"database {plan.database} of run {plan.made_by} does not stand: {todo}")
        outputs = DatabaseOutputs.read(found.name, found.outputs)
        if wanted is not None and outputs.resource_id != wanted.resource_id:
            raise StepFailed(f"database {plan.database} is {outputs.resource_id}, not {wanted.resource_id}: plan again")
        return outputs

    def _adopted(self, wanted: DatabaseReference) -> DatabaseOutputs:
        found = find_kept(self.aws, self.plan.name, wanted, self.plan.run.installation)
        if found is None or found.outputs is None or found.resource_id != wanted.resource_id:
            raise StepFailed(f"database {wanted.name} ({wanted.resource_id}) does not stand: plan again")
        return found.outputs

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


def wait_for_moments(place: Place, locks: LockHook, name: str) -> Wait | None:
    """Wait for a lock that is held for moments only, as a reap does. None: it is held for longer."""
    lock = locks.find(place.lock_table, name)
    if lock is not None and lock.held and not isinstance(lock.record.work, Errand):
        return None
    given: dict[str, Any] = {"done": (Phase.FREE,), "absent": "done", "interval": timedelta(seconds=5)}
    return locks.wait("lock", name, scope=place.lock_table, timeout=MOMENTS, **given)


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
