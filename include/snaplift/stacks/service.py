"""The service stack: a namespace's ECS service, made at its first promotion.

It has no ``DesiredCount`` and takes the revision as a parameter: both are set by promotions through ECS, and an update
of the stack that named either would put an old one back. So any change of this stack runs under the namespace's lock
and passes the live revision.
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, ecs

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.stacks.draft import Draft
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs
from snaplift.stacks.settings import EnvironmentSettings
from snaplift.stacks.stack import Stack


def service_stack(
    platforms: Platforms,
    tenant: Tenant,
    environment: str,
    platform_outputs: PlatformOutputs,
    namespace_outputs: NamespaceOutputs,
    *,
    task_definition: str,
) -> Stack:
    """Describe a service's stack.

    ECS starts a service without ``DesiredCount`` with one task; the promotion then sets the count.

    :param task_definition: the ARN of the revision, with its number.
    :raises UnknownEnvironment: the tenant has no such environment.
    """
    settings = EnvironmentSettings.of(platforms, tenant, environment)
    namespace = settings.namespace
    draft = Draft(
        namespace.service_stack,
        f"Service of namespace {namespace}",
        naming.tags(settings.installation, namespace),
    )
    revision = draft.parameter(
        "TaskDefinition", "The live revision; an update passes the one that runs", task_definition
    )
    cluster = draft.parameter("ClusterName", "The platform's cluster", platform_outputs.cluster_name)
    subnets = draft.parameter(
        "SubnetIds", "The platform's private subnets", platform_outputs.private_subnet_ids, "CommaDelimitedList"
    )
    group = draft.parameter(
        "SecurityGroupId", "Reached by the load balancer only", namespace_outputs.service_security_group_id
    )
    targets = draft.parameter("TargetGroupArn", "Where its tasks register", namespace_outputs.target_group_arn)
    service = draft.add(
        ecs.Service(
            "Service",
            ServiceName=namespace.service,
            Cluster=cluster,
            TaskDefinition=revision,
            LaunchType="FARGATE",
            DeploymentConfiguration=_deployment(settings),
            HealthCheckGracePeriodSeconds=int(settings.service.health_check.grace.total_seconds()),
            LoadBalancers=[
                ecs.LoadBalancer(
                    ContainerName=settings.service.entry_container,
                    ContainerPort=settings.entry_port,
                    TargetGroupArn=targets,
                )
            ],
            NetworkConfiguration=ecs.NetworkConfiguration(
                AwsvpcConfiguration=ecs.AwsvpcConfiguration(
                    Subnets=subnets, SecurityGroups=[group], AssignPublicIp="DISABLED"
                )
            ),
            # A task carries its revision's tags, release and run among them, which the service's cannot say.
            PropagateTags="TASK_DEFINITION",
            EnableECSManagedTags=True,
            EnableExecuteCommand=False,
        )
    )
    draft.output("ServiceArn", "The service", Ref(service))
    draft.output("ServiceName", "Its name in the cluster", GetAtt(service, "Name"))
    return draft.stack(role_arn=platform_outputs.stack_role_arn)


def _deployment(settings: EnvironmentSettings) -> ecs.DeploymentConfiguration:
    """Say how a revision rolls out: one that fails is taken back by ECS itself, even if nobody watches."""
    wanted = settings.service.deployment
    threshold = (
        {"ThresholdConfiguration": ecs.ThresholdConfiguration(Type="COUNT", Value=wanted.failures)}
        if wanted.failures
        else {}
    )
    return ecs.DeploymentConfiguration(
        MinimumHealthyPercent=wanted.minimum_healthy_percent,
        MaximumPercent=wanted.maximum_percent,
        DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(Enable=True, Rollback=True, **threshold),
    )
