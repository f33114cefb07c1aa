"""Who refers to a database: asked at the moment it, its secret or its service is deleted (I3), of AWS alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from snaplift.promotion.lock import Record
from snaplift.promotion.run import Run
from tests.model.world import Instance, Service, World

POINTER = "/pointer"
_REVISIONS = ("active", "previous", "candidate")


def pointers(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pointer that can be read, by its parameter's name."""
    for name, versions in world.parameters.items():
        if name.endswith(POINTER) and versions[-1].startswith("{"):
            yield name, json.loads(versions[-1])


def once_active(world: World) -> set[str]:
    """Resource ids of all databases that a pointer ever named as active, whatever became of the pointer since."""
    return {
        pointer["active"]["database"]["resource_id"]
        for name, versions in world.parameters.items()
        if name.endswith(POINTER)
        for pointer in (json.loads(text) for text in versions if text.startswith("{"))
        if pointer["active"] and pointer["active"]["database"]
    }


def locks(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every lock that is held: its namespace, its phase, and the plan of its record."""
    for item in world.items.values():
        if "token" in item and item["phase"]["S"] != "free":
            yield item["namespace"]["S"], item["phase"]["S"], json.loads(item["record"]["S"])["plan"]


def _held(world: World) -> list[Record]:
    held = [item for item in world.items.values() if "token" in item and item["phase"]["S"] != "free"]
    return [Record.parse(item["record"]["S"]) for item in held]


def database_name(environment: str, release: str | None) -> str:
    return f"xy-0146-{environment}-db" + (f"-{release}" if release else "")


def check_unused(world: World, instance: Instance) -> None:
    """Note a violation if anything refers to an instance that is being deleted."""
    for reason in _references(world, instance):
        world.violations.append(f"I3: {instance.identifier} ({instance.resource_id}) is deleted although {reason}")


def check_kept(world: World, instance: Instance) -> None:
    """Note a violation if what visitors wrote to an instance that is being deleted is nowhere else (I7)."""
    kept = [snapshot.written for snapshot in world.snapshots.values() if snapshot.resource_id == instance.resource_id]
    if instance.written > max(kept, default=0):
        world.violations.append(
            f"I7: {instance.identifier} ({instance.resource_id}) is deleted with {instance.written} rows of visitors, "
            f"of which its final snapshot has {max(kept, default=0)}"
        )


def check_counted(world: World, name: str, before: str, after: str) -> None:
    """Note a violation if a pointer gets a candidate although writes are given up that may not be (I7).

    They are counted under the lock, just before; what is written after that is told afterwards, so it does not count.
    """
    old, new = (json.loads(text) if text.startswith("{") else {} for text in (before, after))
    if old.get("candidate") or not new.get("candidate") or not new["active"]:
        return
    instance = world.instances.get(new["active"]["database"]["name"])
    for record in _held(world):
        if instance is None or name != record.plan.name.pointer or record.plan.target_writes != "refuse":
            continue
        if instance.counted is None or instance.counted[0] <= record.acquired_at:
            world.violations.append(f"I7: nobody looked, under the lock, what was written to {instance.identifier}")
        elif instance.counted[1]:
            world.violations.append(f"I7: {instance.counted[1]} rows are given up, which {record.plan.name} refuses")


def check_confirmed(world: World, name: str, before: str, after: str) -> None:
    """Note a violation if a pointer gets an active revision that is not what was deployed last.

    What is deployed in the very moment is nobody's to see: only what was there when the step began does count.
    """
    old, new = (json.loads(text) if text.startswith("{") else {} for text in (before, after))
    active = new.get("active")
    service = world.services.get(name.removeprefix("/snaplift/").removesuffix(POINTER).replace("/", "-"))
    if not active or active == old.get("active") or service is None or active["run"] not in world.began:
        return
    runs = service.primary
    if runs.definition != active["task_definition"] and runs.created <= world.began[active["run"]]:
        world.violations.append(f"I1: {name} moves to {active['task_definition']}, and {runs.definition} was deployed")


def _references(world: World, instance: Instance) -> Iterator[str]:
    yield from _of_pointers(world, instance)
    for task in world.tasks.values():
        if task.status != "STOPPED" and world.host_of(task.definition) == instance.host:
            yield f"task {task.arn} is {task.status} on it"
    for service in world.services.values():
        if service.status == "ACTIVE" and world.host_of(service.primary.definition) == instance.host:
            yield f"service {service.name} runs on it"
    for namespace, phase, plan in locks(world):
        wanted = database_name(plan["environment"], plan["release"])
        made_by = instance.tags.get("snaplift:run")
        if phase == "promoting" and wanted == instance.identifier and made_by == run_hash(plan):
            yield f"the run that holds the lock of {namespace} is bringing it up"


def _of_pointers(world: World, instance: Instance) -> Iterator[str]:
    tenant, _, environment = instance.tags["snaplift:namespace"].rpartition("-")
    known = dict(pointers(world))
    if (name := f"/snaplift/{tenant}/{environment}{POINTER}") not in known:
        yield f"{name} cannot be read"
    for name, pointer in known.items():
        for which in _REVISIONS:
            database = (pointer[which] or {}).get("database")
            if database and database["resource_id"] == instance.resource_id:
                yield f"{name} names it as {which}"


def run_hash(plan: dict[str, Any]) -> str:
    return Run.model_validate(plan["run"]).hash


def check_secret_unused(world: World, arn: str) -> None:
    """Note a violation if a revision that serves, or may again, reads a secret that is being deleted."""
    for name, pointer in pointers(world):
        for which in _REVISIONS:
            database = (pointer[which] or {}).get("database")
            if database and database["secret"] == arn:
                world.violations.append(f"I3: secret {arn} is deleted although {name} names it as {which}")
    for task in world.tasks.values():
        if task.status != "STOPPED" and arn in world.secrets_of(task.definition):
            world.violations.append(f"I3: secret {arn} is deleted although task {task.arn} is {task.status}")


def check_service_unused(world: World, service: Service) -> None:
    """Note a violation if a service that serves a namespace's active release is being deleted."""
    tenant, _, environment = service.name.rpartition("-")
    for name, pointer in pointers(world):
        if name == f"/snaplift/{tenant}/{environment}{POINTER}" and pointer["active"]:
            world.violations.append(f"I3: service {service.name} is deleted although {name} has an active release")
