"""ECS: a service that was set up without snaplift, in full, and the tags by which it is adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.hooks.ecs import EcsHook

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.base import PlaceMixin, from_tag_list
from snaplift.aws.hooks.ecs import found_service
from snaplift.promotion.adopting import StandingContainer, StandingService

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient


class SiteHook(PlaceMixin, EcsHook):
    """Look at a service with all that tells whether it can be adopted, and tag it."""

    @property
    def client(self) -> ECSClient:
        return cast("ECSClient", self.get_conn())

    def find(self, cluster: str, name: str) -> StandingService | None:
        """Look a service up with its task definition and its tasks' images. None: there is none, or it was deleted.

        :raises StepFailed: something of it could not be looked up.
        """
        answer = self.client.describe_services(cluster=cluster, services=[name], include=["TAGS"])
        if odd := [failure for failure in answer["failures"] if failure.get("reason") != "MISSING"]:
            raise StepFailed(f"service {name} in cluster {cluster} could not be looked up: {odd[0].get('reason')}")
        if not answer["services"] or answer["services"][0]["status"] == "INACTIVE":
            return None
        found: Any = answer["services"][0]
        service = found_service(found)
        definition = self.client.describe_task_definition(taskDefinition=service.task_definition)["taskDefinition"]
        digests = self._digests(cluster, name)
        breaker = found.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
        return StandingService(
            service=service,
            controller=found.get("deploymentController", {}).get("type", "ECS"),
            scheduling=found.get("schedulingStrategy", "REPLICA"),
            breaker=bool(breaker.get("enable") and breaker.get("rollback")),
            targets=tuple(
                (each["containerName"], int(each["containerPort"]))
                for each in found.get("loadBalancers", [])
                if each.get("targetGroupArn")
            ),
            network_mode=definition.get("networkMode", ""),
            containers={
                each["name"]: StandingContainer(
                    image=each["image"],
                    environment={one["name"]: one["value"] for one in each.get("environment", [])},
                    secrets={one["name"]: one["valueFrom"] for one in each.get("secrets", [])},
                    digests=frozenset(digests.get(each["name"], ())),
                )
                for each in definition["containerDefinitions"]
            },
            tags=from_tag_list(found.get("tags")),
        )

    def _digests(self, cluster: str, name: str) -> dict[str, set[str]]:
        """The digests that the service's tasks run, by container. One that does not say its own counts as another."""
        pages = self.client.get_paginator("list_tasks").paginate(cluster=cluster, serviceName=name)
        found: dict[str, set[str]] = {}
        for page in pages:
            if not page["taskArns"]:
                continue
            answer = self.client.describe_tasks(cluster=cluster, tasks=page["taskArns"])
            if odd := [failure for failure in answer["failures"] if failure.get("reason") != "MISSING"]:
                raise StepFailed(f"task {odd[0].get('arn')} could not be looked up: {odd[0].get('reason')}")
            for container in (each for task in answer["tasks"] for each in task.get("containers", [])):
                found.setdefault(container["name"], set()).add(container.get("imageDigest") or "not told")
        return found

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        """Put tags on a service or a task definition: nothing is started again by that."""
        given: Any = [{"key": key, "value": value} for key, value in sorted(tags.items())]
        self.client.tag_resource(resourceArn=arn, tags=given)

    def remove(self, cluster: str, name: str) -> None:
        """Delete a service with its tasks, which drain."""
        self.log.info("deleting service %s", name)
        self.client.delete_service(cluster=cluster, service=name, force=True)
