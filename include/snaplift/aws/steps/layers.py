"""The stacks that stand, beside what the configuration makes of them now."""

from __future__ import annotations

from dataclasses import dataclass
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
    before, _ = look_before(aws, namespace, outputs.cluster_name)
    seen = _Seen(aws, platforms, tenant, namespace, outputs, found, before)
    stacks = [seen.own_layer(), *seen.database_layers(), *seen.service_layers()]
    return Layers(str(namespace), place, stacks, before, outputs.cluster_name)


def _standing(aws: Aws, name: str, maker: str) -> FoundStack:
    found = aws.stacks.find(name)
    if found is None:
        raise StepFailed(f"stack {name} does not stand: run {maker} for it first")
    return found


@dataclass(frozen=True)
class _Seen:
    """What a namespace's layers are made of, as the configuration and AWS say now."""

    aws: Aws
    platforms: Platforms
    tenant: Tenant
    name: naming.Namespace
    outputs: PlatformOutputs
    """The platform's."""
    found: FoundStack
    """The namespace's own stack."""
    before: Before

    @property
    def own(self) -> NamespaceOutputs:
        return NamespaceOutputs.read(self.found.name, self.found.outputs)

    def own_layer(self) -> Layer:
        """A namespace stays on its load balancer, and its host rule keeps its priority: another joins, nobody moves."""
        from snaplift.stacks.namespace import namespace_stack

        environment = self.name.environment
        platform = self.platforms.platforms[self.tenant.environments[environment].platform]
        listener, priority = self.found.parameters.get("ListenerArn"), self.found.parameters.get("Priority", "")
        names = [each.name for each in platform.load_balancers]
        stays = [name for name in names if self.outputs.has_load_balancer(name, listener)]
        balancer = stays[0] if stays else placement.load_balancer(platform, self.name)
        wanted = namespace_stack(
            self.platforms,
            self.tenant,
            environment,
            self.outputs,
            load_balancer=balancer,
            priority=int(priority) if stays and priority else self._free_priority(balancer),
        )
        return Layer(wanted, self.found)

    def _free_priority(self, balancer: str) -> int:
        taken = self.aws.listeners.priorities(self.outputs.load_balancer(balancer).listener)
        return placement.priority(self.name, taken)

    def database_layers(self) -> list[Layer]:
        """The active database: it keeps its release, its snapshot and its run, and never gets less storage."""
        from snaplift.stacks.database import SNAPSHOT_PARAMETER, STORAGE_PARAMETER, database_stack

        active = self.before.active
        if active is None or active.database is None or active.database.adopted:
            return []
        if (found := self.aws.stacks.find(active.database.name)) is None:
            return []
        wanted = database_stack(
            self.platforms,
            self.tenant,
            self.name.environment,
            self.outputs,
            self.own,
            release=naming.Release(active.release) if active.release else None,
            snapshot=found.parameters.get(SNAPSHOT_PARAMETER),
            # After a rollback the revision's own run is not the one that made its database.
            run=found.run or active.made_by,
        )
        storage = max(int(wanted.parameters[STORAGE_PARAMETER]), int(found.parameters.get(STORAGE_PARAMETER, "0")))
        return [Layer(wanted.with_parameters(**{STORAGE_PARAMETER: str(storage)}), found)]

    def service_layers(self) -> list[Layer]:
        """The service, with the revision that it runs: the stack's own value is the one that it was made with."""
        from snaplift.stacks.service import service_stack

        if (found := self.aws.stacks.find(self.name.service_stack)) is None:
            return []
        wanted = service_stack(
            self.platforms,
            self.tenant,
            self.name.environment,
            self.outputs,
            self.own,
            task_definition=self.before.task_definition or found.parameters.get(TASK_DEFINITION, ""),
        )
        return [Layer(wanted, found, (TASK_DEFINITION,))]
