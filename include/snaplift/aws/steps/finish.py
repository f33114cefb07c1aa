"""finish: the one teardown. It completes or aborts, by the lock's record and by AWS, then gives the lock back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import marks
from snaplift.aws.steps.activate import protect
from snaplift.aws.steps.confirm import settle
from snaplift.aws.steps.job import token
from snaplift.aws.steps.lock import has_begun
from snaplift.aws.steps.outlook import has_database, is_of, outlook
from snaplift.aws.steps.promotion import REMOVAL, Done, HeldLock, Promotion, find_lock, utc_now
from snaplift.aws.steps.removal import remove_database
from snaplift.aws.steps.retire import wait_unused
from snaplift.aws.steps.smoke import SERVING
from snaplift.aws.steps.snapshot import forget_unmasked
from snaplift.aws.steps.writes import find_candidates_writes
from snaplift.config.platform import Platforms
from snaplift.promotion import deployment
from snaplift.promotion.lock import Lock, LockLost, Phase
from snaplift.promotion.plan import Place, Plan
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)


class Aborted(StepFailed):
    """The promotion was undone: service and pointer are as they were."""


def advance(platforms: Platforms, namespace: str, run: Run, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """End a promotion, however it got here.

    :raises Aborted: after everything was put back.
    :raises StepFailed: something could not be put back; nothing was deleted that this is not sure of. A note says what
        is left, and who finishes it; so it does on any other error.
    """
    held = find_lock(platforms, namespace, run)
    return _tell_again(platforms, namespace, run) if held is None else _end(held, now, extended=True)


def take_over(held: HeldLock, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """End a promotion in place of its run, which is dead, as the run would have ended it.

    The lease is not extended: whoever resumes this, or judges the lock again, finds it as it was.

    :raises StepFailed: as :func:`advance` does, and everything else.
    """
    try:
        outcome = _end(held, now, extended=False)
    except Aborted as aborted:
        return Done({"ended": str(aborted)})
    if isinstance(outcome, Wait):
        return outcome
    left = f", and something is left: {outcome.result['left']}" if "left" in outcome.result else ""
    return Done({"ended": f"release {outcome.result['active']} stays active{left}"})


def _end(held: HeldLock, now: Callable[[], datetime], *, extended: bool) -> Wait | Done:
    try:
        return _complete_or_abort(held, now, extended=extended)
    except (Aborted, LockLost):
        raise
    except Exception as error:
        error.add_note(_left(Promotion(*held, now)))
        raise


def _complete_or_abort(held: HeldLock, now: Callable[[], datetime], *, extended: bool) -> Wait | Done:
    (lock, place, locks), plan = held, held.lock.record.plan
    if not _is_active(place, plan):
        lock = locks.enter(place.lock_table, lock, Phase.ABORTING, now() if extended else None)
    # Looked at again: until the phase was another one, the run's own step may have moved the pointer.
    if _is_active(place, plan):
        # activate may have ended between the pointer and the protection.
        if wait := protect(Promotion(lock, place, locks, now)):
            return wait
        locks.release(place.lock_table, lock)
        return _complete(lock)
    if wait := _abort(Promotion(lock, place, locks, now)):
        return wait
    noted = locks.find(place.lock_table, lock.namespace) or lock  # it may have been told what the candidate was told
    locks.release(place.lock_table, lock)
    raise Aborted(_sentence(plan, noted, Aws.at(place)))


def _left(promotion: Promotion) -> str:
    return (
        f"Left to do: {'; '.join(outlook(promotion))}. Mend what is said above; fleet.recover then finishes it, or "
        f"clear 'finish' of run {promotion.plan.run}, or: snaplift lock break {promotion.plan.name}"
    )


def _tell_again(platforms: Platforms, namespace: str, run: Run) -> Done:
    """Say how it ended: Airflow may run a task again although it ended, and a person may clear it."""
    found = find_lock(platforms, namespace, run, ended=True)
    if found is None:
        return Done(skipped="this run holds no lock: there is nothing to undo")
    plan = found.lock.record.plan
    if _is_active(found.place, plan):
        return _complete(found.lock)
    raise Aborted(_sentence(plan, found.lock, Aws.at(found.place)))


def _is_active(place: Place, plan: Plan) -> bool:
    pointer, _ = Aws.at(place).pointers.read(plan.name.pointer)
    return is_of(pointer.active, plan)


def _complete(lock: Lock) -> Done:
    """Say what is active, and what is left over: after the activation a failure changes nothing any more."""
    done = {"active": lock.record.plan.release or "origin"}
    if not lock.failure:
        return Done(done)
    log.warning("the release is active, and something is left: %s", lock.failure)
    return Done({**done, "left": lock.failure})


def _sentence(plan: Plan, lock: Lock, aws: Aws) -> str:
    serves = (
        f"{plan.name} still serves {plan.before.active.release or 'its data'}"
        if plan.before.active
        else f"nothing is active in {plan.name}, as before"
    )
    reason = lock.failure or "the run was ended before its release was active"
    written = f"{lock.written}. " if lock.written else _kept(plan, aws)
    return f"aborted, {serves}. {written}Why: {reason}"


def _kept(plan: Plan, aws: Aws) -> str:
    kept = _final_snapshot(plan)
    snapshot = aws.databases.snapshot(kept) if kept is not None else None
    if snapshot is None:
        return ""
    if snapshot.tags.get(marks.WRITES) == marks.TOLD:
        return f"What visitors wrote to {plan.database} meanwhile is in snapshot {kept}. "
    return (
        f"Whether visitors wrote to {plan.database} meanwhile could not be told: if they did, it is in snapshot "
        f"{kept}, which keeps all that it held. "
    )


def _final_snapshot(plan: Plan) -> str | None:
    """Name the snapshot in which a candidate that visitors wrote to is kept. None: the environment wants none."""
    if plan.release is None or not plan.effective.retention.final_snapshot:
        return None
    return plan.name.final_snapshot(naming.Release(plan.release), plan.run.hash)


def _abort(promotion: Promotion) -> Wait | None:
    """Put everything back, one thing at a time. None: it is as it was.

    A run that died between taking the lock and comparing its plan with what is has changed nothing, and its plan may
    be as old as can be: going by that, it would take another run's service away, or what it made itself in an earlier
    life, which was active since.
    """
    if promotion.plan.reuses is not None:  # its checks may run, though nothing else of this run stands
        _stop_jobs(promotion)
    if _changed_nothing(promotion):
        return forget_unmasked(promotion)
    _stop_jobs(promotion)
    first = not promotion.plan.before.service_exists
    if wait := _remove_service(promotion) if first else _restore_service(promotion):
        return wait
    if wait := _wait_drained(promotion):
        return wait
    _note_left_written(promotion)
    _forget_candidate(promotion)
    return _remove_candidate(promotion) or forget_unmasked(promotion)


def _stop_jobs(promotion: Promotion) -> None:
    purposes = [SERVING, "setup"]
    masking = promotion.plan.masking
    purposes += [f"mask-{number}" for number in range(len(masking.steps) if masking else 0)]
    purposes += [f"adapt-{number}" for number in range(len(promotion.plan.tenant.adapt))]
    purposes += [f"smoke-{number}" for number in range(len(promotion.plan.tenant.smoke))]
    for purpose in purposes:
        promotion.aws.services.stop_job(promotion.cluster, token(promotion, purpose))


def _changed_nothing(promotion: Promotion) -> bool:
    """Say whether this run got no further than its lock: nothing of it stands, or others were active since its plan."""
    if _is_candidate(promotion):
        return False
    pointer, _ = promotion.aws.pointers.read(promotion.plan.name.pointer)
    return pointer.active != promotion.plan.before.active or not has_begun(promotion.plan)


def _is_candidate(promotion: Promotion) -> bool:
    """Say whether the pointer names this run's candidate: nothing is deployed that it does not name."""
    pointer, _ = promotion.aws.pointers.read(promotion.plan.name.pointer)
    return pointer.candidate is not None and pointer.candidate.run == promotion.plan.run.hash


def _remove_service(promotion: Promotion) -> Wait | None:
    """The first promotion of a namespace: there is nothing to go back to.

    :raises StepFailed: it is not the first any more, or the stack is somebody else's.
    """
    if not _is_candidate(promotion):
        return None
    name = promotion.plan.name
    pointer, _ = promotion.aws.pointers.read(name.pointer)
    if pointer.active is not None:
        raise StepFailed(f"{name.pointer} names an active release, which this promotion did not find: {name.service} "
                         "may serve it and is left alone")  # fmt: skip
    stack = promotion.aws.stacks.find(promotion.plan.name.service_stack)
    if stack is None:
        return None
    if stack.tags.get(naming.INSTALLATION_TAG) != promotion.plan.run.installation:
        raise StepFailed(f"stack {stack.name} was not made by snaplift: it is left alone")
    return promotion.aws.stacks.remove(stack, timeout=REMOVAL)


def _restore_service(promotion: Promotion) -> Wait | None:
    """Bring the service back to the revision that it ran, and be sure of it.

    :raises NotConfirmed: it does not run that revision; nothing is deleted then.
    """
    plan, services = promotion.plan, promotion.aws.services
    before = plan.before.task_definition or ""
    pointer, _ = promotion.aws.pointers.read(plan.name.pointer)
    if pointer.candidate is not None and (
        wait := _end_deployment(promotion, pointer.candidate.task_definition, before)
    ):
        return wait
    service = services.service(promotion.cluster, plan.service)
    if service is not None and service.task_definition == before and service.rollout == "IN_PROGRESS":
        found = services.latest_deployment(promotion.cluster, plan.service, before)
        if found is not None and found.status in {"PENDING", "IN_PROGRESS"}:
            return services.wait_deployed(found, plan.tenant.service.deployment.deadline)
    return settle(promotion, before)


def _end_deployment(promotion: Promotion, candidate: str, before: str) -> Wait | None:
    """See the candidate's deployment to its end, then deploy the old revision if that is not what runs."""
    plan, services = promotion.plan, promotion.aws.services
    found = services.latest_deployment(promotion.cluster, plan.service, candidate)
    if found is not None and found.status in {"PENDING", "IN_PROGRESS"}:
        services.stop_deployment(found)
    if found is not None and found.status not in deployment.ENDED:
        return services.wait(
            "service_deployment",
            found.arn,
            identity=found.arn,
            done=deployment.ENDED,
            timeout=plan.tenant.service.deployment.deadline,
        )
    service = services.service(promotion.cluster, plan.service)
    if service is not None and service.task_definition == candidate:
        services.deploy(promotion.cluster, plan.service, before)
        redeployed = services.latest_deployment(promotion.cluster, plan.service, before)
        if redeployed is not None and redeployed.status not in deployment.ENDED:
            return services.wait_deployed(redeployed, plan.tenant.service.deployment.deadline)
    return None


def _wait_drained(promotion: Promotion) -> Wait | None:
    """Tasks of the candidate may be stopping yet; on the database that serves they are in nobody's way."""
    if not promotion.plan.replaces and promotion.plan.reuses is not None:
        return None
    return wait_unused(promotion, promotion.plan.release)


def _note_left_written(promotion: Promotion) -> None:
    """A database that was taken up again may have served visitors once more, and stays."""
    plan = promotion.plan
    if plan.reuses is not None and plan.replaces and _is_candidate(promotion):
        written = f"What visitors may have written to {plan.database} since it was deployed is there, and not in use"
        promotion.locks.note_written(promotion.place.lock_table, promotion.lock, written)


def _forget_candidate(promotion: Promotion) -> None:
    name = promotion.plan.name.pointer
    pointer, version = promotion.aws.pointers.read(name)
    if pointer.candidate is not None and pointer.candidate.run == promotion.plan.run.hash:
        promotion.aws.pointers.write(name, pointer.without_candidate(), read_version=version)


def _remove_candidate(promotion: Promotion) -> Wait | None:
    """Take this run's database away. What another run made under that name is not ours to touch."""
    plan = promotion.plan
    if not has_database(promotion):
        return None
    return remove_database(
        promotion, plan.database, resource_id=None, run=plan.run.hash, final_snapshot=_kept_in(promotion)
    )


def _kept_in(promotion: Promotion) -> str | None:
    """Once it was deployed, the candidate served visitors, who were told that it has what they wrote."""
    writes = find_candidates_writes(promotion)
    if writes is None or not writes.at_stake:
        return None
    kept, instance = _final_snapshot(promotion.plan), promotion.aws.databases.instance(writes.database)
    if kept is None and not promotion.lock.written:  # nothing will be left of it to be counted
        written = f"Gone with {writes.database}, of which no final snapshot is kept: {writes}"
        promotion.locks.note_written(promotion.place.lock_table, promotion.lock, written)
    elif kept is not None and instance is not None:  # what is said at the end has to be said again after it has gone
        promotion.aws.databases.tag(instance, {marks.WRITES: marks.UNTOLD if writes.untold else marks.TOLD})
    log.warning("written to %s, which is discarded (final snapshot: %s): %s", writes.database, kept or "none", writes)
    return kept
