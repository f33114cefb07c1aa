"""What has to be true when promotions are over, asked of AWS itself: not of Airflow, and not of the sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from local.demo.installation import Installation
from local.demo.site import Site
from local.load import SiteError
from snaplift import naming
from snaplift.naming import DatabaseName, InvalidName, Namespace, SnapshotName
from snaplift.promotion.lock import Phase
from snaplift.promotion.pointer import Pointer

# RDS serves connections in these, beside "available".
_SERVING = frozenset({"available", "backing-up", "modifying", "storage-optimization", "maintenance"})


@dataclass(frozen=True)
class Truth:
    """A sentence, and what was found where it does not hold."""

    words: str
    found: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.found


@dataclass(frozen=True)
class World:
    """What stands in AWS and belongs to the installation."""

    pointers: dict[Namespace, Pointer]
    instances: dict[str, dict[str, Any]]
    stacks: frozenset[str]
    snapshots: frozenset[str]
    secrets: dict[str, dict[str, Any]]
    """By ARN."""
    parameters: frozenset[str]
    jobs: dict[str, str]
    """One-off tasks that have not stopped: by ARN what they were started for."""

    @property
    def referred(self) -> frozenset[str]:
        """The databases that a pointer names."""
        return frozenset[str]().union(*(pointer.databases for pointer in self.pointers.values()))


def survey(installation: Installation, namespaces: Sequence[Namespace]) -> World:
    """Look at everything once."""
    rds = installation.client("rds")
    instances = _pages(rds, "describe_db_instances", "DBInstances")
    snapshots = _pages(rds, "describe_db_snapshots", "DBSnapshots", SnapshotType="manual")
    stacks = _pages(installation.client("cloudformation"), "describe_stacks", "Stacks")
    secrets = _pages(installation.client("secretsmanager"), "list_secrets", "SecretList")
    return World(
        pointers={namespace: Site(installation, namespace).pointer() for namespace in namespaces},
        instances={one["DBInstanceIdentifier"]: one for one in instances},
        stacks=frozenset(one["StackName"] for one in stacks if one["StackStatus"] != "DELETE_COMPLETE"),
        snapshots=frozenset(one["DBSnapshotIdentifier"] for one in snapshots),
        secrets={one["ARN"]: one for one in secrets if "DeletedDate" not in one},
        parameters=frozenset(
            one["Name"] for one in _pages(installation.client("ssm"), "describe_parameters", "Parameters")
        ),
        jobs=dict(_jobs(installation.client("ecs"))),
    )


def _jobs(ecs: Any) -> Iterator[tuple[str, str]]:
    for cluster in _pages(ecs, "list_clusters", "clusterArns"):
        arns = _pages(ecs, "list_tasks", "taskArns", cluster=cluster)
        for task in ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else ():
            if not task["group"].startswith("service:") and task["lastStatus"] != "STOPPED":
                yield task["taskArn"], str(task.get("startedBy"))


def truths(installation: Installation, namespaces: Sequence[Namespace]) -> Iterator[Truth]:
    """Every sentence that has to hold once no promotion is under way."""
    world = survey(installation, namespaces)
    for namespace in namespaces:
        yield _pointer_is_true(installation, namespace, world)
        yield _one_database(namespace, world)
    yield Truth("no database without a pointer to it", tuple(sorted(set(world.instances) - world.referred)))
    yield Truth("no database stack without its database", tuple(sorted(_database_stacks(world) - set(world.instances))))
    yield Truth(
        "no stack but the platforms' and the namespaces' own", tuple(_stray_stacks(installation, namespaces, world))
    )
    yield Truth("no parameter but the pointers", tuple(sorted(world.parameters - {one.pointer for one in namespaces})))
    yield Truth("no task but the services' own", tuple(f"{arn} ({why})" for arn, why in sorted(world.jobs.items())))
    yield Truth("no snapshot that is no release's and no final one", tuple(_stray_snapshots(namespaces, world)))
    yield Truth("no secret without a database or an environment", tuple(_stray_secrets(namespaces, world)))
    items = dict(_lock_items(installation))
    yield Truth("no lock is held", tuple(_held_locks(items)))
    yield Truth("nothing is kept of a database that is gone", tuple(_stray_fingerprints(items, world)))


def _pointer_is_true(installation: Installation, namespace: Namespace, world: World) -> Truth:
    words = f"{namespace}: its pointer says what runs"
    pointer = world.pointers[namespace]
    if pointer.candidate is not None:
        return Truth(words, (f"a candidate is left: {pointer.candidate.task_definition}",))
    try:
        service = Site(installation, namespace).service()
    except SiteError as error:
        return Truth(words, (str(error),) if pointer.active else ())
    if pointer.active is None or pointer.active.database is None:
        return Truth(words, ("nothing is active, and a service runs",))
    wanted = pointer.active.database
    instance = world.instances.get(wanted.name, {})
    primary = [one["taskDefinition"] for one in service["deployments"] if one["status"] == "PRIMARY"]
    checks = {
        f"{wanted.name} is {instance.get('DBInstanceStatus')}": instance.get("DBInstanceStatus") in _SERVING,
        f"{wanted.name} is another incarnation": instance.get("DbiResourceId") == wanted.resource_id,
        f"{wanted.name} is not protected": bool(instance.get("DeletionProtection")),
        f"the service runs {primary}": primary == [pointer.active.task_definition],
        f"{service['runningCount']} of {service['desiredCount']} tasks run": service["runningCount"]
        == service["desiredCount"]
        > 0,
    }
    return Truth(words, tuple(problem for problem, fine in checks.items() if not fine))


def _one_database(namespace: Namespace, world: World) -> Truth:
    own = [name for name in _database_stacks(world) if DatabaseName.parse(name).namespace == namespace]
    wanted, words = (1, "one") if world.pointers[namespace].active else (0, "no")
    words = f"{namespace}: exactly {words} database stack"
    return Truth(words, () if len(own) == wanted else (f"{len(own)}: {sorted(own)}",))


def _database_stacks(world: World) -> frozenset[str]:
    return frozenset(name for name in world.stacks if _is_database(name))


def _is_database(name: str) -> bool:
    try:
        DatabaseName.parse(name)
    except InvalidName:
        return False
    return True


def _stray_stacks(installation: Installation, namespaces: Sequence[Namespace], world: World) -> Iterator[str]:
    serving = [namespace for namespace in namespaces if world.pointers[namespace].active]
    expected = {*installation.platforms, *(one.stack for one in namespaces), *(one.service_stack for one in serving)}
    yield from sorted(world.stacks - _database_stacks(world) - expected)


def _stray_snapshots(namespaces: Sequence[Namespace], world: World) -> Iterator[str]:
    for name in sorted(world.snapshots):
        if any(name.startswith(f"{namespace}-final-") for namespace in namespaces):
            continue
        try:
            SnapshotName.parse(name)
        except InvalidName:
            yield name


def _stray_secrets(namespaces: Sequence[Namespace], world: World) -> Iterator[str]:
    revisions = [r for p in world.pointers.values() for r in (p.active, p.previous) if r is not None]
    referred = {revision.database.secret for revision in revisions if revision.database}
    managed = {one.get("MasterUserSecret", {}).get("SecretArn") for one in world.instances.values()}
    lasting = tuple(namespace.environment_secrets for namespace in namespaces)
    for arn, secret in sorted(world.secrets.items()):
        if arn not in referred | managed and not secret["Name"].startswith(lasting):
            yield secret["Name"]


def _lock_items(installation: Installation) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """The items of the lock tables, by table and key."""
    dynamodb = installation.client("dynamodb")
    for table in map(naming.lock_table, installation.platforms):
        for item in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]:
            yield (table, item["namespace"]["S"]), item


def _held_locks(items: dict[tuple[str, str], dict[str, Any]]) -> Iterator[str]:
    for (table, key), item in items.items():
        if "fingerprint" not in item and item.get("phase", {}).get("S") != Phase.FREE:
            yield f"{table}: {key} is {item.get('phase', {}).get('S')}"


def _stray_fingerprints(items: dict[tuple[str, str], dict[str, Any]], world: World) -> Iterator[str]:
    kept = {
        namespace.fingerprint(of.resource_id)
        for namespace, pointer in world.pointers.items()
        for revision in (pointer.active, pointer.previous)
        if revision is not None and (of := revision.database or revision.final) is not None
    }
    for (table, key), item in items.items():
        if "fingerprint" in item and key not in kept:
            yield f"{table}: {key}"


def _pages(client: Any, operation: str, key: str, **arguments: object) -> list[dict[str, Any]]:
    pages = client.get_paginator(operation).paginate(**arguments)
    return [one for page in pages for one in page[key]]
