"""The platform stack: what namespaces share.

It is the only stack that CloudFormation does not make with the platform's stack role, since it makes that role: an
administrator's session creates it. What holds data (key, lock table, log bucket) outlives the stack, and the stack
itself cannot be deleted before its termination protection is taken off.
"""

from __future__ import annotations

import json
from typing import Any, Final

from troposphere import GetAtt, Ref, Retain, RetainExceptOnCreate, Sub, dynamodb, ecs, kms, rds, s3

from snaplift import naming
from snaplift.config.platform import Platform, Platforms
from snaplift.stacks.draft import Draft
from snaplift.stacks.load_balancer import add_load_balancer
from snaplift.stacks.network import Network, add_network, joined
from snaplift.stacks.parameters import OF_EVERY_DATABASE
from snaplift.stacks.stack import Stack
from snaplift.stacks.stack_role import add_stack_role

KEY_PARAMETER: Final = "KeyArn"
"""The parameter that takes another platform's key (its output ``KeyArn``), where the configuration names one."""

# A creation that fails leaves nothing behind, or the next one would meet names that are taken.
_KEPT: Final = {"DeletionPolicy": RetainExceptOnCreate, "UpdateReplacePolicy": Retain}
_LOGS_KEPT_DAYS: Final = 365


def platform_stack(platforms: Platforms, name: str) -> Stack:
    """Describe a platform's stack.

    Where the platform uses another platform's key, the parameter :data:`KEY_PARAMETER` has no value yet:
    ``stack.with_parameters(KeyArn=...)``.

    :raises KeyError: there is no such platform.
    """
    platform = platforms.platforms[name]
    draft = Draft(
        name,
        f"Platform {name} of snaplift installation {platforms.installation}: what its namespaces share",
        naming.platform_tags(platforms.installation, name),
    )
    network = add_network(draft, platform)
    key = _add_key(draft, name, platform)
    cluster = _add_cluster(draft, name, platform)
    balancers = {each.name: add_load_balancer(draft, platform, each, network) for each in platform.load_balancers}
    bucket = _add_log_bucket(draft)
    role = add_stack_role(
        draft,
        platforms.installation,
        name,
        vpc=network.vpc,
        cluster=cluster,
        key=key,
        listeners=[listener for listener, _ in balancers.values()],
    )
    subnet_group = _add_subnet_group(draft, name, network)
    parameter_groups = _add_parameter_groups(draft, platform)
    table = _add_lock_table(draft, name)

    draft.output("VpcId", "The network", network.vpc)
    draft.output("PublicSubnetIds", "Where load balancers are", joined(network.public_subnets))
    draft.output("PrivateSubnetIds", "Where tasks and databases are", joined(network.private_subnets))
    draft.output("ClusterName", "The ECS cluster of every service", cluster)
    draft.output("KeyArn", "The key of every database, snapshot and secret", key)
    draft.output("DbSubnetGroupName", "Where databases are", subnet_group)
    draft.output("LockTableName", "One item for each promotion under way", Ref(table))
    draft.output("LogBucketName", "For logs, kept a year", Ref(bucket))
    draft.output("StackRoleArn", "The role that CloudFormation uses on every other stack", GetAtt(role, "Arn"))
    draft.output(
        "LoadBalancers",
        "JSON: by name the listener and the security group",
        _json({each: {"listener": listener, "security_group": group} for each, (listener, group) in balancers.items()}),
    )
    draft.output("ParameterGroups", "JSON: by engine family the name", _json(parameter_groups))
    return draft.stack(capabilities=("CAPABILITY_NAMED_IAM",), termination_protection=True)


def _add_key(draft: Draft, name: str, platform: Platform) -> Any:
    """Add the key, or take the one that is named; a snapshot is restored under the key that it has."""
    if platform.key:
        existing = platform.key if platform.key.startswith("arn:") else None
        return draft.parameter(KEY_PARAMETER, "The KMS key of every database here, which stands already", existing)
    key = draft.add(
        kms.Key(
            "Key",
            Description=f"Databases, snapshots and secrets of {name}",
            EnableKeyRotation=True,
            PendingWindowInDays=30,
            KeyPolicy={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        # Without it nobody could ever change the key again. It gives nobody anything by itself:
                        # it lets the account's IAM policies decide, and ours name this key and the service in use.
                        "Sid": "TheAccountDecidesByItsPolicies",
                        "Effect": "Allow",
                        "Principal": {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
                        "Action": "kms:*",
                        "Resource": "*",
                    }
                ],
            },
            **_KEPT,
        )
    )
    draft.add(kms.Alias("KeyAlias", AliasName=naming.key_alias(name), TargetKeyId=Ref(key)))
    return GetAtt(key, "Arn")


def _add_cluster(draft: Draft, name: str, platform: Platform) -> Any:
    if platform.cluster:
        return platform.cluster
    return Ref(
        draft.add(
            ecs.Cluster(
                "Cluster",
                ClusterName=name,
                CapacityProviders=["FARGATE"],
                DefaultCapacityProviderStrategy=[
                    ecs.CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=1)
                ],
            )
        )
    )


def _add_subnet_group(draft: Draft, name: str, network: Network) -> Ref:
    return Ref(
        draft.add(
            rds.DBSubnetGroup(
                "DbSubnetGroup",
                DBSubnetGroupDescription=f"Databases of {name}",
                SubnetIds=network.private_subnets,
            )
        )
    )


def _add_parameter_groups(draft: Draft, platform: Platform) -> dict[str, Ref]:
    """Add a group of our own for each engine family.

    It sets next to nothing: a setting here meets data of every tenant, made under other settings. It exists since RDS's
    default group cannot be changed, and giving a database another group needs a restart.
    """
    return {
        family: Ref(
            draft.add(
                rds.DBParameterGroup(
                    # A dot is no letter, and 8.0 is not 80.
                    "ParameterGroup" + family.replace(".", "x").replace("-", "").capitalize(),
                    Family=family,
                    Description=f"Databases of family {family}",
                    Parameters={**OF_EVERY_DATABASE},
                )
            )
        )
        for family in platform.engines
    }


def _add_lock_table(draft: Draft, name: str) -> dynamodb.Table:
    """Add the table of locks, after all else: once it is there, it is protected, and a rollback could not delete it.

    It has no TTL: only code that knows what a lock guards may end one.
    """
    return draft.add(
        dynamodb.Table(
            "LockTable",
            TableName=naming.lock_table(name),
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[dynamodb.AttributeDefinition(AttributeName="namespace", AttributeType="S")],
            KeySchema=[dynamodb.KeySchema(AttributeName="namespace", KeyType="HASH")],
            PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
            DeletionProtectionEnabled=True,
            DependsOn=draft.titles,
            **_KEPT,
        )
    )


def _add_log_bucket(draft: Draft) -> s3.Bucket:
    """Add the bucket for logs, under S3's own key: load balancers write their access logs under no other."""
    bucket = draft.add(
        s3.Bucket(
            "LogBucket",
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                    )
                ]
            ),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            OwnershipControls=s3.OwnershipControls(
                Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            LifecycleConfiguration=s3.LifecycleConfiguration(
                Rules=[
                    s3.LifecycleRule(
                        Id="expire",
                        Status="Enabled",
                        ExpirationInDays=_LOGS_KEPT_DAYS,
                        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
                    )
                ]
            ),
            **_KEPT,
        )
    )
    draft.add(
        s3.BucketPolicy(
            "LogBucketPolicy",
            Bucket=Ref(bucket),
            PolicyDocument={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "OnlyOverTls",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [GetAtt(bucket, "Arn"), Sub("${LogBucket.Arn}/*")],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
        )
    )
    return bucket


def _json(value: dict[str, Any]) -> Any:
    """Write JSON in which references are put in when the stack is made."""
    references: dict[str, Any] = {}

    def placed(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: placed(each) for key, each in found.items()}
        if isinstance(found, str):
            return found
        place = f"Value{len(references)}"
        references[place] = found
        return f"${{{place}}}"

    text = json.dumps(placed(value))
    return Sub(text, **references) if references else text
