"""change: what the configuration makes of stacks that stand is shown as change sets, and carried out under the lock.

Making a change set changes nothing, so it is made, and shown, before the lock is taken. What is executed is what was
shown, by its ARN; what is not executed is deleted at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.change_sets import AVAILABLE, EXECUTED, FoundChangeSet
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.aws.steps.layers import TASK_DEFINITION, Layer, Layers
from snaplift.aws.steps.lock import wait_or_give_up
from snaplift.aws.steps.plan import look_before
from snaplift.aws.steps.promotion import Done, HeldLock, Promotion, find_lock, resume, utc_now
from snaplift.config.platform import Platforms
from snaplift.naming import Namespace
from snaplift.promotion.changes import (
    Change,
    StackChange,
    change_set_name,
    differing,
    old_revision,
    refusals,
    unlike,
)
from snaplift.promotion.lock import LockHeld, LockLost, Phase, PlanOutdated, Record, check_unchanged
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait

UPDATE = timedelta(hours=6)
"""Deadline of an update: a database that becomes larger takes hours."""


class ChangeRefused(StepFailed):
    """A change would lose something that holds data, or put an old revision back."""


class ChangeFailed(StepFailed):
    """A change was begun, and not all of it was carried out."""


class Shown(NamedTuple):
    """What would be changed, and why it may not be."""

    change: Change
    reasons: list[str]


def show(layers: Layers, run: Run) -> Wait | Shown:
    """Make a change set on each stack that is not as the configuration says, and read it. Nothing is changed.

    :raises StepFailed: a stack is in no state to be changed, or CloudFormation makes no change set of it.
    """
    aws, changes, reasons = Aws.at(layers.place), [], []
    for layer in layers.stacks:
        found = layer.found
        if found.busy:
            return aws.stacks.wait_at_rest(found, UPDATE)
        if not found.created:
            raise StepFailed(f"stack {found.name} is {found.status}: {found.reason or 'see its events'}")
        template = aws.change_sets.template(found)
        if not unlike(layer.wanted, template, found.parameters, found.tags, live=layer.live):
            continue
        made = aws.change_sets.ensure(layer.wanted, found, change_set_name(run))
        if isinstance(made, Wait):
            return made
        if made.empty:
            aws.change_sets.delete(made)
            continue
        change = _told(layer, made)
        changes.append(change)
        reasons += refusals(change, template)
        if layers.before and TASK_DEFINITION in layer.wanted.parameters:
            reasons += old_revision(layers.before, layer.wanted.parameters[TASK_DEFINITION])
    given = {"name": layers.name, "place": layers.place, "before": layers.before, "cluster": layers.cluster}
    return Shown(Change.model_validate({"run": run, "stacks": tuple(changes), **given}), reasons)


def _told(layer: Layer, made: FoundChangeSet) -> StackChange:
    return StackChange(
        stack=layer.found.name,
        stack_id=layer.found.id,
        change_set=made.arn,
        changes=made.changes,
        parameters=differing(layer.wanted.parameters, layer.found.parameters),
    )


def forget(layers: Layers, run: Run) -> None:
    """Delete what change sets this run made and did not execute."""
    aws = Aws.at(layers.place)
    for layer in layers.stacks:
        made = aws.change_sets.find(change_set_name(run), layer.found.id)
        if made is not None and made.state in (AVAILABLE, "FAILED", "OBSOLETE"):
            aws.change_sets.delete(made)


def lock(
    change: Change,
    now: Callable[[], datetime] = utc_now,
    *,
    airflow: str = "",
    limit: timedelta = timedelta(0),
    since: datetime | None = None,
) -> Wait | Done:
    """Take the lock with the change as its record, and be sure that what it rests on is as it was shown.

    :raises LockHeld: another run has it, and the time is over.
    :raises PlanOutdated: another revision is active, or runs; the lock is given back.
    """
    aws, place, moment = Aws.at(change.place), change.place, now()
    try:
        held = aws.locks.acquire(place.lock_table, Record(work=change, acquired_at=moment), airflow)
    except LockHeld as error:
        return wait_or_give_up(place, change.name, limit, error, moment, since)
    if change.before is not None:
        try:
            check_unchanged(change.before, look_before(aws, Namespace.parse(change.name), change.cluster or "")[0])
        except PlanOutdated as outdated:
            aws.locks.note_failure(place.lock_table, held.namespace, held.token, f"lock: {outdated}")
            aws.locks.release(place.lock_table, held)
            raise
    return Done({"stacks": [each.stack for each in change.stacks], "fence": held.fence})


def apply(platforms: Platforms, name: str, run: Run, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """Execute what was shown, one stack after the other.

    :raises PlanOutdated: a change set is not there any more, or no longer fits its stack.
    :raises ChangeFailed: CloudFormation could not carry it out, and has put the stack back.
    """
    promotion = resume(platforms, name, run, now)
    change, aws = _change(promotion), promotion.aws
    for each in change.stacks:
        state, found = _state(aws, each), _stack(aws, each)
        if state == EXECUTED and found.created:
            continue
        if state == "EXECUTE_IN_PROGRESS":
            return aws.change_sets.wait_executed(each.change_set, each.stack_id, UPDATE)
        if found.busy:
            return aws.stacks.wait_at_rest(found, UPDATE)
        if state != AVAILABLE:
            raise _failure(aws, each, state, found)
        made = aws.change_sets.find(each.change_set, each.stack_id)
        assert made is not None  # it is available
        return aws.change_sets.execute(made, UPDATE)
    return Done({"changed": [each.stack for each in change.stacks], "stack": change.stacks[-1].stack_id})


def _change(promotion: Promotion) -> Change:
    work = promotion.lock.record.work
    if isinstance(work, Change):
        return work
    raise LockLost(f"{promotion.lock}: no change holds it")


def _stack(aws: Aws, change: StackChange) -> FoundStack:
    found = aws.stacks.find(change.stack_id)
    if found is None:
        raise StepFailed(f"stack {change.stack} is gone")
    return found


def _state(aws: Aws, change: StackChange) -> str:
    """A change set's state. One that is not told of any more was executed, if its stack says so."""
    made = aws.change_sets.find(change.change_set, change.stack_id)
    if made is not None:
        return made.state
    return EXECUTED if _stack(aws, change).change_set == change.change_set else "gone"


def _failure(aws: Aws, change: StackChange, state: str, found: FoundStack) -> StepFailed | PlanOutdated:
    if state in ("EXECUTE_FAILED", EXECUTED):
        why = aws.stacks.first_failure(found.id) or found.reason
        back = ", so it is as it was" if found.status == "UPDATE_ROLLBACK_COMPLETE" else ""
        return ChangeFailed(f"stack {change.stack} could not be changed and is {found.status}{back}. Why: {why}")
    return PlanOutdated(
        f"the change of stack {change.stack} that was shown is {state.lower()}: the stack was changed since. Show again"
    )


def finish(platforms: Platforms, name: str, run: Run, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """End a change, however it got here.

    :raises ChangeFailed: not all of it was carried out.
    """
    if (held := find_lock(platforms, name, run)) is not None:
        return end(held, now)
    if find_lock(platforms, name, run, ended=True) is not None:
        return Done(skipped="this run has ended before, and gave its lock back")
    return Done(skipped="this run held no lock: nothing was changed")


def end(held: HeldLock, now: Callable[[], datetime] = utc_now, *, extended: bool = True) -> Wait | Done:
    """See what was begun to its end, delete the rest, give the lock back. CloudFormation needs nobody to go on.

    :param extended: the lease is, since it is the holder who asks.
    :raises ChangeFailed: not all of it was carried out.
    """
    lock, place, locks = held
    change = _change(Promotion(lock, place, locks, now))
    executed = [each.stack for each in change.stacks if _state(Aws.at(place), each) == EXECUTED]
    if len(executed) < len(change.stacks):
        lock = locks.enter(place.lock_table, lock, Phase.ABORTING, now() if extended else None)
    aws = Promotion(lock, place, locks, now).aws
    for each in change.stacks:
        if (found := aws.stacks.find(each.stack_id)) is not None and found.busy:
            return aws.stacks.wait_at_rest(found, UPDATE)
    done = [each.stack for each in change.stacks if _settled(aws, each)]
    locks.release(place.lock_table, lock)
    ended = f"changed: {', '.join(done) or 'nothing'}"
    if len(done) == len(change.stacks):
        return Done({"changed": done, "ended": ended})
    left = ", ".join(each.stack for each in change.stacks if each.stack not in done)
    raise ChangeFailed(f"{ended}; not changed: {left}. Why: {lock.failure or 'the run was ended before'}")


def take_over(held: HeldLock, now: Callable[[], datetime]) -> Wait | Done:
    """End a change in place of its run, which is dead, as the run would have ended it; the lease is not extended."""
    try:
        return end(held, now, extended=False)
    except ChangeFailed as failed:
        return Done({"ended": str(failed)})


def _settled(aws: Aws, change: StackChange) -> bool:
    """Say whether a change was carried out; if it was not even begun, its change set goes."""
    made = aws.change_sets.find(change.change_set, change.stack_id)
    if made is not None and made.state in (AVAILABLE, "OBSOLETE"):
        aws.change_sets.delete(made)
    return _state(aws, change) == EXECUTED
