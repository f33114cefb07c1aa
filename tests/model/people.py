"""What people do by hand, in AWS, past snaplift; and how they put it right again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.model.client import Model
from tests.model.ground import ENVIRONMENTS
from tests.model.invariants import pointer_of
from tests.model.references import locks
from tests.model.world import Instance, Service

_UNREADABLE: Final = "edited by hand"


def _parameter(environment: str) -> str:
    return f"/snaplift/xy-0146/{environment}/pointer"


def _service(model: Model, environment: str) -> Service | None:
    found = model.world.services.get(f"xy-0146-{environment}")
    return found if found is not None and found.status == "ACTIVE" else None


def deploy(model: Model, environment: str) -> None:
    """Somebody registers the running revision once more, with another setting, and deploys that."""
    service, pointer = _service(model, environment), pointer_of(model.world, environment)
    if service is None or pointer is None or pointer["active"] is None:
        return
    active = pointer["active"]["task_definition"]
    definition = {**model.world.definitions[active], "tags": []}
    made = model.ecs.register_task_definition(family=service.name, **definition)
    model.ecs.update_service("", service.name, made["taskDefinition"]["taskDefinitionArn"])


def put_back(model: Model, environment: str) -> None:
    """Somebody deploys what the pointer says is active, as if what is being deployed were none of it."""
    service, pointer = _service(model, environment), pointer_of(model.world, environment)
    if service is not None and pointer is not None and pointer["active"] is not None:
        model.ecs.update_service("", service.name, pointer["active"]["task_definition"])


def visit(model: Model, environment: str) -> None:
    """Visitors write to whatever database a task of the service is on."""
    for task in model.world.tasks.values():
        if task.service == f"xy-0146-{environment}" and task.status == "RUNNING":
            instance = model.world.instance_of(task.definition)
            if instance is not None and model.ecs.can_serve(task.definition):
                instance.written += 1


def _visited(model: Model, environment: str) -> set[str]:
    visit(model, environment)
    return set()


def _candidate(model: Model, environment: str) -> Instance | None:
    pointer = pointer_of(model.world, environment)
    known = [
        revision["database"]["name"]
        for revision in (pointer or {}).values()
        if isinstance(revision, dict) and revision["database"]
    ]
    for name, instance in model.world.instances.items():
        if name.startswith(f"xy-0146-{environment}-db-") and name not in known and not instance.protected:
            return instance
    return None


def _deploys(model: Model, environment: str) -> set[str]:
    deploy(model, environment)
    return set()


def _delete_candidate(model: Model, environment: str) -> set[str]:
    if pointer_of(model.world, environment) and (found := _candidate(model, environment)):
        found.status = "deleting"
        model.world.later(300, model.rds.gone, found)
    return set()


def _untag_candidate(model: Model, environment: str) -> set[str]:
    """Take the marks away by which steps know how far it has come."""
    if found := _candidate(model, environment):
        for key in ("snaplift:credentials", "snaplift:adapt", "snaplift:smoke"):
            found.tags.pop(key, None)
    return set()


def _garble_pointer(model: Model, environment: str) -> set[str]:
    model.world.parameters[_parameter(environment)].append(_UNREADABLE)
    return set()


def _touch_pointer(model: Model, environment: str) -> set[str]:
    """Write what is there once more: only its version tells."""
    versions = model.world.parameters[_parameter(environment)]
    versions.append(versions[-1])
    return set()


def _delete_snapshot(model: Model, _: str) -> set[str]:
    found = [name for name in model.world.snapshots if "-dev-snapshot-" in name]
    if not found:
        return set()
    del model.world.snapshots[found[-1]]
    return {found[-1]}


def _scale_to_nothing(model: Model, environment: str) -> set[str]:
    if service := _service(model, environment):
        service.desired = 0
        for task in list(model.world.tasks.values()):
            if task.service == service.name:
                model.ecs.stop(task)
    return set()


DEEDS: Final[dict[str, Callable[[Model, str], set[str]]]] = {
    "visitors write": _visited,
    "somebody deploys": _deploys,
    "the candidate is deleted": _delete_candidate,
    "the candidate's marks are gone": _untag_candidate,
    "the pointer is garbled": _garble_pointer,
    "the pointer is touched": _touch_pointer,
    "a snapshot is deleted": _delete_snapshot,
    "the service is scaled to nothing": _scale_to_nothing,
}
"""Each returns the snapshots that it has taken away."""


def take_active(model: Model, environment: str) -> bool:
    """Lift the active database's protection and delete it."""
    active = (pointer_of(model.world, environment) or {}).get("active")
    found = model.world.instances.get(active["database"]["name"]) if active else None
    if found is not None:
        model.rds.gone(found)
    return found is not None


def mend(model: Model) -> None:
    """Put right what snaplift said it would not touch.

    Pointers that cannot be read, services that run another's revision, and what visitors wrote: somebody who has
    brought it to where the data is authored takes it away.
    """
    plans: dict[str, Any] = {plan["environment"]: plan for _, _, plan in locks(model.world)}
    for environment in ENVIRONMENTS:
        versions = model.world.parameters[_parameter(environment)]
        if versions[-1] == _UNREADABLE:
            versions.append(next(text for text in reversed(versions) if text != _UNREADABLE))
        service, pointer = _service(model, environment), pointer_of(model.world, environment)
        if service is None or pointer is None or pointer["active"] is None:
            continue
        active = model.world.instances.get(pointer["active"]["database"]["name"])
        if active is not None and environment not in plans:
            active.written = 0
        if service.desired == 0:
            model.ecs.update_service("", service.name, service.primary.definition, desiredCount=2)
        tagged = model.world.definitions[service.primary.definition]["tags"]
        if not tagged or environment not in plans:
            model.ecs.update_service("", service.name, pointer["active"]["task_definition"])
