"""Deployments as two APIs show them: a service's list, and service deployments with their revisions."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The states of a service deployment."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESSFUL = "SUCCESSFUL"
    STOP_REQUESTED = "STOP_REQUESTED"
    STOPPED = "STOPPED"
    ROLLBACK_REQUESTED = "ROLLBACK_REQUESTED"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    ROLLBACK_SUCCESSFUL = "ROLLBACK_SUCCESSFUL"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"


ENDED = frozenset({Status.SUCCESSFUL, Status.STOPPED, Status.ROLLBACK_SUCCESSFUL, Status.ROLLBACK_FAILED})


@dataclass(frozen=True)
class Revision:
    """What a service runs: a task definition and where; never changed afterwards."""

    arn: str
    service_arn: str
    cluster_arn: str
    settings: Mapping[str, Any]
    """Task definition, load balancers, network, launch type: what makes a new deployment when it changes."""
    images: list[dict[str, str]]
    created_at: float

    def shown(self) -> dict[str, Any]:
        """As DescribeServiceRevisions gives it."""
        return {
            "serviceRevisionArn": self.arn,
            "serviceArn": self.service_arn,
            "clusterArn": self.cluster_arn,
            **self.settings,
            "containerImages": self.images,
            "createdAt": self.created_at,
        }


@dataclass(eq=False)
class Deployment:
    """The roll-out of one revision. A rollback makes an earlier, completed one primary again."""

    revision: Revision
    sources: list[str]
    """The ARNs of the revisions that ran when it began."""
    id: str = field(default_factory=lambda: f"ecs-svc/{_digits(19)}")
    arn: str = ""
    status: Status = Status.PENDING
    status_reason: str = ""
    primary: bool = True
    rollout_state: str = "IN_PROGRESS"
    rollout_reason: str = ""
    failed_tasks: int = 0
    breaker_status: str = "MONITORING"
    threshold: int = 0
    rollback: dict[str, Any] | None = None
    desired: int = 0
    running: int = 0
    pending: int = 0
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    finished_at: float | None = None
    stopped_at: float | None = None
    updated_at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        base = self.revision.service_arn.replace(":service/", ":service-deployment/")
        self.arn = f"{base}/{secrets.token_urlsafe(15)}"
        self.rollout_reason = f"ECS deployment {self.id} in progress."

    @property
    def ended(self) -> bool:
        """Whether its status is a last one."""
        return self.status in ENDED

    def move(self, status: Status, reason: str = "") -> None:
        """Enter a state; ``reason`` is said where AWS says one."""
        now = time.time()
        self.status, self.status_reason, self.updated_at = status, reason, now
        if status is Status.IN_PROGRESS:
            self.started_at = self.started_at or now
        if status is Status.STOPPED:
            self.stopped_at = now
        if self.ended:
            self.finished_at = now

    def rollout(self, state: str, reason: str) -> None:
        """What DescribeServices says of it: IN_PROGRESS, COMPLETED or FAILED, and why."""
        self.rollout_state, self.rollout_reason, self.updated_at = state, reason, time.time()

    def in_service(self) -> dict[str, Any]:
        """As DescribeServices gives it."""
        settings = {key: value for key, value in self.revision.settings.items() if key != "loadBalancers"}
        return {
            "id": self.id,
            "status": "PRIMARY" if self.primary else "ACTIVE",
            **settings,
            "desiredCount": self.desired,
            "runningCount": self.running,
            "pendingCount": self.pending,
            "failedTasks": self.failed_tasks,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "rolloutState": self.rollout_state,
            "rolloutStateReason": self.rollout_reason,
        }

    def brief(self) -> dict[str, Any]:
        """As ListServiceDeployments gives it."""
        return _present(
            {
                "serviceDeploymentArn": self.arn,
                "serviceArn": self.revision.service_arn,
                "clusterArn": self.revision.cluster_arn,
                "createdAt": self.created_at,
                "startedAt": self.started_at,
                "finishedAt": self.finished_at,
                "targetServiceRevisionArn": self.revision.arn,
                "status": self.status,
                "statusReason": self.status_reason or None,
            }
        )

    def shown(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """As DescribeServiceDeployments gives it."""
        brief = self.brief()
        target = brief.pop("targetServiceRevisionArn")
        breaker = configuration.get("deploymentCircuitBreaker") or {}
        return _present(
            {
                **brief,
                "updatedAt": self.updated_at,
                "stoppedAt": self.stopped_at,
                "sourceServiceRevisions": [{"arn": arn} for arn in self.sources],
                "targetServiceRevision": {
                    "arn": target,
                    "requestedTaskCount": self.desired,
                    "runningTaskCount": self.running,
                    "pendingTaskCount": self.pending,
                },
                "deploymentConfiguration": dict(configuration),
                "rollback": self.rollback,
                "deploymentCircuitBreaker": {
                    "status": self.breaker_status if breaker.get("enable") else "DISABLED",
                    "failureCount": self.failed_tasks,
                    "threshold": self.threshold,
                },
            }
        )


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def new_revision(
    service_arn: str, cluster_arn: str, settings: Mapping[str, Any], images: list[dict[str, str]]
) -> Revision:
    """The revision that a service gets when its settings change, or a new deployment is forced."""
    arn = f"{service_arn.replace(':service/', ':service-revision/')}/{_digits(19)}"
    return Revision(arn, service_arn, cluster_arn, dict(settings), images, time.time())
