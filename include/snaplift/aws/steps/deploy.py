"""deploy: the pointer names the candidate, then the service is rolled to its revision."""

from __future__ import annotations

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import marks
from snaplift.aws.steps.job import ensure_revision
from snaplift.aws.steps.promotion import Done, Promotion
from snaplift.aws.steps.writes import check_writes
from snaplift.promotion.deployment import Service
from snaplift.promotion.revision import revision
from snaplift.promotion.wait import Wait


def advance(promotion: Promotion) -> Wait | Done:
    """Update the service, or make it at the first promotion.

    :raises StepFailed: something else runs than the plan rests on, or what would be lost is more than was agreed to.
    """
    plan, services = promotion.plan, promotion.aws.services
    arn = ensure_revision(promotion)
    marks.check_passed(promotion, arn)
    service = services.service(promotion.cluster, plan.service)
    if service is not None:
        _check_runs(promotion, service, arn)
    # Once the service has been told, its tasks on the old database are going, and so is the choice.
    writes = check_writes(promotion) if service is None or service.task_definition != arn else None
    _record_candidate(promotion, arn)
    if not plan.before.service_exists:
        return _make_service(promotion, arn)
    if service is None:
        raise StepFailed(f"service {plan.service} is gone: look into the platform before promoting again")
    if service.task_definition != arn:
        services.deploy(promotion.cluster, plan.service, arn)
    discarded = {"discarded": str(writes)} if writes is not None and writes.at_stake else {}
    return Done({"task_definition": arn, "service": plan.service, **discarded})


def _check_runs(promotion: Promotion, service: Service, candidate: str) -> None:
    expected = {promotion.plan.before.task_definition, candidate}
    if service.task_definition not in expected:
        raise StepFailed(
            f"service {promotion.plan.service} was deployed by somebody else meanwhile: it runs "
            f"{service.task_definition}"
        )


def _record_candidate(promotion: Promotion, arn: str) -> None:
    """An abort goes by it: nothing is deployed that the pointer does not name."""
    name = promotion.plan.name.pointer
    candidate = revision(promotion.plan, promotion.database(), arn)
    pointer, version = promotion.aws.pointers.read(name)
    # Cleared after the activation: named as candidate again, it would stay so, and every later plan be refused.
    if candidate not in (pointer.active, pointer.candidate):
        promotion.aws.pointers.write(name, pointer.with_candidate(candidate), read_version=version)


def _make_service(promotion: Promotion, arn: str) -> Wait | Done:
    # troposphere takes a while to import, and only a first promotion needs it here.
    from snaplift.stacks.service import service_stack

    plan, aws = promotion.plan, promotion.aws
    deadline = plan.tenant.service.deployment.deadline
    stack = service_stack(
        plan.platforms, plan.tenant, plan.environment, plan.platform, plan.namespace, task_definition=arn
    )
    found = aws.stacks.ensure(stack, token=f"{stack.name}-{plan.run.hash}-{promotion.lock.fence}", timeout=deadline)
    if isinstance(found, Wait):
        return found
    service = aws.services.service(promotion.cluster, plan.service)
    if service is None:
        raise StepFailed(f"stack {stack.name} stands without service {plan.service}: delete the stack")
    count = plan.effective.service.count
    if service.desired < count or service.task_definition != arn:
        aws.services.deploy(promotion.cluster, plan.service, arn, count=count)
    return Done({"task_definition": arn, "service": plan.service, "stack": found.id})
