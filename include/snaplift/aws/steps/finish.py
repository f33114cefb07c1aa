"""finish: the one teardown. It completes or aborts, by the lock's record and by AWS, then gives the lock back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.confirm import settle
from snaplift.aws.steps.job import token
from snaplift.aws.steps.lock import has_begun
from snaplift.aws.steps.promotion import REMOVAL, Done, Promotion, find_lock, utc_now
from snaplift.aws.steps.removal import remove_database
from snaplift.aws.steps.retire import wait_unused
from snaplift.aws.steps.smoke import SERVING
from snaplift.config.platform import Platforms
from snaplift.promotion import deployment
from snaplift.promotion.lock import Lock, Phase
from snaplift.promotion.plan import Place, Plan
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)


class Aborted(StepFailed):
    """The promotion was undone: service and pointer are as they were."""


def advance(platforms: Platforms, namespace: str, run: Run, now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """End a promotion, however it got here.

    :raises Aborted: after everything was put back.
    :raises StepFailed: something could not be put back; nothing was deleted that this is not sure of.
    """
    found = find_lock(platforms, namespace, run)
    if found is None:
        return _tell_again(platforms, namespace, run)
    lock, place, locks = found
    if not _is_active(place, lock.record.plan):
        lock = locks.enter(place.lock_table, namespace, run.token, Phase.ABORTING, now())
    # Looked at again: until the phase was another one, the run's own step may have moved the pointer.
    if _is_active(place, lock.record.plan):
        locks.release(place.lock_table, namespace, run.token)
        return _complete(lock)
    promotion = Promotion(lock, place, locks, now)
    if wait := _abort(promotion):
        return wait
    locks.release(place.lock_table, namespace, run.token)
    raise Aborted(_sentence(lock.record.plan, lock))


def _tell_again(platforms: Platforms, namespace: str, run: Run) -> Done:
    """Say how it ended: Airflow may run a task again although it ended, and a person may clear it."""
    found = find_lock(platforms, namespace, run, ended=True)
    if found is None:
        return Done(skipped="this run holds no lock: there is nothing to undo")
    plan = found.lock.record.plan
    if _is_active(found.place, plan):
        return _complete(found.lock)
    raise Aborted(_sentence(plan, found.lock))


def _is_active(place: Place, plan: Plan) -> bool:
    """Say whether this promotion made what is active; a run that was cleared may have made an earlier release too."""
    pointer, _ = Aws.at(place).pointers.read(plan.name.pointer)
    active = pointer.active
    if active is None or active == plan.before.active:
        return False
    return active.run == plan.run.hash and active.release == plan.release


def _complete(lock: Lock) -> Done:
    """Say what is active, and what is left over: after the activation a failure changes nothing any more."""
    done = {"active": lock.record.plan.release or "origin"}
    if not lock.failure:
        return Done(done)
    log.warning("the release is active, and something is left: %s", lock.failure)
    return Done({**done, "left": lock.failure})


def _sentence(plan: Plan, lock: Lock) -> str:
    serves = (
        f"{plan.name} still serves {plan.before.active.release or 'its data'}"
        if plan.before.active
        else f"nothing is active in {plan.name}, as before"
    )
    reason = lock.failure or "the run was ended before its release was active"
    return f"aborted, {serves}. Why: {reason}"


def _abort(promotion: Promotion) -> Wait | None:
    """Put everything back, one thing at a time. None: it is as it was.

    A run that died between taking the lock and comparing its plan with what is has changed nothing, and its plan may
    be as old as can be: going by that, it would take another run's service away, or what it made itself in an earlier
    life, which was active since.
    """
    if _changed_nothing(promotion):
        return None
    _stop_jobs(promotion)
    first = not promotion.plan.before.service_exists
    if wait := _remove_service(promotion) if first else _restore_service(promotion):
        return wait
    if wait := _wait_drained(promotion):
        return wait
    _forget_candidate(promotion)
    return _remove_candidate(promotion)


def _stop_jobs(promotion: Promotion) -> None:
    purposes = [SERVING, "setup"]
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
    service = services.service(promotion.cluster, plan.name.service)
    if service is not None and service.task_definition == before and service.rollout == "IN_PROGRESS":
        found = services.latest_deployment(promotion.cluster, plan.name.service, before)
        if found is not None and found.status in {"PENDING", "IN_PROGRESS"}:
            return services.wait_deployed(found, plan.tenant.service.deployment.deadline)
    return settle(promotion, before)


def _end_deployment(promotion: Promotion, candidate: str, before: str) -> Wait | None:
    """See the candidate's deployment to its end, then deploy the old revision if that is not what runs."""
    plan, services = promotion.plan, promotion.aws.services
    found = services.latest_deployment(promotion.cluster, plan.name.service, candidate)
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
    service = services.service(promotion.cluster, plan.name.service)
    if service is not None and service.task_definition == candidate:
        services.deploy(promotion.cluster, plan.name.service, before)
        redeployed = services.latest_deployment(promotion.cluster, plan.name.service, before)
        if redeployed is not None and redeployed.status not in deployment.ENDED:
            return services.wait_deployed(redeployed, plan.tenant.service.deployment.deadline)
    return None


def _wait_drained(promotion: Promotion) -> Wait | None:
    """Tasks of the candidate may be stopping yet."""
    return wait_unused(promotion, promotion.plan.release)


def _forget_candidate(promotion: Promotion) -> None:
    name = promotion.plan.name.pointer
    pointer, version = promotion.aws.pointers.read(name)
    if pointer.candidate is not None and pointer.candidate.run == promotion.plan.run.hash:
        promotion.aws.pointers.write(name, pointer.without_candidate(), read_version=version)


def _remove_candidate(promotion: Promotion) -> Wait | None:
    """Take this run's database away. What another run made under that name is not ours to touch."""
    plan = promotion.plan
    stack = promotion.aws.stacks.find(plan.database)
    instance = promotion.aws.databases.instance(plan.database)
    made_by = {stack.run if stack else None, instance.tags.get(naming.RUN_TAG) if instance else None}
    if plan.run.hash not in made_by:
        return None
    return remove_database(promotion, plan.database, resource_id=None, run=plan.run.hash, final_snapshot=None)
