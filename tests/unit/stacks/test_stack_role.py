"""The role that CloudFormation uses on every other stack."""

from __future__ import annotations

import json

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from snaplift import naming
from snaplift.stacks.stack import Stack
from tests.unit.stacks.examples import KEY, LISTENER, REGION, STACKS, properties
from tests.unit.stacks.reading import allows, listed, matches, resolved, statements

NEW, EXISTING = STACKS["platform-new"], STACKS["platform-existing"]
ROLE = "arn:aws:iam::123456789012:role"

# What CloudFormation's handlers could ask for and our templates never make them ask, with the reason.
NOT_NEEDED = {
    "cognito-idp:DescribeUserPoolClient": "no rule asks visitors to log in",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress": "no template says outgoing rules",
    "elasticloadbalancing:DeregisterTargets": "ECS registers targets",
    "elasticloadbalancing:RegisterTargets": "ECS registers targets",
    "firehose:TagDeliveryStream": "logs are delivered nowhere",
    "iam:AttachRolePolicy": "roles have inline policies only",
    "iam:DeleteRolePermissionsBoundary": "a role without its boundary could do anything",
    "iam:DetachRolePolicy": "roles have inline policies only",
    "iam:ListRoles": "only to list what is in no stack",
    "iam:PassRole": "services and databases here take no role",
    "logs:AssociateKmsKey": "log groups are under the service's own key",
    "logs:CreateLogDelivery": "logs are delivered nowhere",
    "logs:DeleteDataProtectionPolicy": "not in our templates",
    "logs:DeleteIndexPolicy": "not in our templates",
    "logs:DeleteResourcePolicy": "not in our templates",
    "logs:DisassociateKmsKey": "log groups are under the service's own key",
    "logs:PutBearerTokenAuthentication": "not in our templates",
    "logs:PutDataProtectionPolicy": "not in our templates",
    "logs:PutIndexPolicy": "not in our templates",
    "logs:PutLogGroupDeletionProtection": "not in our templates",
    "logs:PutResourcePolicy": "not in our templates",
    "rds:AddRoleToDBInstance": "databases have no role",
    "rds:CreateDBInstanceReadReplica": "databases have no replicas",
    "rds:CreateDBSnapshot": "who deletes a database takes its last snapshot",
    "rds:PromoteReadReplica": "databases have no replicas",
    "rds:RemoveRoleFromDBInstance": "databases have no role",
    "rds:RestoreDBInstanceToPointInTime": "databases come from snapshots",
    "rds:StartDBInstanceAutomatedBackupsReplication": "backups stay in their region",
    "rds:StopDBInstanceAutomatedBackupsReplication": "backups stay in their region",
    "s3:REST.PUT.OBJECT": "logs are delivered nowhere",
    "secretsmanager:ListSecrets": "only to list what is in no stack",
    "secretsmanager:RemoveRegionsFromReplication": "secrets stay in their region",
    "secretsmanager:ReplicateSecretToRegions": "secrets stay in their region",
}


def _wanted_by_handlers() -> set[str]:
    """Every permission that CloudFormation's handlers of the types in the three stacks name."""
    stacks = ("namespace", "empty-database", "restored-database", "service")
    types = {resource["Type"] for name in stacks for resource in STACKS[name].template["Resources"].values()}
    return {
        permission
        for each in types
        for handler in PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, each).schema.get("handlers", {}).values()
        for permission in handler.get("permissions", [])
    }


def test_the_role_may_do_what_the_handlers_of_our_types_need_and_the_rest_is_refused_with_a_reason() -> None:
    given = {action.lower() for found in statements(NEW, "StackRole") for action in listed(found["Action"])}
    lacking = {
        wanted for wanted in _wanted_by_handlers() if not any(matches(action, wanted.lower()) for action in given)
    }
    assert lacking == set(NOT_NEEDED)


def test_only_readings_are_for_everything() -> None:
    everything = [found for found in statements(NEW, "StackRole") if "*" in listed(found["Resource"])]
    actions = [action.split(":")[1] for found in everything for action in listed(found["Action"])]
    assert actions
    assert all(action.startswith(("Describe", "List", "GetRandomPassword")) for action in actions)


def test_every_role_it_makes_has_to_carry_the_boundary_and_keeps_it() -> None:
    found = statements(NEW, "StackRole")
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"):
        granting = [each for each in found if action in listed(each["Action"])]
        assert [each["Condition"] for each in granting] == [
            {"StringEquals": {"iam:PermissionsBoundary": "<RoleBoundary>"}}
        ]
    for action in (
        "iam:AttachRolePolicy",
        "iam:DeleteRolePermissionsBoundary",
        "iam:CreatePolicyVersion",
        "iam:PassRole",
    ):
        assert not allows(found, action, f"{ROLE}/snaplift/xy-0146/qa/xy-0146-qa-task")


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("iam:CreateRole", f"{ROLE}/snaplift/xy-0146/qa/xy-0146-qa-task", True),
        ("iam:CreateRole", f"{ROLE}/admin", False),
        ("iam:CreateServiceLinkedRole", f"{ROLE}/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", True),
        ("elasticloadbalancing:CreateRule", LISTENER, True),
        ("elasticloadbalancing:CreateRule", LISTENER.replace("app/shared", "app/other"), False),
        ("ec2:CreateSecurityGroup", "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-0123456789abcdef0", True),
        ("ec2:CreateSecurityGroup", "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1111111111abcdef0", False),
        ("logs:CreateLogGroup", "arn:aws:logs:eu-central-1:123456789012:log-group:/snaplift/xy-0146/qa", True),
        ("logs:CreateLogGroup", "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/x", False),
        ("secretsmanager:CreateSecret", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:snaplift/a/b/c", True),
        ("secretsmanager:CreateSecret", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1", True),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1", False),
        ("secretsmanager:CreateSecret", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other", False),
        ("rds:CreateDBInstance", "arn:aws:rds:eu-central-1:123456789012:db:xy-0146-dev-db", True),
        ("rds:DeleteDBInstance", "arn:aws:rds:eu-central-1:123456789012:db:xy-0146-qa-db-20261123t020000z", True),
        ("rds:DeleteDBInstance", "arn:aws:rds:eu-central-1:123456789012:db:crm", False),
        (
            "rds:RestoreDBInstanceFromDBSnapshot",
            "arn:aws:rds:eu-central-1:123456789012:snapshot:xy-0146-dev-snapshot-20261123t020000z",
            True,
        ),
        ("ecs:UpdateService", "arn:aws:ecs:eu-central-1:123456789012:service/shared/xy-0146-qa", True),
        ("ecs:UpdateService", "arn:aws:ecs:eu-central-1:123456789012:service/other/xy-0146-qa", False),
        ("kms:CreateGrant", KEY, True),
        ("kms:CreateGrant", KEY.replace("1111", "2222"), False),
        ("kms:ScheduleKeyDeletion", KEY, False),
        ("s3:GetObject", "arn:aws:s3:::platform-existing-logbucket/x", False),
    ],
)
def test_it_is_limited_to_our_names_and_the_platforms_things(action: str, resource: str, allowed: bool) -> None:
    assert allows(statements(EXISTING, "StackRole"), action, resource) is allowed


def test_a_snapshot_with_another_name_is_restored_only_if_its_owner_tagged_it_for_us() -> None:
    snapshot = "arn:aws:rds:eu-central-1:123456789012:snapshot:crm"
    allowing = [
        each
        for each in statements(EXISTING, "StackRole")
        if allows([each], "rds:RestoreDBInstanceFromDBSnapshot", snapshot)
    ]
    assert [each["Condition"] for each in allowing] == [
        {"StringEquals": {"aws:ResourceTag/snaplift:installation": "acme"}}
    ]


def test_what_has_no_name_of_ours_is_limited_by_tag() -> None:
    for action in ("ec2:DeleteSecurityGroup", "elasticloadbalancing:DeleteTargetGroup", "rds:DeleteDBParameterGroup"):
        (found,) = [each for each in statements(NEW, "StackRole") if action in listed(each["Action"])]
        assert found["Condition"] == {"StringEquals": {"aws:ResourceTag/snaplift:installation": "acme"}}


def test_a_namespaces_roles_stay_within_the_boundary() -> None:
    """A boundary that lacks what the execution role is given would take it away without a word."""
    boundary = resolved(NEW, properties(NEW, "RoleBoundary")["PolicyDocument"]["Statement"])
    for found in statements(STACKS["namespace"], "ExecutionRole"):
        for action in listed(found["Action"]):
            for resource in listed(found["Resource"]):
                wanted = "<Key.Arn>" if resource == KEY else resource
                assert allows(boundary, action, wanted), (action, resource)


def test_the_boundary_is_found_by_the_name_that_namespaces_give() -> None:
    boundary = properties(NEW, "RoleBoundary")
    assert boundary["ManagedPolicyName"] == naming.role_boundary("platform-new")
    assert boundary["Path"] == "/snaplift/platform-new/"
    assert "Description" not in boundary  # a change of it would replace the policy, whose name is taken


@pytest.mark.parametrize("stack", [NEW, EXISTING], ids=["new", "existing"])
def test_policies_are_within_iams_limits(stack: Stack) -> None:
    """10,240 characters for a role's inline policies, 6,144 for a managed one, white space not counted."""
    policies = properties(stack, "StackRole")["Policies"]
    assert sum(len(json.dumps(policy["PolicyDocument"], separators=(",", ":"))) for policy in policies) < 10_240
    boundary = properties(stack, "RoleBoundary")["PolicyDocument"]
    assert len(json.dumps(boundary, separators=(",", ":"))) < 6_144
