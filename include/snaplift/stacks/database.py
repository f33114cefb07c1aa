"""The database stack: one release of a tenant's data in one namespace.

**How one goes.** The instance's ``DeletionPolicy`` is ``RetainExceptOnCreate``: a creation that fails takes it along,
but once the stack was complete, deleting the stack keeps the instance. Nobody's mistake with a stack loses data, and
CloudFormation's own final snapshot, which picks its own name and cannot be had of a failed restore, is not used. So
who retires or aborts a database deletes the *instance* first, by its identifier (after its final snapshot, where one
is kept), waits until it is gone, and then deletes the stack: the security group can only go when no instance is in it.

**What is not in the template.** ``DeletionProtection``: RDS would protect a restore that then fails, and the stack
could not be rolled back; activation sets it, retirement lifts it. The rule that lets the service in: it is added
after the smoke checks, so the rules that are here are resources of their own and not a property of the group, which
an update would put back.

From a snapshot, ``Engine``, ``EngineVersion``, ``MasterUsername``, ``DBName``, ``StorageEncrypted`` and ``KmsKeyId``
come along and are left out. ``ManageMasterUserPassword`` makes the source's master password useless before the stack
is complete (CloudFormation restores, then modifies).
"""

from __future__ import annotations

import json
from typing import Any, Final

from troposphere import GetAtt, Ref, Retain, RetainExceptOnCreate, Sub, ec2, rds, secretsmanager

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.stacks.draft import INCARNATION, Draft
from snaplift.stacks.network import orchestrator_source
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs
from snaplift.stacks.settings import EnvironmentSettings
from snaplift.stacks.stack import DENY_REPLACEMENT, Stack

MASTER_USERNAME: Final = "snaplift"
SNAPSHOT_PARAMETER: Final = "SnapshotIdentifier"
STORAGE_PARAMETER: Final = "AllocatedStorage"
PORT: Final = 3306

BACKUPS_KEPT_DAYS: Final = 7


def database_stack(
    platforms: Platforms,
    tenant: Tenant,
    environment: str,
    platform_outputs: PlatformOutputs,
    namespace_outputs: NamespaceOutputs,
    *,
    release: naming.Release | None,
    snapshot: str | None,
    run: str,
    to_mask: bool = False,
) -> Stack:
    """Describe a database's stack.

    From a snapshot, the parameter :data:`STORAGE_PARAMETER` (GB) has to be at least the snapshot's:
    ``stack.with_parameters(AllocatedStorage=...)`` where that is more than the configuration's.

    :param release: what the database holds; None where the data is authored.
    :param snapshot: the identifier of the release's snapshot; where the data is authored, of the one that is imported,
        or None.
    :param run: the hash of the run that makes it: the application's user and secret are named after it.
    :param to_mask: it is born with what must not be kept of it: marked so, and without backups until it is masked.
    :raises ValueError: a release without a snapshot.
    :raises UnknownEnvironment: the tenant has no such environment.
    :raises MissingOutput: the platform has no parameter group for the engine.
    """
    if release is not None and snapshot is None:
        raise ValueError(f"{tenant.tenant}: release {release} is made of its snapshot, and none is said")
    settings = EnvironmentSettings.of(platforms, tenant, environment)
    namespace = settings.namespace
    draft = Draft(
        namespace.database(release),
        f"Database of namespace {namespace}, "
        + (f"release {release}, from its snapshot" if release else "where its data is authored"),
        naming.tags(settings.installation, namespace, release=release, run=run)
        | ({naming.MASK_TAG: naming.MASK_DUE} if to_mask else {}),
    )
    vpc = draft.parameter("VpcId", "The platform's network", platform_outputs.vpc_id)
    key = draft.parameter("KeyArn", "The platform's key", platform_outputs.key_arn)
    jobs = draft.parameter(
        "JobSecurityGroupId", "One-off tasks, which reach the database first", namespace_outputs.job_security_group_id
    )
    group = _add_security_group(draft, settings, vpc, jobs)
    secret = _add_application_secret(draft, settings, release, run, key)
    instance = draft.add(
        rds.DBInstance(
            "Instance",
            DeletionPolicy=RetainExceptOnCreate,
            UpdateReplacePolicy=Retain,
            DBInstanceIdentifier=namespace.database(release),
            **_placement(draft, settings, platform_outputs, namespace_outputs, group),
            **_content(draft, settings, snapshot, key),
            ManageMasterUserPassword=True,
            MasterUserSecret=rds.MasterUserSecret(KmsKeyId=key),
            AutoMinorVersionUpgrade=False,
            BackupRetentionPeriod=0 if to_mask else BACKUPS_KEPT_DAYS,
            CopyTagsToSnapshot=True,
        )
    )
    draft.output("InstanceId", "The instance's identifier", Ref(instance))
    draft.output("ResourceId", "What tells two restores of one release apart", GetAtt(instance, "DbiResourceId"))
    draft.output("Host", "Where it is reached", GetAtt(instance, "Endpoint.Address"))
    draft.output("Port", "On which port", GetAtt(instance, "Endpoint.Port"))
    draft.output(
        "MasterSecretArn", "RDS's own, changed every seven days", GetAtt(instance, "MasterUserSecret.SecretArn")
    )
    draft.output("ApplicationSecretArn", "The application's user and password", GetAtt(secret, "Id"))
    draft.output("SecurityGroupId", "Opened to the service after the smoke checks", GetAtt(group, "GroupId"))
    return draft.stack(policy=DENY_REPLACEMENT, role_arn=platform_outputs.stack_role_arn)


def _content(draft: Draft, settings: EnvironmentSettings, snapshot: str | None, key: Ref) -> dict[str, Any]:
    """Say what the instance is made of: a snapshot, or nothing."""
    database = settings.database
    storage = draft.parameter(
        STORAGE_PARAMETER, "GB, at least the snapshot's", str(database.storage), "Number", MinValue=20
    )
    if snapshot is not None:
        # An update passes the previous value: without it, or with another, the instance would be replaced.
        source = draft.parameter(SNAPSHOT_PARAMETER, "The release's snapshot; never changed later", snapshot)
        return {"DBSnapshotIdentifier": source, "AllocatedStorage": storage}
    return {
        "Engine": database.engine,
        "EngineVersion": database.version,
        "MasterUsername": MASTER_USERNAME,
        "DBName": database.name,
        "StorageEncrypted": True,
        "KmsKeyId": key,
        "AllocatedStorage": storage,
    }


def _placement(
    draft: Draft,
    settings: EnvironmentSettings,
    platform_outputs: PlatformOutputs,
    namespace_outputs: NamespaceOutputs,
    group: ec2.SecurityGroup,
) -> dict[str, Any]:
    """Say where and on what it runs, all of it: what a restore is not told, it takes from defaults."""
    parameters = namespace_outputs.parameter_group_name or platform_outputs.parameter_group(settings.engine_family)
    return {
        "DBInstanceClass": settings.database.instance_class,
        "StorageType": "gp3",
        "MultiAZ": settings.database.multi_az,
        "PubliclyAccessible": False,
        "DBSubnetGroupName": draft.parameter(
            "SubnetGroupName", "The platform's private subnets", platform_outputs.db_subnet_group_name
        ),
        "DBParameterGroupName": draft.parameter("ParameterGroupName", "Of the snapshot's engine family", parameters),
        "VPCSecurityGroups": [GetAtt(group, "GroupId")],
    }


def _add_security_group(draft: Draft, settings: EnvironmentSettings, vpc: Ref, jobs: Ref) -> ec2.SecurityGroup:
    group = draft.add(
        ec2.SecurityGroup(
            "SecurityGroup",
            GroupDescription=f"{draft.name}: reached by one-off tasks and the orchestrator, later by the service",
            VpcId=vpc,
        )
    )
    sources = {"Jobs": {"SourceSecurityGroupId": jobs}, "Orchestrator": orchestrator_source(settings.platform)}
    for name, source in sources.items():
        draft.add(
            ec2.SecurityGroupIngress(
                f"{name}Ingress",
                GroupId=GetAtt(group, "GroupId"),
                Description=name,
                IpProtocol="tcp",
                FromPort=PORT,
                ToPort=PORT,
                **source,
            )
        )
    return group


def _add_application_secret(
    draft: Draft, settings: EnvironmentSettings, release: naming.Release | None, run: str, key: Ref
) -> secretsmanager.Secret:
    namespace = settings.namespace
    return draft.add(
        secretsmanager.Secret(
            "ApplicationSecret",
            # A run may make a database twice (a restore failed, an adapt was interrupted), and Secrets Manager keeps
            # the first one's name taken: the stack's own id tells the two apart.
            Name=Sub(f"{namespace.application_secret(release, run)}/${{Incarnation}}", Incarnation=INCARNATION),
            Description=f"The application's credentials for {draft.name}, and no other database",
            KmsKeyId=key,
            GenerateSecretString=secretsmanager.GenerateSecretString(
                SecretStringTemplate=json.dumps({"username": namespace.database_user(run)}),
                GenerateStringKey="password",
                PasswordLength=40,
                ExcludePunctuation=True,  # shells, connection strings and SQL take it as it is
            ),
        )
    )
