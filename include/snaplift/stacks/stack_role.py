"""The role that CloudFormation uses on namespace, database and service stacks, and the boundary of the roles it makes.

Without a role a stack runs on a session of its caller, which may expire in the middle. The role can do what the
resources of those three stacks need and is limited, where AWS can, by name (roles, secrets, log groups, databases),
by tag (security groups, target groups) or by ARN (network, listeners, key, cluster). It makes roles, so it could make
itself powerful: hence every role it makes has to carry the platform's boundary, which it cannot change.
"""

from __future__ import annotations

from typing import Any, Final

from troposphere import Ref, Sub, iam

from snaplift import naming
from snaplift.stacks.draft import Draft
from snaplift.stacks.statements import Statement, allow, arn, document, tagged_ours, tagging_ours, trusted_by

# What describes or lists has no resource level in these services' authorization reference.
READ_ONLY: Final = [
    "ec2:Describe*",
    "ecs:Describe*",
    "ecs:List*",
    "elasticloadbalancing:Describe*",
    "kms:DescribeKey",
    "logs:Describe*",
    "rds:Describe*",
    "rds:ListTagsForResource",
    "secretsmanager:GetRandomPassword",
]


def add_stack_role(
    draft: Draft, installation: str, name: str, *, vpc: Any, cluster: Any, key: Any, listeners: list[Any]
) -> iam.Role:
    """Add the boundary and the role.

    :param listeners: the ARNs of the listeners that host rules are made on.
    """
    boundary = _add_boundary(draft, name, key)
    return draft.add(
        iam.Role(
            "StackRole",
            Path=naming.platform_role_path(name),
            AssumeRolePolicyDocument=trusted_by(
                "cloudformation.amazonaws.com", StringEquals={"aws:SourceAccount": Sub("${AWS::AccountId}")}
            ),
            Policies=[
                iam.Policy(
                    PolicyName="namespaces",
                    PolicyDocument=document(
                        allow("Read", READ_ONLY, "*"),
                        *_network(installation, vpc),
                        *_load_balancing(installation, listeners),
                        *_roles(Ref(boundary)),
                        *_logs_and_secrets(),
                    ),
                ),
                iam.Policy(
                    PolicyName="databases-and-services",
                    PolicyDocument=document(
                        *_databases(installation),
                        *_encryption(key),
                        *_services(cluster),
                    ),
                ),
            ],
        )
    )


def _add_boundary(draft: Draft, name: str, key: Any) -> iam.ManagedPolicy:
    """Add the most that any namespace's role can be given; it has a name, so that a namespace's stack knows it."""
    return draft.add(
        iam.ManagedPolicy(
            "RoleBoundary",
            ManagedPolicyName=naming.role_boundary(name),
            Path=naming.platform_role_path(name),
            PolicyDocument=document(
                allow("LogInToEcr", ["ecr:GetAuthorizationToken"], "*"),  # ECR has no resource for it
                allow(
                    "PullImages",
                    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    # A repository may be in another account and region.
                    arn("ecr", "repository/*", region="*", account="*"),
                ),
                allow(
                    "WriteLogs",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    arn("logs", f"log-group:{naming.ANY_LOG_GROUP}"),
                ),
                allow(
                    "ReadSecrets",
                    ["secretsmanager:GetSecretValue"],
                    arn("secretsmanager", f"secret:{naming.ANY_SECRET}"),
                ),
                allow("DecryptSecrets", ["kms:Decrypt"], key),
            ),
        )
    )


def _network(installation: str, vpc: Any) -> list[Statement]:
    groups = arn("ec2", "security-group/*")
    return [
        allow(
            "MakeSecurityGroups",
            ["ec2:CreateSecurityGroup"],
            [groups, arn("ec2", "vpc/${Vpc}", Vpc=vpc)],
        ),
        allow("TagSecurityGroups", ["ec2:CreateTags"], groups, StringEquals=tagging_ours(installation)),
        allow(
            "ChangeOurSecurityGroups",
            [
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:DeleteSecurityGroup",
                "ec2:DeleteTags",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            ],
            groups,
            StringEquals=tagged_ours(installation),
        ),
    ]


def _load_balancing(installation: str, listeners: list[Any]) -> list[Statement]:
    return [
        allow(
            "MakeTargetGroups",
            ["elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:AddTags"],
            arn("elasticloadbalancing", "targetgroup/*"),
            StringEquals=tagging_ours(installation),
        ),
        allow("MakeRules", ["elasticloadbalancing:CreateRule"], listeners),
        allow(
            "TagRules",
            ["elasticloadbalancing:AddTags"],
            arn("elasticloadbalancing", "listener-rule/*"),
            StringEquals=tagging_ours(installation),
        ),
        allow(
            "ChangeOurTargetGroupsAndRules",
            [
                "elasticloadbalancing:DeleteRule",
                "elasticloadbalancing:DeleteTargetGroup",
                "elasticloadbalancing:ModifyRule",
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:SetRulePriorities",
            ],
            [arn("elasticloadbalancing", "targetgroup/*"), arn("elasticloadbalancing", "listener-rule/*")],
            StringEquals=tagged_ours(installation),
        ),
    ]


def _roles(boundary: Ref) -> list[Statement]:
    roles = arn("iam", f"role{naming.ANY_ROLE}", region="")
    return [
        allow(
            "MakeBoundedRoles",
            ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"],
            roles,
            StringEquals={"iam:PermissionsBoundary": boundary},
        ),
        allow(
            "ChangeRoles",
            [
                "iam:DeleteRole",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ],
            roles,
        ),
    ]


def _logs_and_secrets() -> list[Statement]:
    return [
        allow(
            "LogGroups",
            [
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:GetDataProtectionPolicy",
                "logs:ListTagsForResource",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            arn("logs", f"log-group:{naming.ANY_LOG_GROUP}"),
        ),
        allow(
            "Secrets",
            [
                "secretsmanager:CreateSecret",
                "secretsmanager:DeleteSecret",
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:TagResource",
                "secretsmanager:UntagResource",
                "secretsmanager:UpdateSecret",
            ],
            arn("secretsmanager", f"secret:{naming.ANY_SECRET}"),
        ),
        allow(
            "MasterSecrets",
            ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
            arn("secretsmanager", "secret:rds!*"),
        ),
    ]


def _databases(installation: str) -> list[Statement]:
    databases = [arn("rds", f"db:{name}") for name in naming.ANY_DATABASE]
    snapshots = [arn("rds", f"snapshot:{name}") for name in naming.ANY_SNAPSHOT]
    groups = arn("rds", "pg:*")
    return [
        allow(
            "MakeDatabases",
            ["rds:AddTagsToResource", "rds:CreateDBInstance", "rds:RestoreDBInstanceFromDBSnapshot"],
            [*databases, *snapshots, groups, arn("rds", "og:*"), arn("rds", "subgrp:*")],
            StringEqualsIfExists=tagging_ours(installation),
        ),
        # A first database may be made of what somebody else took, if its owner tagged it for us.
        allow(
            "ImportSnapshots",
            ["rds:RestoreDBInstanceFromDBSnapshot"],
            [arn("rds", "snapshot:*")],
            StringEquals=tagged_ours(installation),
        ),
        allow(
            "ChangeOurDatabases",
            ["rds:DeleteDBInstance", "rds:ModifyDBInstance", "rds:RebootDBInstance", "rds:RemoveTagsFromResource"],
            [*databases, groups],
            StringEquals=tagged_ours(installation),
        ),
        allow(
            "MakeParameterGroups",
            ["rds:CreateDBParameterGroup"],
            groups,
            StringEquals=tagging_ours(installation),
        ),
        allow(
            "ChangeOurParameterGroups",
            ["rds:DeleteDBParameterGroup", "rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup"],
            groups,
            StringEquals=tagged_ours(installation),
        ),
    ]


def _encryption(key: Any) -> list[Statement]:
    return [
        allow(
            "UseTheKeyThroughServices",
            [
                "kms:Decrypt",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncrypt*",
            ],
            key,
            StringEquals={
                "kms:ViaService": [
                    Sub(f"{service}.${{AWS::Region}}.amazonaws.com") for service in ("rds", "secretsmanager")
                ]
            },
        ),
        allow("LetRdsUseTheKey", ["kms:CreateGrant"], key, Bool={"kms:GrantIsForAWSResource": "true"}),
    ]


def _services(cluster: Any) -> list[Statement]:
    services = arn("ecs", f"service/${{Cluster}}/{naming.ANY_NAMESPACE}", Cluster=cluster)
    deployments = arn("ecs", f"service-deployment/${{Cluster}}/{naming.ANY_NAMESPACE}/*", Cluster=cluster)
    return [
        allow(
            "Services",
            ["ecs:CreateService", "ecs:DeleteService", "ecs:TagResource", "ecs:UntagResource", "ecs:UpdateService"],
            services,
        ),
        # An update of a service that is cancelled stops its deployment.
        allow("StopDeployments", ["ecs:StopServiceDeployment"], deployments),
        allow(
            "MakeTheServicesOwnRoles",
            ["iam:CreateServiceLinkedRole"],
            arn("iam", "role/aws-service-role/*", region=""),
            StringEquals={"iam:AWSServiceName": ["ecs.amazonaws.com", "rds.amazonaws.com"]},
        ),
    ]
