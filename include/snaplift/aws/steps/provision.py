"""provision: the layers that promotions stand on. A stack that stands is left as it is."""

from __future__ import annotations

from datetime import timedelta

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.cloudformation import CREATED, FoundStack
from snaplift.aws.steps.existing import check_existing
from snaplift.aws.steps.promotion import REMOVAL, Done
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion import placement
from snaplift.promotion.plan import Place
from snaplift.promotion.quotas import shortage
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from snaplift.stacks.outputs import PlatformOutputs
from snaplift.stacks.settings import EnvironmentSettings
from snaplift.stacks.stack import Stack

CREATION = timedelta(hours=1)
FAILED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


def provision_platform(platforms: Platforms, name: str, run: Run) -> Wait | Done:
    """Make a platform's stack.

    :raises StepFailed: it could not be made, or what it builds on does not stand.
    """
    stack = wanted_platform(platforms, name)
    aws, platform = Aws.at(Place.of(name, platforms.platforms[name])), platforms.platforms[name]
    if aws.stacks.find(name) is None:
        check_existing(aws, name, platform)
        usage = aws.databases.usage()
        _check_room(
            shortage("stacks", aws.stacks.usage()),
            shortage("DB parameter groups", usage.get("DBParameterGroups"), len(platform.engines)),
            shortage("DB subnet groups", usage.get("DBSubnetGroups")),
        )
    return _made(_ensure(aws, stack, run))


def wanted_platform(platforms: Platforms, name: str) -> Stack:
    """Describe a platform's stack with every value.

    :raises StepFailed: there is no such platform, or what it builds on does not stand.
    """
    from snaplift.stacks.platform import platform_stack

    if name not in platforms.platforms:
        raise StepFailed(f"there is no platform {name!r}; there are {', '.join(platforms.platforms)}")
    stack, key = platform_stack(platforms, name), platforms.platforms[name].key
    if key is not None and not key.startswith("arn:"):
        stack = stack.with_parameters(KeyArn=platform_outputs(platforms, key).key_arn)
    return stack


def provision_namespace(
    platforms: Platforms, tenant: Tenant, environment: str, run: Run, *, pointer_tags: dict[str, str] | None = None
) -> Wait | Done:
    """Make a namespace's stack and its pointer, which outlives it.

    :param pointer_tags: of the pointer, where they are others than a namespace's.
    :raises StepFailed: it could not be made, or its platform does not stand.
    """
    from snaplift.stacks.namespace import namespace_stack

    name, namespace = placed(tenant, environment)
    platform = platforms.platforms[name]
    aws, outputs = Aws.at(Place.of(name, platform)), platform_outputs(platforms, name)
    balancer = placement.load_balancer(platform, namespace)
    taken = aws.listeners.priorities(outputs.load_balancer(balancer).listener)
    stack = namespace_stack(
        platforms,
        tenant,
        environment,
        outputs,
        load_balancer=balancer,
        priority=placement.priority(namespace, taken),
    )
    if aws.stacks.find(stack.name) is None:
        _check_room_of_namespace(
            aws,
            outputs.load_balancer(balancer).listener,
            balancer,
            own_group=bool(EnvironmentSettings.of(platforms, tenant, environment).database.parameters),
        )
    outcome = _made(_ensure(aws, stack, run))
    if isinstance(outcome, Done):
        aws.pointers.make(namespace.pointer, pointer_tags or naming.tags(platforms.installation, namespace))
    return outcome


def placed(tenant: Tenant, environment: str) -> tuple[str, naming.Namespace]:
    """Name an environment's platform, and its namespace.

    :raises StepFailed: the tenant has no such environment.
    """
    if environment not in tenant.environments:
        raise StepFailed(f"{tenant.tenant} has no environment {environment!r}; it has {', '.join(tenant.environments)}")
    namespace = naming.Namespace(naming.Tenant.parse(tenant.tenant), environment)
    return tenant.environments[environment].platform, namespace


def _check_room_of_namespace(aws: Aws, listener: str, balancer: str, *, own_group: bool) -> None:
    """See whether the namespace's stack can be made.

    :param own_group: the tenant's parameters need a parameter group of its own.
    :raises StepFailed: a quota would be met half way.
    """
    groups = aws.databases.usage().get("DBParameterGroups") if own_group else None
    used = aws.listeners.usage(listener)
    _check_room(
        shortage("stacks", aws.stacks.usage()),
        shortage("DB parameter groups", groups),
        *(shortage(what, usage, where=f"load balancer {balancer}") for what, usage in used.items()),
    )


def _check_room(*shortages: str) -> None:
    if lacking := list(filter(None, shortages)):
        raise StepFailed(f"nothing was made: {'; '.join(lacking)}")


def platform_outputs(platforms: Platforms, name: str) -> PlatformOutputs:
    """Read a platform's outputs.

    :raises StepFailed: the platform does not stand.
    """
    found = Aws.at(Place.of(name, platforms.platforms[name])).stacks.find(name)
    if found is None or not found.created:
        raise StepFailed(f"platform {name} does not stand: run platform.provision for it first")
    return PlatformOutputs.read(name, found.outputs)


def _ensure(aws: Aws, stack: Stack, run: Run) -> FoundStack | Wait:
    found = aws.stacks.find(stack.name)
    ours = found is not None and all(found.tags.get(key) == value for key, value in stack.tags.items())
    if found is not None and ours and found.status in FAILED:  # an earlier run's: the name is taken until it goes
        if stack.termination_protection:
            aws.stacks.lift_protection(found)
        return aws.stacks.remove(found, timeout=REMOVAL) or found
    return aws.stacks.ensure(stack, token=f"{stack.name}-{run.hash}", timeout=CREATION)


def _made(found: FoundStack | Wait) -> Wait | Done:
    if isinstance(found, Wait):
        return found
    if found.status not in CREATED:
        raise StepFailed(f"stack {found.name} is {found.status}: {found.reason}")
    return Done({"stack": found.id, "status": found.status})
