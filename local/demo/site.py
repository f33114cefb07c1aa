"""The sample sites, as a visitor and as an operator reach them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from local.demo.installation import Installation
from local.load import SiteError, count_posts
from snaplift.naming import Namespace
from snaplift.promotion.pointer import Pointer

_TASK_SECONDS = 120.0
_POLL_SECONDS = 0.3


class Site:
    """One namespace's site."""

    def __init__(self, installation: Installation, namespace: Namespace) -> None:
        self.namespace = namespace
        self.address = installation.site(str(namespace))
        self._installation = installation

    def posts(self) -> int:
        """How many posts WordPress publishes, over HTTP.

        :raises SiteError: the site does not say
        """
        return count_posts(self.address)

    def pointer(self) -> Pointer:
        """What is active, previous and candidate."""
        name = self.namespace.pointer
        answer = self._installation.client("ssm").get_parameter(Name=name)
        return Pointer.parse(answer["Parameter"]["Value"], name)

    def service(self) -> dict[str, Any]:
        """The ECS service, as AWS describes it.

        :raises SiteError: there is none
        """
        clusters = self._installation.client("ecs").list_clusters()["clusterArns"]
        for cluster in clusters:
            answer = self._installation.client("ecs").describe_services(
                cluster=cluster, services=[self.namespace.service]
            )
            for service in answer["services"]:
                if service["status"] == "ACTIVE":
                    return dict(service)
        raise SiteError(f"there is no service {self.namespace.service}")

    def run(self, *command: str, container: str = "web") -> None:
        """Run a command of the active build as a one-off task, beside the service.

        :raises SiteError: it did not end with 0; with what it wrote
        """
        ecs = self._installation.client("ecs")
        service = self.service()
        active = self.pointer().active
        if active is None:
            raise SiteError(f"nothing is active in {self.namespace}")
        answer = ecs.run_task(
            cluster=service["clusterArn"],
            taskDefinition=active.task_definition,
            launchType="FARGATE",
            networkConfiguration=service["networkConfiguration"],
            overrides={"containerOverrides": [{"name": container, "command": list(command)}]},
        )
        if answer["failures"]:
            raise SiteError(f"{self.namespace} {' '.join(command)}: {answer['failures']}")
        self._wait(service["clusterArn"], answer["tasks"][0]["taskArn"], command)

    def _wait(self, cluster: str, task: str, command: Sequence[str]) -> None:
        deadline = time.monotonic() + _TASK_SECONDS
        while True:
            found = self._installation.client("ecs").describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
            if found["lastStatus"] == "STOPPED":
                break
            if time.monotonic() > deadline:
                raise SiteError(
                    f"{self.namespace} {' '.join(command)}: still {found['lastStatus']} after {_TASK_SECONDS:.0f} s"
                )
            time.sleep(_POLL_SECONDS)
        if any(container.get("exitCode") != 0 for container in found["containers"]):
            said = json.dumps([container.get("exitCode") for container in found["containers"]])
            raise SiteError(f"{self.namespace} {' '.join(command)} ended with {said}: {self._written(task)}")

    def _written(self, task: str) -> str:
        logs = self._installation.client("logs")
        number = task.rpartition("/")[2]
        streams = logs.describe_log_streams(logGroupName=self.namespace.log_group)["logStreams"]
        names = [stream["logStreamName"] for stream in streams if number in stream["logStreamName"]]
        events = [
            logs.get_log_events(logGroupName=self.namespace.log_group, logStreamName=name)["events"] for name in names
        ]
        return "\n".join(event["message"] for some in events for event in some) or "it wrote nothing"
