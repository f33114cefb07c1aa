"""The namespace stack."""

from __future__ import annotations

import json

import pytest

from snaplift.stacks.namespace import namespace_stack
from snaplift.stacks.outputs import MissingOutput, NamespaceOutputs
from snaplift.stacks.settings import UnknownEnvironment
from tests.unit.stacks.examples import PLATFORM_OUTPUTS, PLATFORMS, TENANT, namespace, properties, resources, tenant
from tests.unit.stacks.reading import allows, resolved, statements

QA, PROD = namespace("qa"), namespace("prod")
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:snaplift/"
LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:/snaplift/"
IMAGES = "arn:aws:ecr:eu-central-1:123456789012:repository/"


def test_the_service_is_reached_by_the_load_balancer_only() -> None:
    (rule,) = resolved(QA, properties(QA, "ServiceSecurityGroup")["SecurityGroupIngress"])
    assert rule["SourceSecurityGroupId"] == "sg-0123456789abcdef1"
    assert (rule["FromPort"], rule["ToPort"]) == (8080, 8080)


def test_one_off_tasks_are_reached_by_the_orchestrator_only() -> None:
    (by_group,) = properties(QA, "JobSecurityGroup")["SecurityGroupIngress"]
    (by_range,) = properties(PROD, "JobSecurityGroup")["SecurityGroupIngress"]
    assert by_group["SourceSecurityGroupId"] == "sg-0123456789abcdef0"
    assert "CidrIp" not in by_group
    assert by_range["CidrIp"] == "10.99.0.0/16"


def test_the_target_group_checks_as_the_tenant_says() -> None:
    group = properties(QA, "TargetGroup")
    assert group["TargetType"] == "ip"
    assert group["HealthCheckPath"] == "/healthz"
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]) == (15, 4)
    assert group["TargetGroupAttributes"] == [{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]
    assert "Name" not in group


def test_no_setting_of_the_tenant_can_replace_the_target_group() -> None:
    service = TENANT.service.model_dump(by_alias=True)
    service["containers"]["web"]["port"] = 9090
    service["health_check"] = {"path": "/other"}
    changed = properties(namespace(of=tenant(service=service)), "TargetGroup")
    create_only = ("Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId", "IpAddressType")
    kept = properties(QA, "TargetGroup")
    assert {key: changed.get(key) for key in create_only} == {key: kept.get(key) for key in create_only}
    assert changed["HealthCheckPath"] == "/other"


def test_the_host_rule_takes_its_priority_from_a_parameter() -> None:
    rule = properties(QA, "HostRule")
    assert rule["Priority"] == {"Ref": "Priority"}
    assert QA.parameters["Priority"] == "17"
    assert rule["Conditions"][0]["HostHeaderConfig"]["Values"] == ["xy-0146-qa.example.com"]


def test_logs_are_kept_as_the_environment_says() -> None:
    assert properties(QA, "LogGroup") | {"Tags": None} == {
        "LogGroupName": "/snaplift/xy-0146/qa",
        "RetentionInDays": 30,
        "Tags": None,
    }
    assert properties(PROD, "LogGroup")["RetentionInDays"] == 365


def test_each_generated_variable_has_one_secret_whichever_containers_name_it() -> None:
    secrets = resources(QA, "AWS::SecretsManager::Secret")
    names = [resolved(QA, found["Properties"]["Name"]) for found in secrets.values()]
    own = "0a0a0a0a-1111-2222-3333-444444444444"
    assert sorted(names) == [f"snaplift/xy-0146/qa/environment/{own}/{name}" for name in ("AUTH_KEY", "auth_key")]
    outputs = {name: resolved(QA, output["Value"]) for name, output in QA.template["Outputs"].items()}
    read = NamespaceOutputs.read("xy-0146-qa", outputs)
    assert read.secret_for("AUTH_KEY") != read.secret_for("auth_key")
    assert {read.secret_for("AUTH_KEY"), read.secret_for("auth_key")} == {f"<{title}.Id>" for title in secrets}


def test_adding_a_variable_leaves_the_others_secrets_alone() -> None:
    service = TENANT.service.model_dump(by_alias=True)
    service["containers"]["web"]["secrets"] = ["NEW", *service["containers"]["web"]["secrets"]]
    after = resources(namespace(of=tenant(service=service)), "AWS::SecretsManager::Secret")
    before = resources(QA, "AWS::SecretsManager::Secret")
    assert before.items() < after.items()


def test_generated_values_are_in_no_template() -> None:
    for secret in resources(QA, "AWS::SecretsManager::Secret").values():
        assert "SecretString" not in secret["Properties"]


def test_a_tenant_without_secrets_or_parameters_has_none() -> None:
    service = TENANT.service.model_dump(by_alias=True)
    for container in service["containers"].values():
        container["secrets"] = []
    plain = namespace(of=tenant(service=service, database={"name": "site"}))
    assert not resources(plain, "AWS::SecretsManager::Secret")
    assert not resources(plain, "AWS::RDS::DBParameterGroup")
    assert not {"EnvironmentSecrets", "ParameterGroupName"} & set(plain.template["Outputs"])


def test_parameters_of_the_environment_go_over_the_tenants() -> None:
    assert properties(QA, "ParameterGroup")["Parameters"] == {
        "event_scheduler": "OFF",
        "sql_mode": "STRICT_ALL_TABLES",
    }
    assert properties(PROD, "ParameterGroup")["Parameters"] == {
        "event_scheduler": "OFF",
        "max_allowed_packet": "67108864",
        "sql_mode": "STRICT_ALL_TABLES",
    }
    assert properties(QA, "ParameterGroup")["Family"] == "mariadb10.11"


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("secretsmanager:GetSecretValue", SECRET + "xy-0146/prod/20261123t020000z/0a1b2c3d/uuid-AbCdEf", True),
        ("secretsmanager:GetSecretValue", SECRET + "xy-0146/prod2/20261123t020000z/0a1b2c3d/uuid-AbCdEf", False),
        ("secretsmanager:GetSecretValue", SECRET + "xy-0146/qa/20261123t020000z/0a1b2c3d/uuid-AbCdEf", False),
        ("secretsmanager:GetSecretValue", SECRET + "axy-0146/prod/x-AbCdEf", False),
        ("secretsmanager:PutSecretValue", SECRET + "xy-0146/prod/environment/uuid/A-AbCdEf", False),
        ("logs:PutLogEvents", LOGS + "xy-0146/prod:log-stream:web/web/1", True),
        ("logs:PutLogEvents", LOGS + "xy-0146/prod2:log-stream:web/web/1", False),
        ("logs:CreateLogGroup", LOGS + "xy-0146/prod", False),
        ("ecr:BatchGetImage", IMAGES + "team/site", True),
        ("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:210987654321:repository/helper", True),
        ("ecr:BatchGetImage", IMAGES + "team/site2", False),
        ("ecr:PutImage", IMAGES + "team/site", False),
    ],
)
def test_s13_the_execution_role_has_its_own_namespaces_and_no_others(action: str, resource: str, allowed: bool) -> None:
    assert allows(statements(PROD, "ExecutionRole"), action, resource) is allowed


def test_the_execution_role_decrypts_its_own_secrets_through_secrets_manager_only() -> None:
    (decrypt,) = [found for found in statements(PROD, "ExecutionRole") if found["Action"] == ["kms:Decrypt"]]
    assert decrypt["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:SecretARN": SECRET + "xy-0146/prod/*"},
    }


def test_the_tenants_code_has_no_permission_at_all() -> None:
    assert {found["Effect"] for found in statements(PROD, "TaskRole")} == {"Deny"}


@pytest.mark.parametrize("title", ["ExecutionRole", "TaskRole"])
def test_roles_are_bounded_by_the_platform_and_trusted_by_this_accounts_tasks_only(title: str) -> None:
    role = resolved(PROD, properties(PROD, title))
    boundary = "arn:aws:iam::123456789012:policy/snaplift/platform-existing/platform-existing-boundary"
    assert role["PermissionsBoundary"] == boundary
    assert role["Path"] == "/snaplift/xy-0146/prod/"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_the_longest_names_are_within_their_limits() -> None:
    long = tenant(
        "abcdefghij-0000",
        environments={"abcdefghijk": {"platform": "platform-new"}},
        service={
            "containers": {
                "web": {
                    "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/site",
                    "port": 80,
                    "secrets": ["A" * 128],
                }
            }
        },
    )
    stack = namespace("abcdefghijk", long)
    assert all(len(found["Properties"]["RoleName"]) <= 64 for found in resources(stack, "AWS::IAM::Role").values())
    assert all(len(title) <= 255 for title in stack.template["Resources"])
    for secret in resources(stack, "AWS::SecretsManager::Secret").values():
        assert len(resolved(stack, secret["Properties"]["Name"])) <= 512
    assert len(resolved(stack, properties(stack, "HostRule"))["Conditions"][0]["HostHeaderConfig"]["Values"][0]) <= 128
    assert len(stack.name) <= 128


def test_an_environment_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownEnvironment, match=r"'uat'.*dev, qa, prod"):
        namespace("uat")


def test_a_load_balancer_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(MissingOutput, match=r"'other'.*web"):
        namespace_stack(PLATFORMS, TENANT, "qa", PLATFORM_OUTPUTS, load_balancer="other", priority=1)


def test_outputs_hold_json() -> None:
    assert json.loads(resolved(QA, QA.template["Outputs"]["EnvironmentSecrets"]["Value"])).keys() == {
        "AUTH_KEY",
        "auth_key",
    }
