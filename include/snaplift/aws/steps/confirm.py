"""confirm: *this* deployment succeeded, with our revision, and nothing else runs."""

from __future__ import annotations

from datetime import timedelta

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.job import ensure_revision
from snaplift.aws.steps.promotion import Done, Promotion
from snaplift.promotion import deployment
from snaplift.promotion.deployment import NotConfirmed
from snaplift.promotion.wait import Wait


def advance(promotion: Promotion) -> Wait | Done:
    """Wait for the deployment by its id, then look at what runs.

    :raises StepFailed: the deployment failed, was stopped, rolled back or superseded.
    :raises NotConfirmed: what runs is not (yet) what was deployed, and nothing else.
    """
    plan, services = promotion.plan, promotion.aws.services
    arn = ensure_revision(promotion)
    found = services.latest_deployment(promotion.cluster, plan.service, arn)
    if found is None:
        raise NotConfirmed(f"service {plan.service} has no deployment of {arn}")
    if found.status in deployment.FAILED:
        raise StepFailed(f"the deployment ended {found.status}: {found.reason or 'no reason is given'} ({found.arn})")
    if found.status not in deployment.SUCCEEDED:
        return services.wait_deployed(found, plan.tenant.service.deployment.deadline)
    if wait := settle(promotion, arn):
        return wait
    return Done({"deployment": found.arn, "task_definition": arn})


def settle(promotion: Promotion, task_definition: str) -> Wait | None:
    """Be sure that the service runs one revision, this one. A wait: it does, and its tasks are still coming or going.

    A deployment succeeds before its predecessor's tasks have drained, and before a count that was raised is reached.

    :raises NotConfirmed: it runs something else, or is to run nothing.
    """
    service = promotion.aws.services.service(promotion.cluster, promotion.plan.service)
    try:
        deployment.confirm(service, task_definition)
    except NotConfirmed:
        if service is None or service.task_definition != task_definition or not service.desired:
            raise
        return promotion.aws.services.wait(
            "service",
            promotion.plan.service,
            scope=promotion.cluster,
            identity=task_definition,
            done=(deployment.STEADY,),
            timeout=promotion.plan.tenant.service.deployment.deadline,
            interval=timedelta(seconds=10),
        )
    return None
