"""survey: read all that stands, each thing itself, and all that refers to it. Nothing is changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.ecs_roster import FoundRevision
from snaplift.aws.hooks.ssm import FoundParameter
from snaplift.aws.steps.promotion import utc_now
from snaplift.aws.steps.recover import locks_of
from snaplift.config.platform import Platforms
from snaplift.promotion.estate import (
    SeenLock,
    SeenPointer,
    SeenService,
    SeenTask,
    Survey,
    Thing,
    is_named_like_ours,
)
from snaplift.promotion.lock import Lock, UnreadableLock
from snaplift.promotion.plan import Place
from snaplift.promotion.pointer import Pointer, UnreadablePointer
from snaplift.stacks.outputs import PlatformOutputs

log = logging.getLogger(__name__)


def survey(platforms: Platforms, now: Callable[[], datetime] = utc_now) -> tuple[Survey, ...]:
    """Survey every account and region that has a platform, one each.

    :raises Exception: something could not be listed. Then there is no survey at all: a thing that was not seen would
        look as if it, or what it refers to, did not exist.
    """
    by_place: dict[tuple[str, str], list[Place]] = {}
    for name, platform in platforms.platforms.items():
        by_place.setdefault((platform.account, platform.region), []).append(Place.of(name, platform))
    return tuple(_survey(platforms.installation, places, now) for places in by_place.values())


def _survey(installation: str, places: list[Place], now: Callable[[], datetime]) -> Survey:
    for place in places:
        locks_of(place)  # in another account nothing of ours would be found
    aws = Aws.at(places[0])
    as_of = now()
    # It takes a while, and things change meanwhile: a reap looks at each thing again, under its namespace's lock.
    stacks = list(_stacks(aws))
    clusters = _clusters(places, stacks)
    services = [service for place in places for service in _services(place, clusters)]
    tasks = [task for place in places for task in _tasks(place, clusters)]
    parameters, pointers = _parameters(aws)
    things = [*stacks, *databases(aws), *_secrets(aws), *parameters, *_log_groups(aws)]
    things += _revisions(aws, {*(task.revision for task in tasks), *(r for each in services for r in each.revisions)})
    found = Survey(
        installation=installation,
        places=tuple(places),
        standing=frozenset(clusters),
        as_of=as_of,
        things=tuple(each for each in things if each.is_ours(installation) or is_named_like_ours(each.kind, each.name)),
        pointers=tuple(pointers),
        locks=tuple(lock for place in places for lock in _locks(place)),
        services=tuple(services),
        tasks=tuple(tasks),
        marks={key: since for place in places for key, since in Aws.at(place).marks.all(place.lock_table).items()},
    )
    log.info("%s in %s: %d things of %d are ours or named so", ", ".join(p.platform for p in places), places[0].region,
             len(found.things), len(things))  # fmt: skip
    return found


def _clusters(places: Iterable[Place], stacks: list[Thing]) -> dict[str, str]:
    """The cluster of each platform whose stack stands, by the platform's name."""
    by_name = {stack.name: stack for stack in stacks}
    return {
        place.platform: PlatformOutputs.read(place.platform, by_name[place.platform].outputs).cluster_name
        for place in places
        if place.platform in by_name and by_name[place.platform].outputs
    }


def _stacks(aws: Aws) -> Iterator[Thing]:
    for found in aws.stacks.all():
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


def _secrets(aws: Aws) -> Iterator[Thing]:
    for found in aws.credentials.all():
        yield Thing(kind="secret", name=found.name, arn=found.arn, created_at=found.created_at, tags=found.tags)


def _log_groups(aws: Aws) -> Iterator[Thing]:
    for found in aws.log_groups.all():
        tags = aws.log_groups.tags(found.arn)
        yield Thing(kind="log_group", name=found.name, arn=found.arn, created_at=found.created_at, tags=tags)


def _parameters(aws: Aws) -> tuple[list[Thing], list[SeenPointer]]:
    """The parameters, and what those say that are pointers."""
    things, pointers = [], []
    for found in aws.pointers.all():
        things.append(Thing(kind="parameter", name=found.name, arn=found.arn, tags=aws.pointers.tags(found.name)))
        # By its name, whoever tagged it: what a pointer refers to stays.
        with suppress(naming.InvalidName):
            pointers.append(_pointer(naming.Namespace.of_pointer(found.name), found))
    return things, pointers


def _pointer(namespace: naming.Namespace, found: FoundParameter) -> SeenPointer:
    try:
        pointer = Pointer.parse(found.value, found.name)
    except UnreadablePointer as error:
        return SeenPointer(namespace=str(namespace), version=found.version, pointer=None, why=str(error))
    return SeenPointer(namespace=str(namespace), version=found.version, pointer=pointer)


def _revisions(aws: Aws, in_use: set[str]) -> Iterator[Thing]:
    """The ACTIVE ones, and those in use that somebody deregistered."""
    found: set[str] = set()
    for revision in aws.roster.revisions():
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


def _services(place: Place, clusters: dict[str, str]) -> Iterator[SeenService]:
    if cluster := clusters.get(place.platform):
        for found in Aws.at(place).roster.services(cluster):
            yield SeenService(
                cluster=cluster,
                name=found.name,
                revisions=found.revisions,
                rollout=found.rollout,
                desired=found.desired,
                running=found.running,
                tags=found.tags,
            )


def _tasks(place: Place, clusters: dict[str, str]) -> Iterator[SeenTask]:
    if cluster := clusters.get(place.platform):
        for found in Aws.at(place).roster.tasks(cluster):
            yield SeenTask(arn=found.arn, revision=found.revision, status=found.status)


def _locks(place: Place) -> Iterator[SeenLock]:
    hook = Aws.at(place).locks
    for namespace in hook.held(place.lock_table):
        try:
            lock = hook.find(place.lock_table, namespace)
        except UnreadableLock as error:
            yield SeenLock(namespace=namespace, why=str(error))
            continue
        if lock is not None and lock.held:
            yield SeenLock(namespace=namespace, why=str(lock), names=_named_by(lock))


def _named_by(lock: Lock) -> frozenset[str]:
    """What a promotion under way rests on, or goes back to."""
    plan = lock.record.plan
    before = plan.before.active
    names = [
        plan.database,
        plan.snapshot,
        plan.source.instance if plan.source else None,
        plan.before.task_definition,
        before.snapshot if before else None,
        before.task_definition if before else None,
        before.database.name if before and before.database else None,
        before.database.secret if before and before.database else None,
    ]
    return frozenset(filter(None, names))


def check_whole(surveys: Iterable[Survey]) -> None:
    """Be sure that the surveys see something.

    :raises StepFailed: no platform stands: another region, another account's connection, or a laptop that is new.
    """
    if not any(each.standing for each in surveys):
        raise StepFailed("no platform of the configuration stands where it says: nothing is concluded from that")
