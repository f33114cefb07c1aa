"""Making tasks: their records, as DescribeTasks gives them, and the threads they live in."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from local.aws.ecs.definitions import Definition
from local.aws.ecs.refusal import invalid
from local.aws.ecs.tasks import Surroundings, Task

_KEPT_SECONDS = 3600
"""How long a stopped task can still be described; AWS says an hour."""
_LINUX_PLATFORM = "1.4.0"


class Launcher:
    """Starts tasks and remembers them."""

    def __init__(self, surroundings: Surroundings) -> None:
        from ministack.services import ecs

        self._ecs: Any = ecs
        self._surroundings = surroundings
        self._tasks: dict[str, Task] = {}

    def find(self, cluster_arn: str, reference: str) -> Task | None:
        """A task of a cluster by its ARN or its id."""
        name = reference.rpartition("/")[2]
        for task in self.of(cluster_arn):
            if task.id == name and (not reference.startswith("arn:") or task.record["taskArn"] == reference):
                return task
        return None

    def of(self, cluster_arn: str) -> list[Task]:
        """A cluster's tasks, stopped ones as long as they are kept, in the order of their start."""
        return [task for task in list(self._tasks.values()) if task.record["clusterArn"] == cluster_arn]

    def launch(
        self,
        cluster: Mapping[str, Any],
        definition: Definition,
        request: Mapping[str, Any],
        *,
        targets: Sequence[tuple[str, int]] = (),
        changed: Callable[[], None] = lambda: None,
    ) -> Task:
        """Start one task; ``request`` has the members of RunTask that describe it."""
        self._forget_old()
        record = self._record(cluster, definition, request)
        task = Task(self._surroundings, record, definition, targets=targets, changed=changed)
        self._tasks[record["taskArn"]] = task
        self._ecs._tasks[record["taskArn"]] = record
        if record["tags"]:
            self._ecs._tags[record["taskArn"]] = list(record["tags"])
        self._surroundings.server.background.start(f"task {task.id}", task.run)
        return task

    def _forget_old(self) -> None:
        before = time.time() - _KEPT_SECONDS
        for arn, task in list(self._tasks.items()):
            if task.ended and task.record["stoppedAt"] < before:
                del self._tasks[arn]
                self._ecs._tasks.pop(arn, None)
                self._ecs._tags.pop(arn, None)

    def _record(self, cluster: Mapping[str, Any], definition: Definition, request: Mapping[str, Any]) -> dict[str, Any]:
        from ministack.core.responses import get_account_id, get_region

        region = get_region()
        arn = f"arn:aws:ecs:{region}:{get_account_id()}:task/{cluster['clusterName']}/{uuid4().hex}"
        overrides = copy.deepcopy(request.get("overrides") or {})
        overrides.setdefault("containerOverrides", [])
        _check_overrides(overrides, definition)
        launch_type = request.get("launchType") or "FARGATE"
        return {
            "taskArn": arn,
            "clusterArn": cluster["clusterArn"],
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "overrides": {"inferenceAcceleratorOverrides": [], **overrides},
            "lastStatus": "PROVISIONING",
            "desiredStatus": "RUNNING",
            "launchType": launch_type,
            "cpu": definition.get("cpu", "256"),
            "memory": definition.get("memory", "512"),
            "platformVersion": _LINUX_PLATFORM,
            "platformFamily": "Linux",
            "createdAt": time.time(),
            "group": request.get("group") or f"family:{definition['family']}",
            "startedBy": request.get("startedBy"),
            "version": 1,
            "containers": _containers(definition, arn),
            "attachments": _attachments(definition, request),
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "availabilityZone": f"{region}a",
            "enableExecuteCommand": bool(request.get("enableExecuteCommand")),
            "healthStatus": "UNKNOWN",
            "ephemeralStorage": {"sizeInGiB": 20},
            "tags": list(request.get("tags") or []),
        }


def _check_overrides(overrides: Mapping[str, Any], definition: Definition) -> None:
    known = {container["name"] for container in definition["containerDefinitions"]}
    for override in overrides["containerOverrides"]:
        if override.get("name") not in known:
            raise invalid(
                f"Override for container named {override.get('name')} is not a container in the TaskDefinition."
            )


def _containers(definition: Definition, task_arn: str) -> list[dict[str, Any]]:
    base = task_arn.replace(":task/", ":container/")
    return [
        {
            "containerArn": f"{base}/{uuid4()}",
            "taskArn": task_arn,
            "name": container["name"],
            "image": container["image"],
            "lastStatus": "PENDING",
            "networkInterfaces": [],
            "healthStatus": "UNKNOWN",
            "cpu": str(container.get("cpu", 0)),
        }
        for container in definition["containerDefinitions"]
    ]


def _attachments(definition: Definition, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    if definition.get("networkMode") != "awsvpc":
        return []
    network = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    details = [{"name": "subnetId", "value": subnet} for subnet in (network.get("subnets") or [])[:1]]
    details.append({"name": "networkInterfaceId", "value": f"eni-{uuid4().hex[:17]}"})
    return [{"id": str(uuid4()), "type": "ElasticNetworkInterface", "status": "PRECREATED", "details": details}]
