"""The namespace stack: what a tenant's environment has, whichever release is active in it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from troposphere import GetAtt, Ref, Sub, ec2, logs, rds, secretsmanager
from troposphere import elasticloadbalancingv2 as elb

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.stacks.draft import INCARNATION, Draft
from snaplift.stacks.namespace_roles import add_execution_role, add_task_role
from snaplift.stacks.network import orchestrator_source
from snaplift.stacks.outputs import PlatformOutputs
from snaplift.stacks.parameters import OF_EVERY_DATABASE
from snaplift.stacks.settings import EnvironmentSettings
from snaplift.stacks.stack import Stack


def namespace_stack(
    platforms: Platforms,
    tenant: Tenant,
    environment: str,
    platform_outputs: PlatformOutputs,
    *,
    load_balancer: str,
    priority: int,
) -> Stack:
    """Describe a namespace's stack.

    :param load_balancer: the name of the platform's load balancer that the namespace is on; to change it later
        replaces the host rule.
    :param priority: the host rule's, 1 to 50000 and unique on that load balancer's listener. It is a parameter of
        the stack: an update keeps it by its previous value.
    :raises UnknownEnvironment: the tenant has no such environment.
    :raises MissingOutput: the platform stack does not have this load balancer.
    """
    settings = EnvironmentSettings.of(platforms, tenant, environment)
    namespace = settings.namespace
    shared = platform_outputs.load_balancer(load_balancer)
    draft = Draft(
        namespace.stack,
        f"Namespace {namespace} of snaplift installation {settings.installation}: what its releases have in common",
        naming.tags(settings.installation, namespace),
    )
    vpc = draft.parameter("VpcId", "The platform's network", platform_outputs.vpc_id)
    key = draft.parameter("KeyArn", "The platform's key", platform_outputs.key_arn)
    balancer_group = draft.parameter(
        "LoadBalancerSecurityGroupId", "From where the service is reached", shared.security_group
    )

    service_group = _add_service_group(draft, settings, vpc, balancer_group)
    job_group = _add_job_group(draft, settings, vpc)
    # A site that stands already has its own, and a second rule for its host could take its visitors away.
    if settings.existing is None:
        _add_targets(draft, settings, vpc, shared.listener, priority)
    log_group = draft.add(
        logs.LogGroup("LogGroup", LogGroupName=namespace.log_group, RetentionInDays=settings.retention.log_days)
    )
    secrets = {
        variable: _add_environment_secret(draft, namespace, variable, key) for variable in settings.secret_variables
    }

    draft.output("ServiceSecurityGroupId", "Of the service's tasks", GetAtt(service_group, "GroupId"))
    draft.output("JobSecurityGroupId", "Of one-off tasks", GetAtt(job_group, "GroupId"))
    draft.output("LogGroupName", "Where every task writes", Ref(log_group))
    draft.output(
        "ExecutionRoleArn", "With which ECS starts tasks", GetAtt(add_execution_role(draft, settings, key), "Arn")
    )
    draft.output("TaskRoleArn", "With which tasks run", GetAtt(add_task_role(draft, settings), "Arn"))
    if secrets:
        places = {variable: f"${{{secret.title}.Id}}" for variable, secret in secrets.items()}
        draft.output("EnvironmentSecrets", "JSON: by variable the secret's ARN", Sub(json.dumps(places)))
    if settings.database.parameters:
        draft.output(
            "ParameterGroupName", "The tenant's own, over its engine's", Ref(_add_parameter_group(draft, settings))
        )
    return draft.stack(capabilities=("CAPABILITY_NAMED_IAM",), role_arn=platform_outputs.stack_role_arn)


def _add_targets(draft: Draft, settings: EnvironmentSettings, vpc: Ref, listener_arn: str, priority: int) -> None:
    listener = draft.parameter("ListenerArn", "The listener that the host rule is on", listener_arn)
    place = draft.parameter(
        "Priority", "The host rule's, unique on the listener", str(priority), "Number", MinValue=1, MaxValue=50_000
    )
    target_group = _add_target_group(draft, settings, vpc)
    _add_host_rule(draft, settings, listener, place, target_group)
    draft.output("TargetGroupArn", "The service's tasks, as the load balancer sees them", Ref(target_group))


def _add_service_group(draft: Draft, settings: EnvironmentSettings, vpc: Ref, balancer_group: Ref) -> ec2.SecurityGroup:
    port = settings.entry_port
    return draft.add(
        ec2.SecurityGroup(
            "ServiceSecurityGroup",
            GroupDescription=f"{settings.namespace} service: reached by the load balancer only",
            VpcId=vpc,
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(
                    Description="The load balancer",
                    IpProtocol="tcp",
                    FromPort=port,
                    ToPort=port,
                    SourceSecurityGroupId=balancer_group,
                )
            ],
        )
    )


def _add_job_group(draft: Draft, settings: EnvironmentSettings, vpc: Ref) -> ec2.SecurityGroup:
    port = settings.entry_port
    return draft.add(
        ec2.SecurityGroup(
            "JobSecurityGroup",
            GroupDescription=f"{settings.namespace} one-off tasks: reached by the orchestrator only",
            VpcId=vpc,
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(
                    Description="The orchestrator",
                    IpProtocol="tcp",
                    FromPort=port,
                    ToPort=port,
                    **orchestrator_source(settings.platform),
                )
            ],
        )
    )


def _add_target_group(draft: Draft, settings: EnvironmentSettings, vpc: Ref) -> elb.TargetGroup:
    """Add the target group.

    Its port can never be changed, and is only what a target that says none would have: ECS registers each task with
    its container's port. So it is always 80, and a tenant may change the container's.
    """
    check = settings.service.health_check
    drain = int(settings.service.deployment.drain.total_seconds())
    return draft.add(
        elb.TargetGroup(
            "TargetGroup",
            VpcId=vpc,
            TargetType="ip",
            Protocol="HTTP",
            Port=80,
            HealthCheckProtocol="HTTP",
            HealthCheckPath=check.path,
            HealthCheckIntervalSeconds=int(check.interval.total_seconds()),
            HealthCheckTimeoutSeconds=int(check.timeout.total_seconds()),
            HealthyThresholdCount=check.healthy,
            UnhealthyThresholdCount=check.unhealthy,
            Matcher=elb.Matcher(HttpCode=check.status),
            TargetGroupAttributes=[
                elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value=str(drain))
            ],
        )
    )


def _add_host_rule(
    draft: Draft, settings: EnvironmentSettings, listener: Ref, priority: Ref, target_group: elb.TargetGroup
) -> None:
    host = settings.namespace.host(settings.platform.domain)
    draft.add(
        elb.ListenerRule(
            "HostRule",
            ListenerArn=listener,
            Priority=priority,
            Conditions=[elb.Condition(Field="host-header", HostHeaderConfig=elb.HostHeaderConfig(Values=[host]))],
            Actions=[elb.ListenerRuleAction(Type="forward", TargetGroupArn=Ref(target_group))],
        )
    )


def _add_environment_secret(
    draft: Draft, namespace: naming.Namespace, variable: str, key: Ref
) -> secretsmanager.Secret:
    """Add the secret with one variable's generated value.

    One secret for each variable: CloudFormation generates one value a secret, once, and leaves it alone when another
    variable is added. The stack's own id is in the name, since Secrets Manager keeps the name of a deleted secret
    taken and a namespace may be made again.
    """
    return draft.add(
        secretsmanager.Secret(
            _secret_title(variable),
            Name=Sub(f"{namespace.environment_secrets}${{Incarnation}}/{variable}", Incarnation=INCARNATION),
            Description=f"{variable} of {namespace}, generated once",
            KmsKeyId=key,
            # 64 letters and digits are 381 bits; punctuation would only meet shells and connection strings.
            GenerateSecretString=secretsmanager.GenerateSecretString(PasswordLength=64, ExcludePunctuation=True),
        )
    )


def _secret_title(variable: str) -> str:
    """Make a logical id, letters and digits only, of a variable; the digits tell ``AUTH_KEY`` from ``auth_key``."""
    words = "".join(word.capitalize() for word in variable.split("_"))
    return f"EnvironmentSecret{words}{hashlib.sha256(variable.encode()).hexdigest()[:6]}"


def _add_parameter_group(draft: Draft, settings: EnvironmentSettings) -> rds.DBParameterGroup:
    wanted = {**OF_EVERY_DATABASE, **settings.database.parameters}
    parameters: dict[str, Any] = {name: str(value) for name, value in sorted(wanted.items())}
    return draft.add(
        rds.DBParameterGroup(
            "ParameterGroup",
            Family=settings.engine_family,
            Description=f"Databases of {settings.namespace}",
            Parameters=parameters,
        )
    )
