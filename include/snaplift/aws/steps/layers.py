"""The stacks that stand, beside what the configuration makes of them now."""

from __future__ import annotations

from typing import NamedTuple

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.aws.steps.existing import check_existing
from snaplift.aws.steps.plan import look_before
from snaplift.aws.steps.provision import placed, platform_outputs, wanted_platform
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion import placement
from snaplift.promotion.plan import Before, Place
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs
from snaplift.stacks.stack import Stack

TASK_DEFINITION = "TaskDefinition"


class Layer(NamedTuple):
    """A stack that stands, and how the configuration wants it."""

    wanted: Stack
    found: FoundStack
    live: tuple[str, ...] = ()
    """Parameters that promotions set through another API."""


class Layers(NamedTuple):
    """All of a platform, or of a namespace."""

    name: str
    place: Place
    stacks: list[Layer]
    before: Before | None = None
    cluster: str | None = None


def layers_of_platform(platforms: Platforms, name: str) -> Layers:
    """Look at a platform.

    :raises StepFailed: there is none, or it does not stand.
    """
    wanted = wanted_platform(platforms, name)
    place = Place.of(name, platforms.platforms[name])
    check_existing(Aws.at(place), name, platforms.platforms[name])
    return Layers(name, place, [Layer(wanted, _standing(Aws.at(place), name, "platform.provision"))])


def layers_of_namespace(platforms: Platforms, tenant: Tenant, environment: str) -> Layers:
    """Look at a namespace: its own stack, its active database's, its service's.

    :raises StepFailed: there is none, or it does not stand.
    """
    platform, namespace = placed(tenant, environment)
    place = Place.of(platform, platforms.platforms[platform])
    aws, outputs = Aws.at(place), platform_outputs(platforms, platform)
    found = _standing(aws, namespace.stack, namespace.tenant.provision_dag_id)
    own = NamespaceOutputs.read(found.name, found.outputs)
    before, _ = look_before(aws, namespace, outputs.cluster_name)
    stacks = [
        Layer(_namespace(aws, platforms, tenant, namespace, outputs, found), found),
        *_database(aws, platforms, tenant, namespace, outputs, own, before),
        *_service(aws, platforms, tenant, namespace, outputs, own, before),
    ]
    return Layers(str(namespace), place, stacks, before, outputs.cluster_name)


def _standing(aws: Aws, name: str, maker: str) -> FoundStack:
    found = aws.stacks.find(name)
    if found is None:
        raise StepFailed(f"stack {name} does not stand: run {maker} for it first")
    return found


def _namespace(
    aws: Aws,
    platforms: Platforms,
    tenant: Tenant,
    namespace: naming.Namespace,
    outputs: PlatformOutputs,
    found: FoundStack,
) -> Stack:
    """A namespace stays on its load balancer, and its host rule keeps its priority: another one joins, nobody moves."""
    from snaplift.stacks.namespace import namespace_stack

    platform = platforms.platforms[tenant.environments[namespace.environment].platform]
    listener, priority = found.parameters.get("ListenerArn"), found.parameters.get("Priority", "")
    names = [each.name for each in platform.load_balancers]
    stays = [name for name in names if outputs.has_load_balancer(name, listener)]
    balancer = stays[0] if stays else placement.load_balancer(platform, namespace)
    return namespace_stack(
        platforms,
        tenant,
        namespace.environment,
        outputs,
        load_balancer=balancer,
        priority=int(priority)
        if stays and priority
        else placement.priority(namespace, aws.listeners.priorities(outputs.load_balancer(balancer).listener)),
    )


def _database(
    aws: Aws,
    platforms: Platforms,
    tenant: Tenant,
    namespace: naming.Namespace,
    outputs: PlatformOutputs,
    own: NamespaceOutputs,
    before: Before,
) -> list[Layer]:
    """The active database: it keeps its release, its snapshot and its run, and never gets less storage."""
    from snaplift.stacks.database import SNAPSHOT_PARAMETER, STORAGE_PARAMETER, database_stack

    active = before.active
    if active is None or active.database is None or active.database.adopted:
        return []
    if (found := aws.stacks.find(active.database.name)) is None:
        return []
    wanted = database_stack(
        platforms,
        tenant,
        namespace.environment,
        outputs,
        own,
        release=naming.Release(active.release) if active.release else None,
        snapshot=found.parameters.get(SNAPSHOT_PARAMETER),
        run=found.run or active.run,
    )
    storage = max(int(wanted.parameters[STORAGE_PARAMETER]), int(found.parameters.get(STORAGE_PARAMETER, "0")))
    return [Layer(wanted.with_parameters(**{STORAGE_PARAMETER: str(storage)}), found)]


def _service(
    aws: Aws,
    platforms: Platforms,
    tenant: Tenant,
    namespace: naming.Namespace,
    outputs: PlatformOutputs,
    own: NamespaceOutputs,
    before: Before,
) -> list[Layer]:
    """The service, with the revision that it runs: the stack's own value is the one that it was made with."""
    from snaplift.stacks.service import service_stack

    if (found := aws.stacks.find(namespace.service_stack)) is None:
        return []
    wanted = service_stack(
        platforms,
        tenant,
        namespace.environment,
        outputs,
        own,
        task_definition=before.task_definition or found.parameters.get(TASK_DEFINITION, ""),
    )
    return [Layer(wanted, found, (TASK_DEFINITION,))]
