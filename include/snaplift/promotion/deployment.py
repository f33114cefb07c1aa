"""Whether this deployment is what runs."""

from __future__ import annotations

from snaplift.promotion.plan import Frozen

# ECS API: ServiceDeployment.status.
SUCCEEDED = ("SUCCESSFUL",)
FAILED = (
    "STOPPED",
    "STOP_REQUESTED",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
)
ENDED = (*SUCCEEDED, "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


class Deployment(Frozen):
    """A service deployment, as it was found."""

    arn: str
    status: str
    reason: str


class Service(Frozen):
    """A service, as it was found."""

    arn: str
    status: str
    task_definition: str
    """Of its PRIMARY deployment."""
    rollout: str
    deployments: int
    desired: int
    running: int
    security_groups: tuple[str, ...] = ()
    """Of its tasks."""


STEADY = "STEADY"


def state(service: Service) -> str:
    """Tell a service's state in a word: steady once all its tasks run one revision."""
    if service.status != "ACTIVE":
        return service.status
    settled = service.deployments == 1 and service.rollout == "COMPLETED"
    return STEADY if settled and service.running == service.desired > 0 else service.rollout or "DEPLOYING"


class NotConfirmed(RuntimeError):
    """What runs is not what was deployed, or not only that."""


def confirm(service: Service | None, task_definition: str) -> None:
    """Be sure that the service runs one revision, ours, with all its tasks.

    :raises NotConfirmed: says what runs instead. "Stable" alone proves nothing: a service is stable after the
        circuit breaker's rollback, and with a desired count of 0.
    """
    if service is None or service.status != "ACTIVE":
        raise NotConfirmed(f"the service is {service.status if service else 'gone'}")
    if service.task_definition != task_definition:
        raise NotConfirmed(f"the service runs {service.task_definition}, not {task_definition}")
    if service.deployments != 1 or service.rollout != "COMPLETED":
        raise NotConfirmed(f"{service.deployments} deployments are under way; ours is {service.rollout}")
    if not service.running == service.desired > 0:
        raise NotConfirmed(f"{service.running} of {service.desired} tasks run")
