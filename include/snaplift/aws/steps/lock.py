"""lock: one promotion at a time per namespace; then every fact that the plan rests on is read again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.plan import look_before
from snaplift.aws.steps.promotion import Done, utc_now
from snaplift.promotion.lock import PlanOutdated, Record, check_unchanged
from snaplift.promotion.plan import Plan


def advance(plan: Plan, now: Callable[[], datetime] = utc_now) -> Done:
    """Take the lock with the plan, its release decided, as its record.

    :raises LockHeld: another run has it.
    :raises PlanOutdated: what the plan rests on has changed; the lock is given back.
    """
    aws, place = Aws.at(plan.place), plan.place
    record = Record(plan=_with_release(plan, now()), acquired_at=now())
    lock = aws.locks.acquire(place.lock_table, record)
    decided = lock.record.plan
    # An earlier try may have taken the lock and died before it checked; one that went on has made something.
    if lock.record.acquired_at == record.acquired_at or not has_begun(decided):
        try:
            _check(decided)
        except PlanOutdated:
            aws.locks.release(place.lock_table, str(plan.name), plan.run.token)
            raise
    return Done({"release": decided.release, "database": decided.database, "fence": lock.fence})


def _with_release(plan: Plan, moment: datetime) -> Plan:
    """Name the new release by the moment, or by the first second after it whose name is free."""
    if plan.mode != "new" or plan.source_name is None or plan.source is None:
        return plan
    databases = Aws.at(plan.source.place).databases
    for second in range(60):
        release = naming.Release.at(moment + timedelta(seconds=second))
        if databases.snapshot(plan.source_name.snapshot(release)) is None:
            return plan.decided(release)
    raise StepFailed(f"every snapshot name of the next minute is taken in {plan.source_name}: look at what makes them")


def has_begun(plan: Plan) -> bool:
    """Say whether anything stands that this run has made: then its lock stays, for ``finish`` to undo that.

    Any one thing of it counts. A person may have deleted another by hand.
    """
    made_by = set()
    if plan.mode == "new" and plan.source is not None and plan.snapshot is not None:
        snapshot = Aws.at(plan.source.place).databases.snapshot(plan.snapshot)
        made_by.add(snapshot.tags.get(naming.RUN_TAG) if snapshot else None)
    aws = Aws.at(plan.place)
    stack, instance = aws.stacks.find(plan.database), aws.databases.instance(plan.database)
    made_by |= {stack.run if stack else None, instance.tags.get(naming.RUN_TAG) if instance else None}
    return plan.run.hash in made_by


def _check(plan: Plan) -> None:
    aws = Aws.at(plan.place)
    found, _ = look_before(aws, plan.name, plan.platform.cluster_name)
    check_unchanged(plan.before, found)
    if plan.mode in {"tested", "standing"} and plan.source and plan.snapshot:
        snapshot = Aws.at(plan.source.place).databases.snapshot(plan.snapshot)
        if snapshot is None or snapshot.status != "available":
            status = snapshot.status if snapshot else "gone"
            raise PlanOutdated(f"since the plan was made, snapshot {plan.snapshot} is {status}: plan again")
