"""The calls on service deployments and service revisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.aws.ecs.deployments import Deployment, Status
from local.aws.ecs.refusal import Refusal, Request, invalid
from local.aws.ecs.service import Service
from local.aws.ecs.service_api import ServiceApi
from local.aws.ecs.task_api import page
from local.aws.ecs.tasks import Surroundings

Reply = dict[str, Any]
_MOST_DESCRIBED = 20
_STOPPABLE = frozenset({Status.PENDING, Status.IN_PROGRESS})


class DeploymentApi:
    """ListServiceDeployments and its kin."""

    def __init__(self, surroundings: Surroundings, services: ServiceApi) -> None:
        self._surroundings = surroundings
        self._services = services

    @property
    def handlers(self) -> dict[str, Callable[[Request], Reply]]:
        """By the name of the call."""
        return {
            "ListServiceDeployments": self.list_deployments,
            "DescribeServiceDeployments": self.describe,
            "DescribeServiceRevisions": self.describe_revisions,
            "StopServiceDeployment": self.stop,
        }

    def list_deployments(self, request: Request) -> Reply:
        service = self._services.find(request)
        statuses = request.get("status") or []
        created = request.get("createdAt") or {}
        after, before = created.get("after", float("-inf")), created.get("before", float("inf"))
        with self._surroundings.lock:
            found = [
                deployment.brief()
                for deployment in service.deployments
                if (not statuses or deployment.status in statuses) and after <= deployment.created_at <= before
            ]
        return page(request, "serviceDeployments", found)

    def describe(self, request: Request) -> Reply:
        described, failures = [], []
        with self._surroundings.lock:
            for arn in _asked(request, "serviceDeploymentArns"):
                found = self._find(arn)
                if found is None:
                    failures.append({"arn": arn, "reason": "MISSING"})
                else:
                    service, deployment = found
                    described.append(deployment.shown(service.record["deploymentConfiguration"]))
        return {"serviceDeployments": described, "failures": failures}

    def describe_revisions(self, request: Request) -> Reply:
        known = {
            deployment.revision.arn: deployment.revision
            for service in self._services.all()
            for deployment in service.deployments
        }
        asked = _asked(request, "serviceRevisionArns")
        return {
            "serviceRevisions": [known[arn].shown() for arn in asked if arn in known],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in known],
        }

    def stop(self, request: Request) -> Reply:
        arn = request.get("serviceDeploymentArn", "")
        with self._surroundings.lock:
            found = self._find(arn)
            if found is None:
                raise Refusal(
                    "ServiceDeploymentNotFoundException", "The service deploy ARN that you specified doesn't exist."
                )
            service, deployment = found
            if deployment.status not in _STOPPABLE:
                raise Refusal("ConflictException", f"The service deployment is in status {deployment.status}.")
            roll_back = request.get("stopType", "ROLLBACK") == "ROLLBACK"
            if not service.stop_deployment(deployment, roll_back=roll_back):
                raise Refusal(
                    "ConflictException", "The service has no completed deployment that could be rolled back to."
                )
        return {"serviceDeploymentArn": arn}

    def _find(self, arn: str) -> tuple[Service, Deployment] | None:
        for service in self._services.all():
            for deployment in service.deployments:
                if deployment.arn == arn:
                    return service, deployment
        return None


def _asked(request: Request, name: str) -> Any:
    arns = request.get(name) or []
    if not 1 <= len(arns) <= _MOST_DESCRIBED:
        raise invalid(f"{name} has to name 1 to {_MOST_DESCRIBED}.")
    return arns
