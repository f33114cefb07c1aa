"""What must hold, read from what stands in the model and never from what the product says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snaplift.stacks.outputs import DatabaseOutputs
from tests.model.ground import ENVIRONMENTS
from tests.model.references import locks, once_active, pointers
from tests.model.world import SERVING, World


def pointer_of(world: World, environment: str) -> dict[str, Any] | None:
    """An environment's pointer. None: it cannot be read."""
    return dict(pointers(world)).get(f"/snaplift/xy-0146/{environment}/pointer")


def problems(world: World, broken: set[str], removed: set[str]) -> Iterator[str]:
    """What does not hold now.

    :param broken: environments whose active database a person has taken away.
    :param removed: snapshots that a person has taken away.
    """
    yield from world.violations
    for environment in ENVIRONMENTS:
        if environment not in broken and (pointer := pointer_of(world, environment)) is not None:
            yield from _of_pointer(world, environment, pointer, removed)
            yield from _of_service(world, environment)


def _of_pointer(world: World, environment: str, pointer: dict[str, Any], removed: set[str]) -> Iterator[str]:
    active, previous = pointer["active"], pointer["previous"]
    if active is not None:
        instance = world.instances.get(active["database"]["name"])
        if instance is None or instance.resource_id != active["database"]["resource_id"]:
            yield f"I1: the active database of {environment} is gone"
        elif instance.status not in SERVING:
            yield f"I1: the active database of {environment} is {instance.status}"
        yield from _of_revision(world, f"the active revision of {environment}", active)
    if previous is not None and previous["database"] is not None:
        if previous["database"]["name"] not in world.instances:
            yield f"I2: the previous database of {environment} is gone, and its pointer names it"
        yield from _of_revision(world, f"the previous revision of {environment}", previous)
    elif previous is not None and previous["snapshot"] not in {None, *world.snapshots, *removed}:
        yield f"I2: snapshot {previous['snapshot']}, which a rollback of {environment} restores, is gone"


def _of_revision(world: World, what: str, revision: dict[str, Any]) -> Iterator[str]:
    if revision["database"]["secret"] not in world.secrets:
        yield f"I2: the secret of {what} is gone"
    if revision["task_definition"] not in world.definitions:
        yield f"I2: the task definition of {what} is gone"


def _of_service(world: World, environment: str) -> Iterator[str]:
    for task in world.tasks.values():
        if task.service != f"xy-0146-{environment}" or not task.runs:
            continue
        instance = world.instance_of(task.definition)
        if instance is None:
            yield f"I2: {task.arn} of {environment} runs, and its database {world.host_of(task.definition)} is gone"
        elif environment != "dev" and instance.data.belongs_to != environment:
            yield f"{task.arn} of {environment} serves data that was not made its own"


def leftovers(world: World) -> Iterator[str]:
    """What may not be there any more once every run has ended and every dead one was recovered (I5).

    Of what was active once something may be left: the reaper takes it.
    """
    for namespace, phase, plan in locks(world):
        yield f"I5: the lock of {namespace} is still {phase}, held by {plan['run']['run_id']}"
    for environment in ENVIRONMENTS:
        pointer = pointer_of(world, environment)
        if pointer is None:
            yield f"the pointer of {environment} cannot be read"
            continue
        if pointer["candidate"] is not None:
            yield f"I5: the pointer of {environment} still names a candidate"
        yield from _astray(world, environment, pointer["active"])
    yield from _never_active(world, once_active(world))


def _never_active(world: World, known: set[str]) -> Iterator[str]:
    for name, instance in world.instances.items():
        mine = name.startswith(tuple(f"xy-0146-{environment}-" for environment in ENVIRONMENTS))
        if mine and instance.resource_id not in known:
            yield f"I5: {name} ({instance.status}) never was active, and is left"
    for stack in world.stacks.values():
        if stack.exists and "Instance" in stack.template["Resources"] and not _was_active(stack.outputs, known):
            yield f"I5: stack {stack.name} ({stack.status}) never was active, and is left"
    for task in world.tasks.values():
        if task.runs and not task.service:
            yield f"I5: the one-off task {task.started_by} still runs"


def _was_active(outputs: dict[str, str], known: set[str]) -> bool:
    return bool(outputs) and DatabaseOutputs.read("", outputs).resource_id in known


def _astray(world: World, environment: str, active: dict[str, Any] | None) -> Iterator[str]:
    service = world.services.get(f"xy-0146-{environment}")
    runs = service.primary.definition if service is not None and service.status == "ACTIVE" else None
    wanted = active["task_definition"] if active else None
    if runs != wanted:
        yield f"the service of {environment} runs {runs}, and the pointer says {wanted}"
