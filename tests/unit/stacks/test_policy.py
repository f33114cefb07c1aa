"""The orchestrator's own policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.stacks.policy import accounts, adoption_policy, orchestrator_policies
from tests.unit.stacks.examples import ACCOUNT, KEY, PLATFORMS
from tests.unit.stacks.reading import allows, listed, matches

POLICIES = orchestrator_policies(PLATFORMS, ACCOUNT)
STATEMENTS: list[dict[str, Any]] = [each for policy in POLICIES.values() for each in policy["Statement"]]
HERE = f"eu-central-1:{ACCOUNT}"
QA = naming.Namespace.parse("xy-0146-qa")
RELEASE = naming.Release("20261123t020000z")
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:"


def named(sid: str) -> dict[str, Any]:
    (found,) = [each for each in STATEMENTS if each["Sid"] == sid]
    return found


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("cloudformation:CreateStack", f"arn:aws:cloudformation:{HERE}:stack/{QA.stack}/uuid"),
        ("cloudformation:DeleteStack", f"arn:aws:cloudformation:{HERE}:stack/{QA.database(RELEASE)}/uuid"),
        ("cloudformation:ExecuteChangeSet", f"arn:aws:cloudformation:{HERE}:stack/{QA.service_stack}/uuid"),
        ("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{HERE}:stack/platform-new/uuid"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/snaplift/platform-new/platform-new-StackRole-A1"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role{QA.role_path}{QA.role('execution')}"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role{QA.role_path}{QA.role('task')}"),
        ("rds:CreateDBSnapshot", f"arn:aws:rds:{HERE}:db:{QA.database(None)}"),
        ("rds:CreateDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:{QA.snapshot(RELEASE)}"),
        ("rds:CreateDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:{QA.final_snapshot(RELEASE, '0a1b2c3d')}"),
        ("rds:AddTagsToResource", f"arn:aws:rds:{HERE}:db:{QA.database(RELEASE)}"),
        ("rds:DeleteDBInstance", f"arn:aws:rds:{HERE}:db:{QA.database(RELEASE)}"),
        ("rds:ModifyDBInstance", f"arn:aws:rds:{HERE}:db:{QA.database(RELEASE)}"),
        ("ecs:RunTask", f"arn:aws:ecs:{HERE}:task-definition/{QA.family}:37"),
        ("ecs:UpdateService", f"arn:aws:ecs:{HERE}:service/platform-new/{QA.service}"),
        ("ecs:StopServiceDeployment", f"arn:aws:ecs:{HERE}:service-deployment/shared/{QA.service}/abc"),
        ("rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:{QA.snapshot(RELEASE)}"),
        ("rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:{QA.final_snapshot(RELEASE, '0a1b2c3d')}"),
        ("ecs:DeregisterTaskDefinition", "*"),
        ("secretsmanager:DeleteSecret", f"{SECRET}{QA.application_secret(RELEASE, '0a1b2c3d')}/uuid-AbCdEf"),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:{QA.log_group}"),
        ("secretsmanager:GetSecretValue", f"{SECRET}{QA.application_secret(RELEASE, '0a1b2c3d')}/uuid-AbCdEf"),
        ("secretsmanager:GetSecretValue", f"{SECRET}{QA.application_secret(None, '0a1b2c3d')}/uuid-AbCdEf"),
        ("secretsmanager:GetSecretValue", f"{SECRET}rds!db-11111111-2222-AbCdEf"),
        ("secretsmanager:DescribeSecret", f"{SECRET}{QA.environment_secrets}uuid/AUTH_KEY-AbCdEf"),
        ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role{QA.role_path}{QA.role('task')}"),
        ("logs:DescribeLogGroups", f"arn:aws:logs:{HERE}:log-group:*"),
        ("rds:DescribeAccountAttributes", "*"),
        ("cloudformation:DescribeStacks", "*"),
        ("secretsmanager:ListSecrets", "*"),
        ("ecs:ListServices", "*"),
        ("ssm:GetParametersByPath", f"arn:aws:ssm:{HERE}:parameter{naming.PARAMETERS}"),
        ("ssm:ListTagsForResource", f"arn:aws:ssm:{HERE}:parameter{QA.pointer}"),
        ("logs:ListTagsForResource", f"arn:aws:logs:{HERE}:log-group:{QA.log_group}"),
        ("cloudformation:DescribeAccountLimits", "*"),
        ("ssm:PutParameter", f"arn:aws:ssm:{HERE}:parameter{QA.pointer}"),
        ("ssm:DeleteParameter", f"arn:aws:ssm:{HERE}:parameter{QA.pointer}"),
        ("ssm:AddTagsToResource", f"arn:aws:ssm:{HERE}:parameter{QA.pointer}"),
        ("tag:GetResources", "*"),
        ("dynamodb:PutItem", f"arn:aws:dynamodb:{HERE}:table/{naming.lock_table('platform-plain')}"),
        ("dynamodb:DeleteItem", f"arn:aws:dynamodb:{HERE}:table/{naming.lock_table('platform-plain')}"),
        ("dynamodb:UpdateItem", f"arn:aws:dynamodb:{HERE}:table/{naming.lock_table('platform-plain')}"),
        ("dynamodb:Scan", f"arn:aws:dynamodb:{HERE}:table/{naming.lock_table('platform-plain')}"),
        ("logs:GetLogEvents", f"arn:aws:logs:{HERE}:log-group:{QA.log_group}:log-stream:web/web/1"),
        ("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:210987654321:repository/helper"),
        ("kms:Decrypt", KEY),
        ("ec2:AuthorizeSecurityGroupIngress", f"arn:aws:ec2:{HERE}:security-group/sg-1"),
    ],
)
def test_a_promotion_is_allowed_what_it_does(action: str, resource: str) -> None:
    assert allows(STATEMENTS, action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("cloudformation:CreateStack", f"arn:aws:cloudformation:{HERE}:stack/crm/uuid"),
        ("cloudformation:DeleteStack", f"arn:aws:cloudformation:{HERE}:stack/platform-new/uuid"),
        ("cloudformation:UpdateStack", f"arn:aws:cloudformation:{HERE}:stack/platform-prod/uuid"),
        ("cloudformation:DeleteStack", f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/{QA.stack}/uuid"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/snaplift/platform-other/platform-other-StackRole-A1"),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/snaplift/xy-0146/qa/x"),
        ("rds:DeleteDBInstance", f"arn:aws:rds:{HERE}:db:crm"),
        ("rds:DeleteDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:crm-monthly"),
        ("rds:CreateDBInstance", f"arn:aws:rds:{HERE}:db:{QA.database(None)}"),
        ("ecs:UpdateService", f"arn:aws:ecs:{HERE}:service/other/{QA.service}"),
        ("ecs:ExecuteCommand", f"arn:aws:ecs:{HERE}:task/shared/1"),
        ("secretsmanager:GetSecretValue", f"{SECRET}{QA.environment_secrets}uuid/AUTH_KEY-AbCdEf"),
        ("secretsmanager:GetSecretValue", f"{SECRET}crm-AbCdEf"),
        ("secretsmanager:DescribeSecret", f"{SECRET}crm-AbCdEf"),
        ("secretsmanager:DeleteSecret", f"{SECRET}crm-AbCdEf"),
        ("secretsmanager:DeleteSecret", f"{SECRET}rds!db-11111111-2222-AbCdEf"),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:/crm"),
        ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("secretsmanager:PutSecretValue", f"{SECRET}{QA.application_secret(RELEASE, '0a1b2c3d')}/uuid-AbCdEf"),
        ("ssm:PutParameter", f"arn:aws:ssm:{HERE}:parameter/crm/x"),
        ("ssm:DeleteParameter", f"arn:aws:ssm:{HERE}:parameter{QA.parameter_prefix}other"),
        ("ssm:DeleteParameter", f"arn:aws:ssm:{HERE}:parameter/crm/x/pointer"),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{HERE}:table/platform-new-locks"),
        ("dynamodb:UpdateItem", f"arn:aws:dynamodb:{HERE}:table/crm"),
        ("kms:Decrypt", KEY.replace(ACCOUNT, "210987654321")),
        ("s3:GetObject", "arn:aws:s3:::anything/x"),
        ("ec2:RunInstances", f"arn:aws:ec2:{HERE}:instance/i-1"),
    ],
)
def test_what_no_promotion_does_is_not_allowed(action: str, resource: str) -> None:
    assert not allows(STATEMENTS, action, resource)


def test_s04_a_snapshot_that_is_not_tagged_ours_cannot_be_deleted_and_no_revision_for_good() -> None:
    """A snapshot is what a rollback restores; a revision that is deregistered can still be read."""
    [deleting] = [each for each in STATEMENTS if "rds:DeleteDBSnapshot" in listed(each["Action"])]
    assert deleting["Condition"] == {"StringEquals": {"aws:ResourceTag/snaplift:installation": "acme"}}
    assert not allows(STATEMENTS, "ecs:DeleteTaskDefinitions", "*")


def test_only_a_pointer_of_this_installation_can_be_removed() -> None:
    ours = {"StringEquals": {f"aws:ResourceTag/{naming.INSTALLATION_TAG}": PLATFORMS.installation}}
    assert named("RemoveOurPointers")["Condition"] == ours


def test_nothing_is_allowed_wholesale() -> None:
    for statement in STATEMENTS:
        assert statement["Effect"] == "Allow"
        assert all("*" not in action for action in listed(statement["Action"])), statement["Sid"]


def test_everything_is_the_resource_only_of_what_has_none_or_lists() -> None:
    everything = {statement["Sid"] for statement in STATEMENTS if "*" in listed(statement["Resource"])}
    assert everything == {"Listings", "RegisterOurRevisions", "ReapRevisions", "ListTasks"}
    assert all(action.split(":")[1].startswith(("Describe", "List", "Get")) for action in named("Listings")["Action"])


def test_changing_what_has_tags_asks_for_our_tag() -> None:
    ours = {"aws:ResourceTag/snaplift:installation": "acme"}
    for sid in (
        "ChangeOurStacksWithTheStackRole",
        "DeployOurServices",
        "OpenOurDatabasesToTheirService",
        "KeepAndDeleteOurDatabases",
        "ReapOurs",
    ):
        assert named(sid)["Condition"]["StringEquals"] == ours


def test_a_role_is_passed_to_its_service_only() -> None:
    assert named("GiveCloudFormationTheStackRole")["Condition"] == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }
    assert named("GiveTasksTheirRoles")["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }


def test_tasks_run_on_the_platforms_clusters_only() -> None:
    clusters = [f"arn:aws:ecs:{HERE}:cluster/{name}" for name in ("platform-new", "shared", "platform-plain")]
    assert named("RunOurRevisions")["Condition"] == {"ArnEquals": {"ecs:cluster": clusters}}


def test_keys_are_used_through_services_only() -> None:
    via = ["rds.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com"]
    assert named("DecryptThroughPlatformKeys")["Condition"] == {
        "StringEquals": {"kms:ViaService": via},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/snaplift/platform-new"]},
    }
    assert named("DecryptThroughNamedKeys")["Condition"] == {"StringEquals": {"kms:ViaService": via}}


def test_each_account_has_its_own_platforms_only() -> None:
    other = PLATFORMS.platforms["platform-new"].model_copy(update={"account": "210987654321", "region": "cn-north-1"})
    both = Platforms.model_construct(
        installation="acme", platforms={**PLATFORMS.platforms, "platform-other": other}, defaults={}
    )
    assert accounts(both) == (ACCOUNT, "210987654321")
    there = json.dumps(orchestrator_policies(both, "210987654321"))
    assert ACCOUNT not in there
    assert "arn:aws-cn:rds:cn-north-1:210987654321:" in there
    assert "platform-other" not in json.dumps(orchestrator_policies(both, ACCOUNT))


def test_an_account_without_platforms_is_refused() -> None:
    with pytest.raises(LookupError, match=ACCOUNT):
        orchestrator_policies(PLATFORMS, "000000000001")


@pytest.mark.parametrize("part", POLICIES)
def test_each_is_a_managed_policy(part: str) -> None:
    """6,144 characters, white space not counted."""
    assert len(json.dumps(POLICIES[part], separators=(",", ":"))) < 6_144


def test_sids_are_unique_letters_and_digits() -> None:
    sids = [statement["Sid"] for statement in STATEMENTS]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


@pytest.mark.parametrize("platform", ["platform-prod", "platform-a", "platform-abcdefghijklmno"])
def test_no_pattern_of_namespaces_takes_in_a_platform(platform: str) -> None:
    for pattern in (naming.ANY_NAMESPACE, *naming.ANY_DATABASE, *naming.ANY_SNAPSHOT):
        assert not matches(pattern, platform)
    for pattern in naming.ANY_TASK_ROLE:
        assert not matches(pattern, f"{naming.platform_role_path(platform)}{platform}-StackRole-A1B2C3D4E5F6")


def test_adoption_takes_nothing_of_another_installation_and_deletes_only_what_was_adopted() -> None:
    found = {each["Sid"]: each for each in adoption_policy(PLATFORMS, ACCOUNT)["Statement"]}
    ours = {f"aws:ResourceTag/{naming.INSTALLATION_TAG}": "acme"}
    assert found["ClaimDatabases"]["Condition"] == {"StringEqualsIfExists": ours}
    assert found["ClaimServices"]["Condition"]["StringEqualsIfExists"] == ours
    for each in found.values():
        if any(action.endswith(("DeleteDBInstance", "DeleteService", "UpdateService")) for action in each["Action"]):
            marked = {f"aws:ResourceTag/{naming.ADOPTED_TAG}": "false"}
            assert each["Condition"] == {"StringEquals": ours, "Null": marked}
        if "secretsmanager:GetSecretValue" in each["Action"]:
            assert each["Condition"] == {"StringEquals": ours}
    assert len(json.dumps(adoption_policy(PLATFORMS, ACCOUNT), separators=(",", ":"))) < 6_144
