"""survey: read all that stands, each thing itself, and all that refers to it. Nothing is changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.ecs_roster import FoundRevision, RosterService
from snaplift.aws.hooks.ssm import FoundParameter
from snaplift.aws.steps.promotion import locks_of, utc_now
from snaplift.config.platform import Platforms
from snaplift.promotion.estate import (
    SeenLock,
    SeenPointer,
    SeenService,
    SeenTask,
    Survey,
    Thing,
    owner,
)
from snaplift.promotion.lock import Lock, UnreadableLock
from snaplift.promotion.plan import Place, Plan
from snaplift.promotion.pointer import Pointer, UnreadablePointer
from snaplift.stacks.outputs import PlatformOutputs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scope:
    """One tenant, for another look at one of its things."""

    namespaces: tuple[naming.Namespace, ...]
    """All that the configuration has of it."""
    thing: Thing
    token: str
    """Of who looks: locks that it holds itself are not in the way."""
    since: datetime
    """When the thing was marked."""

    @property
    def tenant(self) -> naming.Tenant:
        return self.namespaces[0].tenant


def survey(
    platforms: Platforms, now: Callable[[], datetime] = utc_now, scope: Scope | None = None
) -> tuple[Survey, ...]:
    """Survey every account and region that has a platform, one each.

    :param scope: only what one tenant's thing is judged by.
    :raises Exception: something could not be listed. Then there is no survey at all: a thing that was not seen would
        look as if it, or what it refers to, did not exist.
    """
    by_place: dict[tuple[str, str], list[Place]] = {}
    for name, platform in platforms.platforms.items():
        by_place.setdefault((platform.account, platform.region), []).append(Place.of(name, platform))
    return tuple(_survey(platforms.installation, places, now, scope) for places in by_place.values())


def _survey(installation: str, places: list[Place], now: Callable[[], datetime], scope: Scope | None) -> Survey:
    for place in places:
        locks_of(place)  # in another account nothing of ours would be found
    aws = Aws.at(places[0])
    as_of = now()
    # It takes a while, and things change meanwhile: a reap looks at each thing again, under its namespace's lock.
    found_databases = list(databases(aws))
    stacks = list(_stacks(aws, _stack_names(places, found_databases, scope) if scope else None))
    clusters = _clusters(places, stacks)
    services = [service for place in places for service in _services(place, clusters, scope)]
    tasks = [task for place in places for task in _tasks(place, clusters, scope)]
    parameters, pointers = _parameters(aws, scope)
    things = [*stacks, *found_databases, *_secrets(aws, scope), *parameters, *_log_groups(aws, scope)]
    in_use = {*(task.revision for task in tasks), *(r for each in services for r in each.revisions)}
    services += [service for place in places for service in _adopted_services(place, clusters, pointers)]
    in_use |= {revision for each in services for revision in each.revisions}
    things += _revisions(aws, in_use | _named_in(pointers), scope)
    found = Survey(
        installation=installation,
        places=tuple(places),
        standing=frozenset(clusters),
        as_of=as_of,
        things=tuple(each for each in things if each.is_ours(installation) or owner(each.kind, each.name)),
        pointers=tuple(pointers),
        locks=tuple(lock for place in places for lock in _locks(place, scope, pointers)),
        services=tuple(services),
        tasks=tuple(tasks),
        marks={place.platform: _marks(place, scope) for place in places},
    )
    log.info("%s in %s: %d things of %d are ours or named so", ", ".join(p.platform for p in places), places[0].region,
             len(found.things), len(things))  # fmt: skip
    return found


def _stack_names(places: list[Place], databases: list[Thing], scope: Scope) -> set[str]:
    """The stacks that a tenant's things are judged by."""
    mine = {each.name for each in databases if (name := owner(each.kind, each.name)) and name.tenant == scope.tenant}
    made_by = scope.thing.namespace.database(scope.thing.release) if scope.thing.namespace else ""
    own = {stack for each in scope.namespaces for stack in (each.stack, each.service_stack)}
    return {*(place.platform for place in places), *mine, *own, made_by, scope.thing.name}


def _marks(place: Place, scope: Scope | None) -> dict[str, datetime]:
    hook = Aws.at(place).marks
    if scope is None:
        return hook.all(place.lock_table)
    namespace = scope.thing.namespace
    # Its stack, which has no mark of its own, goes with a database.
    return {namespace.mark(scope.thing.identity): scope.since} if namespace else {}


def _named_in(pointers: Iterable[SeenPointer]) -> set[str]:
    """The revisions that pointers name: what their tasks need is referred to as well."""
    found = (each.pointer for each in pointers if each.pointer)
    return {
        revision.task_definition
        for pointer in found
        for revision in (pointer.active, pointer.previous, pointer.candidate)
        if revision is not None
    }


def _clusters(places: Iterable[Place], stacks: list[Thing]) -> dict[str, str]:
    """The cluster of each platform whose stack stands, by the platform's name."""
    by_name = {stack.name: stack for stack in stacks}
    return {
        place.platform: PlatformOutputs.read(place.platform, by_name[place.platform].outputs).cluster_name
        for place in places
        if place.platform in by_name and by_name[place.platform].outputs
    }


def _stacks(aws: Aws, names: set[str] | None) -> Iterator[Thing]:
    listed = aws.stacks.all() if names is None else filter(None, map(aws.stacks.find, sorted(filter(None, names))))
    for found in listed:
        yield Thing(
            kind="stack",
            name=found.name,
            arn=found.id,
            state=found.status,
            created_at=found.created_at,
            protected=found.protected,
            tags=found.tags,
            outputs=found.outputs,
        )


def databases(aws: Aws) -> Iterator[Thing]:
    """Read the instances and manual snapshots of an account and region."""
    for instance in aws.databases.instances():
        yield Thing(
            kind="instance",
            name=instance.identifier,
            arn=instance.arn,
            resource_id=instance.resource_id,
            state=instance.status,
            created_at=instance.created_at,
            protected=instance.protected,
            size=instance.storage,
            instance_class=instance.instance_class,
            multi_az=instance.multi_az,
            tags=instance.tags,
        )
    for snapshot in aws.databases.snapshots():
        yield Thing(
            kind="snapshot",
            name=snapshot.identifier,
            arn=snapshot.arn,
            resource_id=snapshot.resource_id,
            state=snapshot.status,
            created_at=snapshot.created_at,
            size=snapshot.storage,
            tags=snapshot.tags,
        )


def _secrets(aws: Aws, scope: Scope | None) -> Iterator[Thing]:
    for found in aws.credentials.all(scope.tenant.secrets if scope else naming.SECRETS):
        yield Thing(kind="secret", name=found.name, arn=found.arn, created_at=found.created_at, tags=found.tags)


def _log_groups(aws: Aws, scope: Scope | None) -> Iterator[Thing]:
    for found in aws.log_groups.all(scope.tenant.log_groups if scope else naming.LOG_GROUPS):
        tags = aws.log_groups.tags(found.arn)
        yield Thing(kind="log_group", name=found.name, arn=found.arn, created_at=found.created_at, tags=tags)


def _parameters(aws: Aws, scope: Scope | None) -> tuple[list[Thing], list[SeenPointer]]:
    """The parameters, and what those say that are pointers."""
    things, pointers = [], []
    for found in aws.pointers.all(scope.tenant.parameters if scope else naming.PARAMETERS):
        things.append(Thing(kind="parameter", name=found.name, arn=found.arn, tags=aws.pointers.tags(found.name)))
        # By its name, whoever tagged it: what a pointer refers to stays.
        with suppress(naming.InvalidName):
            pointers.append(_pointer(naming.Namespace.of_pointer(found.name), found))
    return things, pointers


def _pointer(namespace: naming.Namespace, found: FoundParameter) -> SeenPointer:
    pointer, why = None, ""
    try:
        pointer = Pointer.parse(found.value, found.name)
    except UnreadablePointer as error:
        why = str(error)
    return SeenPointer(
        namespace=str(namespace), version=found.version, pointer=pointer, why=why, written_at=found.written_at
    )


def _revisions(aws: Aws, in_use: set[str], scope: Scope | None) -> Iterator[Thing]:
    """The ACTIVE ones (in a scope those of a revision's own family), and those in use, also if deregistered."""
    found: set[str] = set()
    family = scope.thing.name.rpartition(":")[0] if scope else None
    if scope is None or scope.thing.kind == "revision":
        for revision in aws.roster.revisions(family):
            found.add(revision.arn)
            yield _revision(revision)
    for arn in sorted(in_use - found):
        yield _revision(aws.roster.revision(arn))


def _revision(found: FoundRevision) -> Thing:
    needs = found.needs
    return Thing(
        kind="revision",
        name=found.name,
        arn=found.arn,
        state=needs.status,
        created_at=found.registered_at,
        tags=found.tags,
        needs=(*needs.secrets, *needs.roles, *needs.log_groups, *needs.images),
    )


def _services(place: Place, clusters: dict[str, str], scope: Scope | None) -> Iterator[SeenService]:
    names = [each.service for each in scope.namespaces] if scope else None
    if cluster := clusters.get(place.platform):
        yield from map(partial(_seen, cluster), Aws.at(place).roster.services(cluster, names))


def _adopted_services(place: Place, clusters: dict[str, str], pointers: Iterable[SeenPointer]) -> Iterator[SeenService]:
    """The services that pointers name since they were adopted: nothing else tells that they are a namespace's."""
    names = sorted({each.pointer.service for each in pointers if each.pointer and each.pointer.service})
    if (cluster := clusters.get(place.platform)) and names:
        yield from map(partial(_seen, cluster), Aws.at(place).roster.services(cluster, names))


def _seen(cluster: str, found: RosterService) -> SeenService:
    return SeenService(
        cluster=cluster,
        name=found.name,
        revisions=found.revisions,
        rollout=found.rollout,
        desired=found.desired,
        running=found.running,
        tags=found.tags,
    )


def _tasks(place: Place, clusters: dict[str, str], scope: Scope | None) -> Iterator[SeenTask]:
    # What was adopted runs under a family of its own.
    families = [each.family for each in scope.namespaces] if scope and not scope.thing.adopted else [None]
    if cluster := clusters.get(place.platform):
        for family in families:
            for found in Aws.at(place).roster.tasks(cluster, family):
                yield SeenTask(arn=found.arn, revision=found.revision, status=found.status)


def _locks(place: Place, scope: Scope | None, pointers: Iterable[SeenPointer]) -> Iterator[SeenLock]:
    """The locks that are held; in a scope those of the tenant's environments, and of the previews that stand."""
    hook = Aws.at(place).locks
    names = sorted({*map(str, scope.namespaces), *(each.namespace for each in pointers)}) if scope else None
    for namespace in hook.held(place.lock_table) if names is None else names:
        try:
            lock = hook.find(place.lock_table, namespace)
        except UnreadableLock as error:
            yield SeenLock(namespace=namespace, why=str(error))
            continue
        if lock is not None and lock.held and (scope is None or not lock.held_by(scope.token)):
            yield SeenLock(namespace=namespace, why=str(lock), names=_named_by(lock))


def _named_by(lock: Lock) -> frozenset[str]:
    """What a promotion under way rests on, or goes back to. What is no promotion names nothing beside its namespace."""
    plan = lock.record.work
    if not isinstance(plan, Plan):
        return frozenset()
    source = plan.source.instance if plan.source else None
    names = {plan.database, plan.snapshot, source, plan.before.task_definition}
    for revision in (plan.before.active, plan.before.previous, plan.earlier):
        names |= revision.restored_from | revision.used if revision is not None else set()
    return frozenset(filter(None, names))


class NothingStands(StepFailed):
    """No platform of the configuration stands."""


def check_whole(surveys: Iterable[Survey]) -> None:
    """Be sure that the surveys see something.

    :raises NothingStands: no platform stands: another region, another account's connection, or a laptop that is new.
    """
    if not any(each.standing for each in surveys):
        raise NothingStands("no platform of the configuration stands where it says: nothing is concluded from that")
