"""plan: read the configuration and AWS, decide every name and value once."""

from __future__ import annotations

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.cloudformation import StackHook
from snaplift.aws.hooks.rds import FoundInstance, FoundSnapshot
from snaplift.aws.steps.remains import find_remains, releases_kept, releases_that_stand
from snaplift.aws.steps.standing import find_kept, find_missing
from snaplift.aws.steps.writes import find_writes
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion.choosing import Choice, PlanRefused, Request, UnknownRelease, choose
from snaplift.promotion.earlier import Remains, existing, wanted_remains
from snaplift.promotion.plan import Before, Place, Plan
from snaplift.promotion.planning import Facts, Instance, Snapshot, decide
from snaplift.promotion.pointer import Pointer, Revision
from snaplift.promotion.refreshing import choose_refresh, source_of
from snaplift.promotion.run import Run
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs


def make_plan(request: Request, run: Run, platforms: Platforms, tenant: Tenant) -> Plan:
    """Look at AWS and decide. Nothing is written.

    :raises PlanRefused: with every reason that was found.
    :raises StepFailed: what a plan rests on does not exist.
    """
    above = origin = here = None
    if (settings := tenant.environments.get(request.environment)) and settings.promoted_from:
        above = _active(platforms, tenant, settings.promoted_from)
        origin = _active(platforms, tenant, tenant.first)
        here = _pointer(platforms, tenant, request.environment)
    if request.refresh_from is not None:
        return _plan_refresh(request, run, platforms, tenant)
    try:
        choice = choose(request, tenant, above, here, _remains(request, platforms, tenant, above, here))
    except UnknownRelease as unknown:
        raise PlanRefused([f"{unknown}. {_what_there_is(request, platforms, tenant, origin, here)}"]) from None
    facts = gather(request, choice, platforms, tenant, origin)
    return decide(request, choice, run, platforms, tenant, facts)


def _plan_refresh(request: Request, run: Run, platforms: Platforms, tenant: Tenant) -> Plan:
    source = source_of(request, tenant)
    choice = choose_refresh(request, tenant, _pointer(platforms, tenant, request.environment))
    facts = gather(request, choice, platforms, tenant, _active(platforms, tenant, source))
    return decide(request, choice, run, platforms, tenant, facts)


def _place(platforms: Platforms, tenant: Tenant, environment: str) -> Place:
    platform = tenant.environments[environment].platform
    return Place.of(platform, platforms.platforms[platform])


def _name(tenant: Tenant, environment: str) -> naming.Namespace:
    return naming.Namespace(naming.Tenant.parse(tenant.tenant), environment)


def _pointer(platforms: Platforms, tenant: Tenant, environment: str) -> Pointer:
    return Aws.at(_place(platforms, tenant, environment)).pointers.read(_name(tenant, environment).pointer)[0]


def _active(platforms: Platforms, tenant: Tenant, environment: str) -> Revision | None:
    return _pointer(platforms, tenant, environment).active


def _remains(
    request: Request, platforms: Platforms, tenant: Tenant, above: Revision | None, here: Pointer | None
) -> Remains | None:
    """What is left here of the release that is asked for, where the pointer does not say it all."""
    if here is None or (wanted := wanted_remains(request.release, above, here)) is None:
        return None
    try:
        release = naming.Release(wanted)
    except naming.InvalidName:
        return None  # said where the request is read
    name, place = _name(tenant, request.environment), _place(platforms, tenant, request.environment)
    began_as = _name(tenant, tenant.first).snapshot(release)
    stands = Aws.at(_place(platforms, tenant, tenant.first)).databases.snapshot(began_as) is not None
    return find_remains(
        Aws.at(place),
        name,
        release,
        platforms.installation,
        snapshot=began_as if stands else None,
        # What was tested comes with its own build, from the release's snapshot; what stands here is in its way.
        gone=request.release != "tested",
    )


def _what_there_is(
    request: Request, platforms: Platforms, tenant: Tenant, origin: Revision | None, here: Pointer | None
) -> str:
    standing, finals = _kept_here(request, platforms, tenant) if here is not None else ((), ())
    releases = _releases(platforms, tenant, origin)
    return f"Releases with a snapshot: {existing(here or Pointer(), releases, standing, finals)}"


def _kept_here(request: Request, platforms: Platforms, tenant: Tenant) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Releases that have a database here which was active once, and those that a final snapshot is kept of here."""
    aws, name = Aws.at(_place(platforms, tenant, request.environment)), _name(tenant, request.environment)
    return releases_that_stand(aws, name, platforms.installation), releases_kept(aws, name, platforms.installation)


def _releases(platforms: Platforms, tenant: Tenant, origin: Revision | None) -> tuple[str, ...]:
    """Those that have a snapshot, oldest first."""
    if origin is None or origin.database is None:
        return ()
    databases = Aws.at(_place(platforms, tenant, tenant.first)).databases
    return tuple(map(str, databases.releases(origin.database.name, platforms.installation)))


def _outputs(stacks: StackHook, name: str) -> dict[str, str]:
    found = stacks.find(name)
    if found is None or not found.created:
        raise StepFailed(f"stack {name} does not stand ({found.status if found else 'absent'}): provision it first")
    return found.outputs


def look_before(aws: Aws, name: naming.Namespace, cluster: str) -> tuple[Before, Pointer]:
    """What a promotion starts from, and an abort goes back to."""
    pointer, version = aws.pointers.read(name.pointer)
    service = aws.services.service(cluster, pointer.service or name.service)
    before = Before(
        pointer_version=version,
        active=pointer.active,
        previous=pointer.previous,
        service_exists=service is not None,
        task_definition=service.task_definition if service else None,
        desired_count=service.desired if service else None,
        service=pointer.service,
        service_groups=service.security_groups if service and pointer.service else (),
    )
    return before, pointer


def gather(request: Request, choice: Choice, platforms: Platforms, tenant: Tenant, origin: Revision | None) -> Facts:
    """Find out all that a plan rests on."""
    place, name = _place(platforms, tenant, request.environment), _name(tenant, request.environment)
    aws = Aws.at(place)
    platform = PlatformOutputs.read(place.platform, _outputs(aws.stacks, place.platform))
    namespace = NamespaceOutputs.read(name.stack, _outputs(aws.stacks, name.stack))
    before, pointer = look_before(aws, name, platform.cluster_name)
    instance, snapshot = _source(request, choice, platforms, tenant, origin)
    lost = snapshot is None and choice.mode in {"tested", "standing", "restored"}
    standing, finals = _kept_here(request, platforms, tenant) if lost else ((), ())
    usage = aws.databases.usage()
    return Facts(
        pointer=pointer,
        before=before,
        origin=origin,
        platform=platform,
        namespace=namespace,
        instance=instance,
        snapshot=snapshot,
        releases=_releases(platforms, tenant, origin) if lost else (),
        standing=standing,
        finals=finals,
        keys=states_of_keys(platforms),
        images={container: aws.images.resolve(image) for container, image in choice.images.items()},
        instances=usage["DBInstances"],
        snapshots=usage["ManualSnapshots"],
        stacks=aws.stacks.usage(),
        missing=find_missing(aws, pointer.active),
        kept=find_kept(aws, name, choice.reuses, platforms.installation) if choice.reuses else None,
        content=_content(aws, before) if choice.mode == "active" else None,
        writes=find_writes(aws, place, name, pointer.active, tenant.database) if choice.replaces else None,
    )


def _content(aws: Aws, before: Before) -> str | None:
    """What the task definition that serves is known by."""
    return (
        aws.services.revision_tags(before.task_definition).get(naming.CONTENT_TAG) if before.task_definition else None
    )


def _source(
    request: Request, choice: Choice, platforms: Platforms, tenant: Tenant, origin: Revision | None
) -> tuple[Instance | None, Snapshot | None]:
    if choice.earlier is not None:
        return None, _final_snapshot(choice.earlier, request, platforms, tenant)
    if choice.mode == "imported":
        imported = Aws.at(_place(platforms, tenant, request.environment)).databases.snapshot(request.snapshot)
        return None, _snapshot(imported, platforms.installation) if imported else None
    if choice.mode == "origin" or origin is None or origin.database is None:
        return None, None
    databases = Aws.at(_place(platforms, tenant, choice.source or tenant.first)).databases
    if choice.release is None:
        instance = databases.instance(origin.database.name)
        return (find_instance(instance) if instance else None), None
    identifier = _name(tenant, tenant.first).snapshot(naming.Release(choice.release))
    snapshot = databases.snapshot(identifier)
    return None, _snapshot(snapshot, platforms.installation) if snapshot else None


def _final_snapshot(earlier: Revision, request: Request, platforms: Platforms, tenant: Tenant) -> Snapshot | None:
    """What is kept of the environment's own database, where that is restored; a database that stands needs none."""
    if earlier.database is not None or earlier.final is None:
        return None
    snapshot = Aws.at(_place(platforms, tenant, request.environment)).databases.snapshot(earlier.final.name)
    return _snapshot(snapshot, platforms.installation) if snapshot else None


def find_instance(found: FoundInstance) -> Instance:
    """What a plan has to know of an instance."""
    return Instance(
        identifier=found.identifier,
        resource_id=found.resource_id,
        status=found.status,
        encrypted=found.encrypted,
        key_arn=found.key_arn,
        family=found.family,
        storage=found.storage,
        backup_window=found.backup_window,
    )


def _snapshot(found: FoundSnapshot, installation: str) -> Snapshot:
    return Snapshot(
        identifier=found.identifier,
        resource_id=found.resource_id,
        status=found.status,
        ours=naming.is_ours(found.tags, installation),
        encrypted=found.encrypted,
        key_arn=found.key_arn,
        family=found.family,
        storage=found.storage,
        data_class=found.tags.get(naming.DATA_CLASS_TAG),
    )


def states_of_keys(platforms: Platforms) -> dict[str, str]:
    """The state of each platform's key; a platform that does not stand yet has none."""
    found = {}
    for name, platform in platforms.platforms.items():
        aws = Aws(platform.connection, platform.region)
        stack = aws.stacks.find(name)
        if stack is not None and stack.created:
            arn = PlatformOutputs.read(name, stack.outputs).key_arn
            found[arn] = aws.keys.state(arn)
    return found
