"""Every stack as YAML, for a reviewer: what would be made of a configuration, before anything is made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from cfn_flip import to_yaml  # type: ignore[import-untyped]  # troposphere depends on it; it has no types

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.stacks.database import database_stack
from snaplift.stacks.namespace import namespace_stack
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs
from snaplift.stacks.platform import KEY_PARAMETER, platform_stack
from snaplift.stacks.policy import accounts, adoption_policy, orchestrator_policies
from snaplift.stacks.service import service_stack
from snaplift.stacks.stack import Stack

# Only a promotion knows these; in a rendered template they stand for any.
EXAMPLE_RELEASE: Final = naming.Release("20010101t000000z")
EXAMPLE_RUN: Final = "00000000"


def render(platforms: Platforms, tenants: Iterable[Tenant]) -> dict[str, str]:
    """Write every stack and the orchestrator's policies, by file name.

    A database is rendered as its environment has it: from nothing where data is authored, from a snapshot elsewhere.

    :raises UnknownEnvironment: a tenant's environment is on a platform that is not there.
    """
    found = {f"{name}.yaml": _page(_platform(platforms, name)) for name in platforms.platforms}
    for tenant in tenants:
        for environment in tenant.environments:
            found |= _namespace(platforms, tenant, environment)
    here = accounts(platforms)
    for account in here:
        of = "" if len(here) == 1 else f"-{account}"
        policies = {**orchestrator_policies(platforms, account), "adoption": adoption_policy(platforms, account)}
        for part, policy in policies.items():
            found[f"orchestrator-{part}{of}.json"] = json.dumps(policy, indent=2) + "\n"
    return found


def _platform(platforms: Platforms, name: str) -> Stack:
    stack = platform_stack(platforms, name)
    key = platforms.platforms[name].key
    if key is None or KEY_PARAMETER in stack.parameters:
        return stack
    return stack.with_parameters(**{KEY_PARAMETER: _output(key, "KeyArn")})


def _namespace(platforms: Platforms, tenant: Tenant, environment: str) -> dict[str, str]:
    namespace = naming.Namespace(naming.Tenant.parse(tenant.tenant), environment)
    platform_name = tenant.environments[environment].platform
    shared = _platform_outputs(platforms, platform_name)
    own = _namespace_outputs(namespace)
    balancer = platforms.platforms[platform_name].load_balancers[0].name
    release = None if environment == tenant.first else EXAMPLE_RELEASE
    stacks = {
        namespace.stack: namespace_stack(
            platforms, tenant, environment, shared, load_balancer=balancer, priority=1
        ).with_parameters(Priority="<free on the listener>"),
        namespace.database(None): database_stack(
            platforms,
            tenant,
            environment,
            shared,
            own,
            release=release,
            snapshot="<the release's snapshot>" if release else None,
            run=EXAMPLE_RUN,
        ),
        namespace.service_stack: service_stack(
            platforms, tenant, environment, shared, own, task_definition="<the revision's ARN>"
        ),
    }
    return {f"{name}.yaml": _page(stack) for name, stack in stacks.items()}


def _page(stack: Stack) -> str:
    lines = [f"Stack {stack.name}", "", "Parameters:"]
    lines += [f"  {name}: {value}" for name, value in stack.parameters.items()] or ["  none"]
    lines += ["Tags:", *(f"  {name}: {value}" for name, value in stack.tags.items())]
    lines += [f"Role: {stack.role_arn or 'none, the session of whoever creates it'}"]
    lines += [f"Termination protection: {'on' if stack.termination_protection else 'off'}"]
    if stack.policy:
        lines += [f"Stack policy: {json.dumps(stack.policy)}"]
    header = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return header + str(to_yaml(json.dumps(stack.template)))


def _output(stack: str, name: str) -> str:
    return f"<{name} of {stack}>"


def _platform_outputs(platforms: Platforms, name: str) -> PlatformOutputs:
    platform = platforms.platforms[name]
    balancers = {
        each.name: {
            "listener": each.existing_listener or _output(name, f"listener of {each.name}"),
            "security_group": each.existing_security_group or _output(name, f"security group of {each.name}"),
        }
        for each in platform.load_balancers
    }
    groups = {family: _output(name, f"parameter group for {family}") for family in platform.engines}
    return PlatformOutputs(
        vpc_id=_output(name, "VpcId"),
        public_subnet_ids=_output(name, "PublicSubnetIds"),
        private_subnet_ids=_output(name, "PrivateSubnetIds"),
        cluster_name=platform.cluster or name,
        key_arn=_output(name, "KeyArn"),
        db_subnet_group_name=_output(name, "DbSubnetGroupName"),
        lock_table_name=naming.lock_table(name),
        log_bucket_name=_output(name, "LogBucketName"),
        stack_role_arn=_output(name, "StackRoleArn"),
        load_balancers=json.dumps(balancers),
        parameter_groups=json.dumps(groups),
    )


def _namespace_outputs(namespace: naming.Namespace) -> NamespaceOutputs:
    stack = namespace.stack
    return NamespaceOutputs(
        service_security_group_id=_output(stack, "ServiceSecurityGroupId"),
        job_security_group_id=_output(stack, "JobSecurityGroupId"),
        target_group_arn=_output(stack, "TargetGroupArn"),
        log_group_name=namespace.log_group,
        execution_role_arn=_output(stack, "ExecutionRoleArn"),
        task_role_arn=_output(stack, "TaskRoleArn"),
    )
