"""From a request, the configuration and what was found in AWS: a plan, or every reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion import data_class
from snaplift.promotion.plan import Before, Frozen, Mode, Place, Plan, Source
from snaplift.promotion.pointer import Pointer, Revision
from snaplift.promotion.quotas import Usage, shortages_of_promotion
from snaplift.promotion.run import Run
from snaplift.promotion.writes import Writes, refusal
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# A snapshot can be begun in these states only (RDS: CreateDBSnapshot); the others pass by themselves.
PASSING_STATES = frozenset(
    {"available", "storage-optimization", "backing-up", "modifying", "maintenance", "configuring-enhanced-monitoring"}
)


class PlanRefused(ValueError):
    """There is no plan; the message has every reason and what to do about it."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class Request(Frozen):
    """What a person, or the nightly DAG, asks for."""

    environment: str
    release: str = "new"
    """``new``, ``tested``, or a release's timestamp; provisioning asks for ``origin``."""
    build: str = ""
    """A tag or a digest; empty: the tested build, or the tag that the configuration names."""
    dry_run: bool = False
    asked_at: datetime | None = None
    """When the run was asked for; the same when it is cleared and run again. None: it is not known."""


class Choice(Frozen):
    """What a request means before anything is looked up in AWS but the pointers."""

    mode: Mode
    release: str | None
    images: dict[str, str]
    """By container ``repository@digest``, or ``repository:tag`` where the digest is yet to be found."""


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
    status: str
    ours: bool
    encrypted: bool
    key_arn: str | None
    family: str
    storage: int


class Facts(Frozen):
    """What was found in AWS. ``None`` is "there is none", never "it could not be read"."""

    pointer: Pointer
    before: Before
    origin: Revision | None
    """Active in the first environment."""
    platform: PlatformOutputs
    namespace: NamespaceOutputs
    instance: Instance | None
    snapshot: Snapshot | None
    releases: tuple[str, ...]
    """That have a snapshot."""
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


def choose(request: Request, tenant: Tenant, above: Revision | None) -> Choice:
    """Say what a request means.

    :param above: what is active in the environment that this one is promoted from.
    :raises PlanRefused: it means nothing in this environment.
    """
    environment = tenant.environments.get(request.environment)
    if environment is None:
        known = ", ".join(tenant.environments)
        raise PlanRefused([f"{tenant.tenant} has no environment {request.environment!r}; it has {known}"])
    source = environment.promoted_from
    if (request.release == "origin") != (source is None):
        why = "data is authored there, nothing is promoted to it" if source is None else "data is not authored there"
        raise PlanRefused([f"{request.release!r} means nothing in {tenant.tenant}-{request.environment}: {why}"])
    mode: Mode
    release: str | None = None
    match request.release:
        case "origin":
            mode = "origin"
        case "new":
            if source != tenant.first:
                raise PlanRefused(
                    [f"a new release begins in {tenant.first}; {request.environment} is promoted from {source}: "
                     "ask for 'tested'"]
                )  # fmt: skip
            mode = "new"
        case "tested":
            if above is None or above.release is None:
                hint = "ask for 'new'" if source == tenant.first else f"promote to {source} first"
                raise PlanRefused([f"no release is active in {source}, so none was tested there: {hint}"])
            mode, release = "tested", above.release
        case text:
            try:
                mode, release = "standing", str(naming.Release(text))
            except naming.InvalidName as error:
                raise PlanRefused([f"release: expected new, tested or a timestamp; {error}"]) from None
    tested = above if mode == "tested" and not request.build else None
    return Choice(mode=mode, release=release, images=_images(request.build, tenant, tested))


def _images(build: str, tenant: Tenant, tested: Revision | None) -> dict[str, str]:
    containers = tenant.service.containers
    if tested is not None:
        if missing := sorted(set(containers) - set(tested.build)):
            raise PlanRefused([f"the tested build has no image for {', '.join(missing)}: name a build"])
        return {name: f"{container.image}@{tested.build[name]}" for name, container in containers.items()}
    if DIGEST.fullmatch(build):
        if len(containers) > 1:
            raise PlanRefused([f"a digest is one image and the service has {len(containers)}: name the build by a tag"])
        return {name: f"{container.image}@{build}" for name, container in containers.items()}
    return {name: f"{container.image}:{build or container.tag}" for name, container in containers.items()}


def decide(request: Request, choice: Choice, run: Run, platforms: Platforms, tenant: Tenant, facts: Facts) -> Plan:
    """Make the plan.

    :raises PlanRefused: with every reason that was found, before anything is made.
    """
    settings = tenant.environments[request.environment]
    first = tenant.environments[tenant.first]
    source = None
    if choice.mode != "origin":
        source = Source(
            environment=tenant.first,
            place=Place.of(first.platform, platforms.platforms[first.platform]),
            instance=facts.origin.database.name if facts.origin and facts.origin.database else "",
            resource_id=facts.instance.resource_id if facts.instance and choice.mode == "new" else None,
            secret=facts.origin.database.secret if facts.origin and facts.origin.database else None,
            backup_window=facts.instance.backup_window if facts.instance and choice.mode == "new" else None,
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
        storage=max(storage, of_source.storage) if of_source else storage,
        images={name: image for name, image in facts.images.items() if image},
        platform=facts.platform,
        namespace=facts.namespace,
        before=facts.before,
        writes=facts.writes,
        left_out={},
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
    if plan.mode == "origin":
        found["snapshot"] = found["copy"] = "the first environment's database is made from nothing"
    elif not plan.tenant.adapt:
        found["adapt"] = "the tenant's configuration has none"
    if not plan.tenant.smoke:
        found["smoke"] = "the tenant's configuration has none"
    return found


def _reasons(plan: Plan, request: Request, choice: Choice, facts: Facts) -> Iterator[str]:
    yield from _reasons_of_place(plan, facts)
    yield from _reasons_of_data(plan, facts)
    yield from _reasons_of_release(plan, request, facts)
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
        yield f"the service {plan.name.service} has a desired count of 0: nothing would be proven by a deployment"
    if plan.before.service_exists and facts.pointer.active is None:
        yield f"a service {plan.name.service} runs that the pointer does not know: it is not ours to replace"
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
    if plan.source is None:
        return
    if facts.origin is None or facts.origin.database is None:
        yield f"{plan.source_name} has no database: provision it first"
        return
    if plan.source.place.account != plan.place.account or plan.source.place.region != plan.place.region:
        yield f"{plan.source_name} is in another account or region than {plan.name}: a copy there is not supported yet"
    if why := data_class.refusal(plan.tenant, plan.source.environment, plan.environment):
        yield why
    data: Instance | Snapshot | None = facts.instance if plan.mode == "new" else facts.snapshot
    if data is None:
        yield _no_data(plan, facts)
        return
    yield from _reasons_of_copy(plan, facts, data)


def _no_data(plan: Plan, facts: Facts) -> str:
    if plan.mode == "new" and plan.source:
        return f"there is no instance {plan.source.instance}, which the pointer of {plan.source_name} names"
    have = ", ".join(facts.releases) or "none"
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
    if isinstance(data, Snapshot) and data.status != "available":
        yield f"snapshot {data.identifier} is {data.status}, not available"


def _reasons_of_release(plan: Plan, request: Request, facts: Facts) -> Iterator[str]:
    active = facts.pointer.active
    if plan.mode == "origin":
        if active is not None:
            yield f"{plan.name} has an active database already"
        return
    if active is None or plan.release is None or active.release is None:
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
    if plan.database in facts.pointer.databases:
        yield f"{plan.database} still stands as the previous database of {plan.name}"
