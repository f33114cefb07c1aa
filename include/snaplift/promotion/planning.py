"""From a request, the configuration and what was found in AWS: a plan, or every reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion import data_class
from snaplift.promotion.choosing import Choice, PlanRefused, Request
from snaplift.promotion.earlier import PASSING_STATES, Kept, existing, refuse_reuse
from snaplift.promotion.plan import SNAPSHOTTING, Before, Frozen, Place, Plan, Source
from snaplift.promotion.pointer import Pointer, Revision
from snaplift.promotion.quotas import Usage, shortages_of_promotion
from snaplift.promotion.revision import content_hash, task_definition
from snaplift.promotion.run import Run
from snaplift.promotion.writes import Writes, refusal
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs


class Instance(Frozen):
    """A database instance, as it was found."""

    identifier: str
    resource_id: str
    status: str
    encrypted: bool
    key_arn: str | None
    family: str
    """Engine and major version, as parameter groups are named after: ``mariadb10.11``."""
    storage: int
    backup_window: str | None = None
    """Daily, in UTC: ``02:00-02:30``."""


class Snapshot(Frozen):
    """A release's snapshot, as it was found."""

    identifier: str
    resource_id: str = ""
    """Of the instance that it was taken of."""
    status: str
    ours: bool
    encrypted: bool
    key_arn: str | None
    family: str
    storage: int
    data_class: str | None = None
    """What its tag says that its data were; none: it has no such tag."""


class Facts(Frozen):
    """What was found in AWS. ``None`` is "there is none", never "it could not be read"."""

    pointer: Pointer
    before: Before
    origin: Revision | None
    """Active in the environment whose data they are."""
    platform: PlatformOutputs
    namespace: NamespaceOutputs
    instance: Instance | None
    snapshot: Snapshot | None
    releases: tuple[str, ...]
    """That have a snapshot; looked up where the one that is asked for is not there, as the next two."""
    standing: tuple[str, ...] = ()
    """That have a database here, which was active once."""
    finals: tuple[str, ...] = ()
    """That a final snapshot is kept of here."""
    keys: dict[str, str]
    """Of the platforms' keys, by ARN the state."""
    images: dict[str, str | None]
    """By container ``repository@digest``; None: there is no such image."""
    instances: Usage
    snapshots: Usage
    stacks: Usage | None = None
    """None: AWS does not tell."""
    missing: tuple[str, ...] = ()
    """What the active revision needs to come up, and what is not there."""
    writes: Writes | None = None
    """In the target's active database; None: there is none."""
    kept: Kept | None = None
    """The database that is to be used again."""
    content: str | None = None
    """What the task definition that serves is known by, where its database gets another build."""


def decide(request: Request, choice: Choice, run: Run, platforms: Platforms, tenant: Tenant, facts: Facts) -> Plan:
    """Make the plan.

    :raises PlanRefused: with every reason that was found, before anything is made.
    """
    settings = tenant.environments[request.environment]
    source_name = choice.source or tenant.first
    above = tenant.environments[source_name]
    source = None
    if choice.mode == "restored" and choice.earlier:
        source = Source(
            environment=request.environment,
            place=Place.of(settings.platform, platforms.platforms[settings.platform]),
            instance="",
            resource_id=None,
            secret=None,
            final=choice.earlier.final,
        )
    elif choice.mode in {"new", "tested", "standing", "refresh"}:
        now = facts.instance if choice.mode in SNAPSHOTTING else None
        source = Source(
            environment=source_name,
            place=Place.of(above.platform, platforms.platforms[above.platform]),
            instance=facts.origin.database.name if facts.origin and facts.origin.database else "",
            resource_id=now.resource_id if now else None,
            secret=facts.origin.database.secret if facts.origin and facts.origin.database else None,
            backup_window=now.backup_window if now else None,
        )
    storage = settings.database.storage or tenant.database.storage
    of_source = facts.snapshot or facts.instance
    plan = Plan(
        run=run,
        platforms=platforms,
        tenant=tenant,
        environment=request.environment,
        mode=choice.mode,
        dry_run=request.dry_run,
        release=choice.release,
        source=source,
        imported=request.snapshot or None,
        storage=max(storage, of_source.storage) if of_source else storage,
        images={name: image for name, image in facts.images.items() if image},
        platform=facts.platform,
        namespace=facts.namespace,
        before=facts.before,
        earlier=choice.earlier,
        writes=facts.writes,
        left_out={},
        why_build=choice.why_build,
    )
    plan = plan.model_copy(update={"left_out": _left_out(plan)})
    if reasons := list(_reasons(plan, request, choice, facts)):
        raise PlanRefused(reasons)
    return plan


def _left_out(plan: Plan) -> dict[str, str]:
    """Steps of the way that this promotion does not have."""
    found = {
        "copy": "the snapshot is in the target's account and region",
        "migrate": "not supported yet",
        "warm": "not supported yet",
        "bake": "not supported yet",
    }
    if plan.approval is None:
        found["approve"] = "the environment asks for none"
    match plan.mode:
        case "origin":
            found["snapshot"] = found["copy"] = "the first environment's database is made from nothing"
        case "again" | "active":
            found["snapshot"] = found["copy"] = found["database"] = f"{plan.database} stands, and is used as it is"
            found["credentials"] = found["adapt"] = f"{plan.database} has been through it"
        case "restored":
            found["adapt"] = "it is this environment's own data, as it was when its database went"
        case _ if not plan.tenant.adapt:
            found["adapt"] = "the tenant's configuration has none"
    if plan.imported is not None:
        found["snapshot"] = found["copy"] = f"the database is made from {plan.imported}, which stands"
    if plan.mode == "active":
        found["retire"] = f"{plan.database} goes on serving"
    if not plan.tenant.smoke:
        found["smoke"] = "the tenant's configuration has none"
    return found


def _reasons(plan: Plan, request: Request, choice: Choice, facts: Facts) -> Iterator[str]:
    yield from _reasons_of_place(plan, facts)
    yield from _reasons_of_data(plan, facts)
    yield from _reasons_of_release(plan, request, facts)
    yield from _reasons_of_earlier(plan, facts)
    if lost := refusal(plan.writes, plan.target_writes, plan.environment):
        yield lost
    for container, image in choice.images.items():
        if facts.images.get(container) is None:
            yield f"there is no image {image} (container {container}): push it, or name another build"


def _reasons_of_place(plan: Plan, facts: Facts) -> Iterator[str]:
    if facts.pointer.candidate is not None:
        yield (
            f"the pointer of {plan.name} names a candidate of run {facts.pointer.candidate.run}: "
            "that promotion has not been ended"
        )
    yield from shortages_of_promotion(plan, facts.instances, facts.snapshots, facts.stacks)
    if plan.before.service_exists and not plan.before.desired_count:
        yield f"the service {plan.service} has a desired count of 0: nothing would be proven by a deployment"
    if plan.before.service_exists and facts.pointer.active is None:
        yield f"a service {plan.service} runs that the pointer does not know: it is not ours to replace"
    if (existing := plan.settings.existing) and facts.pointer.service is None:
        yield (
            f"{plan.name} is to go on with service {existing.service}, which stands: run "
            f"{plan.name.tenant.adopt_dag_id} for it first"
        )
    if facts.pointer.active and plan.before.task_definition != facts.pointer.active.task_definition:
        yield (
            f"the pointer says that {facts.pointer.active.task_definition} is active and the service runs "
            f"{plan.before.task_definition or 'nothing'}: put that right first"
        )
    if facts.missing:
        yield (
            f"{plan.name} could not go back to what it runs now, if this promotion failed: {'; '.join(facts.missing)}. "
            "Put that back first"
        )


def _reasons_of_data(plan: Plan, facts: Facts) -> Iterator[str]:
    if plan.imported is not None:
        yield from _reasons_of_import(plan, facts)
    if plan.source is None:
        return
    if plan.mode != "restored" and (facts.origin is None or facts.origin.database is None):
        todo = "promote to it first" if plan.mode == "refresh" else "provision it first"
        yield f"{plan.source_name} has no database: {todo}"
        return
    if plan.source.place.account != plan.place.account or plan.source.place.region != plan.place.region:
        yield f"{plan.source_name} is in another account or region than {plan.name}: a copy there is not supported yet"
    if plan.mode != "refresh" and (why := _why_too_high(plan, facts.snapshot, plan.source.environment)):
        yield why
    data: Instance | Snapshot | None = facts.instance if plan.takes_snapshot else facts.snapshot
    if data is None:
        yield _no_data(plan, facts)
        return
    yield from _reasons_of_copy(plan, facts, data)


def _why_too_high(plan: Plan, snapshot: Snapshot | None, source: str) -> str:
    carried = (snapshot.identifier, snapshot.data_class) if snapshot else ("", None)
    return data_class.refusal(plan.tenant, source, plan.environment, *carried)


def _no_data(plan: Plan, facts: Facts) -> str:
    if plan.takes_snapshot and plan.source:
        return f"there is no instance {plan.source.instance}, which the pointer of {plan.source_name} names"
    have = existing(facts.pointer, facts.releases, facts.standing, facts.finals)
    return f"release {plan.release} has no snapshot {plan.snapshot}; those that have one: {have}"


def _reasons_of_copy(plan: Plan, facts: Facts, data: Instance | Snapshot) -> Iterator[str]:
    if not data.encrypted or data.key_arn not in facts.keys:
        yield f"{data.identifier} is not encrypted with a platform's key: a copy of it would not be either"
    elif facts.keys[data.key_arn] != "Enabled":
        yield f"the key of {data.identifier} is {facts.keys[data.key_arn]}: it must be enabled"
    if data.family not in plan.platforms.platforms[plan.place.platform].engines:
        yield f"{data.identifier} is {data.family}; {plan.place.platform} has no parameter group for it"
    if isinstance(data, Instance) and data.status not in PASSING_STATES:
        yield f"{data.identifier} is {data.status}: it cannot be snapshot"
    if isinstance(data, Snapshot) and not data.ours:
        yield f"snapshot {data.identifier} was not made by installation {plan.run.installation}"
    final = plan.source.final if plan.source else None
    if isinstance(data, Snapshot) and final and data.resource_id != final.resource_id:
        yield f"snapshot {data.identifier} is of {data.resource_id}, and the pointer names that of {final.resource_id}"
    if isinstance(data, Snapshot) and data.status != "available":
        yield f"snapshot {data.identifier} is {data.status}, not available"


def _reasons_of_import(plan: Plan, facts: Facts) -> Iterator[str]:
    found, key = facts.snapshot, plan.platform.key_arn
    tag = f"--tags Key={naming.INSTALLATION_TAG},Value={plan.run.installation}"
    if found is None:
        yield f"there is no snapshot {plan.imported} in {plan.place.account}, {plan.place.region}: copy it there first"
        return
    if not found.encrypted or found.key_arn != key:
        with_key = f"encrypted with {found.key_arn}" if found.encrypted else "not encrypted"
        yield (
            f"snapshot {found.identifier} is {with_key}, and {plan.place.platform} has {key}: copy it under that key, "
            f"then import the copy: aws rds copy-db-snapshot --source-db-snapshot-identifier {found.identifier} "
            f"--target-db-snapshot-identifier {_copy_of(found.identifier)} --kms-key-id {key} {tag}"
        )
    elif facts.keys.get(key) != "Enabled":
        yield f"the key of {found.identifier} is {facts.keys.get(key, 'unknown')}: it must be enabled"
    elif not found.ours:
        yield (
            f"snapshot {found.identifier} does not have the tag by which its owner says that it may be taken: aws rds "
            f"add-tags-to-resource --resource-name <its ARN> {tag}"
        )
    if found.family != plan.effective.engine_family:
        yield (
            f"snapshot {found.identifier} is {found.family}, and the tenant's file says "
            f"{plan.effective.engine_family}: say the snapshot's engine and version there"
        )
    if found.status != "available":
        yield f"snapshot {found.identifier} is {found.status}, not available"
    if why := _why_too_high(plan, found, plan.environment):  # it may be a copy of a release of ours
        yield why


def _copy_of(snapshot: str) -> str:
    """A name for the copy; those of automated snapshots begin with ``rds:``, which no name may have."""
    return f"{snapshot.rpartition(':')[2]}-copy"


def _reasons_of_release(plan: Plan, request: Request, facts: Facts) -> Iterator[str]:
    active = facts.pointer.active
    if plan.mode in {"origin", "imported"}:
        if active is not None:
            yield f"{plan.name} has an active database already"
        return
    if active is None or plan.release is None or active.release is None or plan.mode == "active":
        return
    if plan.release == active.release:
        yield f"release {plan.release} is active in {plan.name} already"
    elif plan.mode == "tested" and plan.release < active.release:
        yield (
            f"the tested release {plan.release} is older than {active.release}, which is active in {plan.name}: "
            "ask for it by its timestamp if that is meant"
        )
    elif (
        plan.release < active.release and request.asked_at and request.asked_at < naming.Release(active.release).moment
    ):
        yield (
            f"this run asked for {plan.release} before the newer {active.release}, which is active in {plan.name}, was "
            "begun: to go back to it, trigger a new run"
        )
    if not plan.reuses and plan.database in facts.pointer.databases:
        yield (
            f"{plan.database} still stands as the previous database of {plan.name}: ask for 'previous' to have it "
            "serve again"
        )


def _reasons_of_earlier(plan: Plan, facts: Facts) -> Iterator[str]:
    if plan.earlier is None:
        return
    active = facts.pointer.active
    # Cleared and planned anew, a rollback would find the other one as the previous and go forward again.
    if active is not None and active.run == plan.run.hash:
        yield f"this run made what is active in {plan.name} already: to go on from there, trigger a new run"
    if plan.reuses is None:
        return
    if plan.reuses.adopted:
        yield from _reasons_of_adopted(plan)
    if why := refuse_reuse(plan.reuses, plan.made_by, facts.kept):
        has_credentials = facts.kept is None or facts.kept.has_credentials
        yield f"{why}: {_instead(plan)}" if plan.reuses.name in facts.pointer.databases and has_credentials else why
    elif plan.mode == "active" and facts.kept and facts.kept.outputs and None not in facts.images.values():
        definition = task_definition(plan, facts.kept.outputs)
        if facts.content == content_hash(definition):
            yield (
                f"nothing to do: {plan.name} runs this build with this configuration on {plan.database} already. Name "
                "another build"
            )


def _instead(plan: Plan) -> str:
    """As long as the pointer names a database, no other of its name can be made: it could not be taken away again."""
    return f"promote another release: the pointer then forgets it, and {plan.release} can be asked for by its timestamp"


def _reasons_of_adopted(plan: Plan) -> Iterator[str]:
    """An adopted revision is gone back to as it was; what our configuration says was never tried on its database."""
    assert plan.earlier is not None  # its database is used
    if plan.mode == "active":
        yield (
            f"{plan.database} was adopted: another build gets to {plan.name} with a release, by 'new', 'tested' or a "
            "timestamp"
        )
    elif {name: image.rpartition("@")[2] for name, image in plan.images.items()} != plan.earlier.build:
        yield f"{plan.database} was adopted, and is gone back to with its own build only: name no build"
