"""Task definitions: what may be registered, and which revision a name stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from local.aws.ecs.refusal import Request, client_error

Definition = dict[str, Any]

_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ECR_IMAGE = re.compile(r"\d{12}\.dkr\.ecr\.")
_GIB = 1024
# CPU units to memory in MiB: the smallest, the largest and the step between.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
_FARGATE_MEMORY = {
    256: (512, 2 * _GIB, 512),
    512: (1 * _GIB, 4 * _GIB, _GIB),
    1024: (2 * _GIB, 8 * _GIB, _GIB),
    2048: (4 * _GIB, 16 * _GIB, _GIB),
    4096: (8 * _GIB, 30 * _GIB, _GIB),
    8192: (16 * _GIB, 60 * _GIB, 4 * _GIB),
    16384: (32 * _GIB, 120 * _GIB, 8 * _GIB),
}


def check(request: Request) -> None:
    """What RegisterTaskDefinition refuses.

    :raises Refusal: ClientException with the reason
    """
    family = request.get("family", "")
    if not _FAMILY.fullmatch(family):
        raise client_error(f"Family '{family}' should only contain alphanumeric characters, dashes or underscores.")
    containers = request.get("containerDefinitions") or []
    if not containers:
        raise client_error("Container list cannot be empty.")
    names = [container.get("name", "") for container in containers]
    if len(set(names)) != len(names):
        raise client_error("Container.name contains duplicate values.")
    if not any(container.get("essential", True) for container in containers):
        raise client_error("Invalid setting for container. At least one container must be essential.")
    _check_dependencies(containers)
    if "FARGATE" in request.get("requiresCompatibilities", []):
        _check_fargate(request, containers)
    elif "memory" not in request:
        _check_memory(containers)
    _check_execution_role(request, containers)


def _check_dependencies(containers: Iterable[Mapping[str, Any]]) -> None:
    known: set[str] = set()
    waiting = {
        container["name"]: {each["containerName"] for each in container.get("dependsOn", [])}
        for container in containers
    }
    while startable := [name for name, needs in waiting.items() if needs <= known]:
        for name in startable:
            del waiting[name]
        known.update(startable)
    if waiting:
        raise client_error(
            f"Containers {sorted(waiting)} depend on each other in a circle, or on one that is not there."
        )


def _check_fargate(request: Request, containers: Iterable[Mapping[str, Any]]) -> None:
    if request.get("networkMode") != "awsvpc":
        raise client_error("Fargate only supports network mode ‘awsvpc’.")  # noqa: RUF001  (AWS's own words)
    cpu, memory = request.get("cpu"), request.get("memory")
    if cpu is None or memory is None:
        raise client_error("Fargate requires that 'cpu' and 'memory' be defined at the task level.")
    smallest, largest, step = _FARGATE_MEMORY.get(_units(cpu), (0, -1, 1))
    if not smallest <= _units(memory) <= largest or (_units(memory) - smallest) % step:
        raise client_error(f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory.")
    for container in containers:
        if int(container.get("stopTimeout", 0)) > 120:
            raise client_error(f"Container {container['name']}: stopTimeout must not exceed 120 seconds.")


def _check_memory(containers: Iterable[Mapping[str, Any]]) -> None:
    for container in containers:
        if not container.get("memory") and not container.get("memoryReservation"):
            raise client_error(
                f"Invalid setting for container '{container['name']}'. At least one of 'memory' or "
                "'memoryReservation' must be specified."
            )


def _check_execution_role(request: Request, containers: Iterable[Mapping[str, Any]]) -> None:
    if request.get("executionRoleArn"):
        return
    fargate = "FARGATE" in request.get("requiresCompatibilities", [])
    for container in containers:
        if container.get("secrets"):
            raise client_error(
                "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
            )
        if fargate and _ECR_IMAGE.match(container.get("image", "")):
            raise client_error("Fargate requires task definition to have execution role ARN to support ECR images.")
        if fargate and (container.get("logConfiguration") or {}).get("logDriver") == "awslogs":
            raise client_error(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs."
            )


def _units(size: object) -> int:
    """CPU units or MiB from ``256``, ``.25 vCPU`` or ``1 GB``."""
    text = str(size).replace(" ", "").upper()
    for suffix in ("VCPU", "GB"):
        if text.endswith(suffix):
            return int(float(text.removesuffix(suffix)) * _GIB)
    return int(text) if text.isdigit() else -1


class Definitions:
    """The registered task definitions, as ministack keeps them."""

    def __init__(self) -> None:
        from ministack.services import ecs

        self._ecs: Any = ecs

    def find(self, reference: str) -> Definition | None:
        """The definition of an ARN, ``family:revision``, or a family's latest ACTIVE revision."""
        name = reference.rpartition("task-definition/")[2]
        if ":" in name:
            found: Definition | None = self._ecs._task_defs.get(name)
            if found is not None and reference.startswith("arn:"):
                return found if found["taskDefinitionArn"] == reference else None
            return found
        revisions = self._of(name, "ACTIVE")
        return revisions[-1] if revisions else None

    def usable(self, reference: str) -> Definition:
        """The definition, to start tasks from.

        :raises Refusal: there is none, or it was deregistered
        """
        found = self.find(reference)
        if found is None:
            raise client_error("TaskDefinition not found.")
        if found["status"] != "ACTIVE":
            raise client_error("TaskDefinition is inactive")
        return found

    def arns(self, family: str | None, status: str, *, descending: bool) -> list[str]:
        """ARNs in the order of family and revision."""
        found = self._of(family, status)
        return [each["taskDefinitionArn"] for each in (reversed(found) if descending else found)]

    def _of(self, family: str | None, status: str) -> list[Definition]:
        found = [
            each
            for each in self._ecs._task_defs.values()
            if each["status"] == status and family in (None, each["family"])
        ]
        return sorted(found, key=lambda each: (each["family"], each["revision"]))
