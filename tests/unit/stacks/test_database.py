"""The database stack, in its two shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snaplift.stacks.database import database_stack
from snaplift.stacks.outputs import MissingOutput
from snaplift.stacks.stack import DENY_REPLACEMENT, Stack
from tests.unit.stacks.examples import (
    KEY,
    NAMESPACE_OUTPUTS,
    PLATFORM_OUTPUTS,
    PLATFORMS,
    RELEASE,
    RUN,
    SNAPSHOT,
    TENANT,
    empty_database,
    properties,
    resources,
    restored_database,
    tenant,
)
from tests.unit.stacks.reading import resolved

EMPTY, RESTORED = empty_database(), restored_database()
BOTH = pytest.mark.parametrize("stack", [EMPTY, RESTORED], ids=["empty", "restored"])


def instance(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = resolved(stack, properties(stack, "Instance"))
    return found


def test_what_comes_with_a_snapshot_is_not_said_beside_it() -> None:
    beside = instance(RESTORED)
    assert beside["DBSnapshotIdentifier"] == SNAPSHOT
    forbidden = {
        "Engine",
        "EngineVersion",
        "MasterUsername",
        "MasterUserPassword",
        "DBName",
        "KmsKeyId",
        "StorageEncrypted",
    }
    assert not forbidden & set(beside)


def test_s24_what_is_to_be_masked_is_born_marked_and_without_backups() -> None:
    given = {"release": RELEASE, "snapshot": SNAPSHOT, "run": RUN}
    stack = database_stack(PLATFORMS, TENANT, "qa", PLATFORM_OUTPUTS, NAMESPACE_OUTPUTS, **given, to_mask=True)  # type: ignore[arg-type]
    assert {"Key": "snaplift:mask", "Value": "due"} in instance(stack)["Tags"]
    assert stack.tags["snaplift:mask"] == "due"
    assert instance(stack)["BackupRetentionPeriod"] == 0
    assert instance(RESTORED)["BackupRetentionPeriod"] == 7
    assert "snaplift:mask" not in RESTORED.tags


def test_from_nothing_all_of_it_is_said() -> None:
    made = instance(EMPTY)
    assert (made["Engine"], made["EngineVersion"], made["DBName"]) == ("mariadb", "10.11", "site")
    assert made["MasterUsername"] == "snaplift"
    assert made["StorageEncrypted"] is True
    assert made["KmsKeyId"] == KEY
    assert "DBSnapshotIdentifier" not in made


@BOTH
def test_the_master_password_is_rds_own_under_the_platforms_key(stack: Stack) -> None:
    made = instance(stack)
    assert made["ManageMasterUserPassword"] is True
    assert made["MasterUserSecret"] == {"KmsKeyId": KEY}
    assert "MasterUserPassword" not in made


@BOTH
def test_s11_deleting_a_complete_stack_keeps_the_instance_and_a_failed_creation_leaves_none(stack: Stack) -> None:
    resource = stack.template["Resources"]["Instance"]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


@BOTH
def test_s10_an_update_that_would_replace_anything_is_denied(stack: Stack) -> None:
    assert stack.policy == DENY_REPLACEMENT
    deny = [found for found in stack.policy["Statement"] if found["Effect"] == "Deny"]
    assert "Update:Replace" in deny[0]["Action"]
    assert deny[0]["Resource"] == "*"


@BOTH
def test_protection_is_never_in_the_template(stack: Stack) -> None:
    assert "DeletionProtection" not in instance(stack)
    assert not stack.termination_protection


@BOTH
def test_s22_nothing_is_left_to_a_restores_defaults(stack: Stack) -> None:
    made = instance(stack)
    assert made["MultiAZ"] is False
    assert made["VPCSecurityGroups"] == ["<SecurityGroup.GroupId>"]
    assert made["DBParameterGroupName"] == "platform-new-parametergroup-abc"
    assert made["DBSubnetGroupName"] == "platform-new-dbsubnetgroup-abc"
    assert made["PubliclyAccessible"] is False
    assert made["StorageType"] == "gp3"
    assert made["CopyTagsToSnapshot"] is True
    assert made["AutoMinorVersionUpgrade"] is False


def test_it_is_called_after_namespace_and_release() -> None:
    assert RESTORED.name == instance(RESTORED)["DBInstanceIdentifier"] == "xy-0146-qa-db-20261123t020000z"
    assert EMPTY.name == instance(EMPTY)["DBInstanceIdentifier"] == "xy-0146-dev-db"
    assert RESTORED.tags["snaplift:release"] == "20261123t020000z"
    assert RESTORED.tags["snaplift:run"] == RUN
    assert "snaplift:release" not in EMPTY.tags


def test_storage_is_a_parameter_that_a_snapshots_size_is_given_to() -> None:
    assert RESTORED.parameters["AllocatedStorage"] == "20"
    assert instance(RESTORED.with_parameters(AllocatedStorage="250"))["AllocatedStorage"] == "250"


@BOTH
def test_the_service_is_not_let_in_by_the_stack(stack: Stack) -> None:
    rules = resolved(
        stack, [found["Properties"] for found in resources(stack, "AWS::EC2::SecurityGroupIngress").values()]
    )
    sources = {rule.get("SourceSecurityGroupId") or rule["CidrIp"] for rule in rules}
    assert sources == {"sg-0123456789abcdef3", "sg-0123456789abcdef0"}
    assert {(rule["FromPort"], rule["ToPort"]) for rule in rules} == {(3306, 3306)}


@BOTH
def test_a_rule_added_after_the_smoke_checks_is_no_drift(stack: Stack) -> None:
    assert "SecurityGroupIngress" not in properties(stack, "SecurityGroup")


def test_the_applications_credentials_are_this_databases_own() -> None:
    secret = resolved(RESTORED, properties(RESTORED, "ApplicationSecret"))
    own = "0a0a0a0a-1111-2222-3333-444444444444"
    assert secret["Name"] == f"snaplift/xy-0146/qa/20261123t020000z/{RUN}/{own}"
    assert secret["KmsKeyId"] == KEY
    generated = secret["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"username": f"xy0146_{RUN}"}
    assert generated["GenerateStringKey"] == "password"
    assert generated["ExcludePunctuation"] is True
    assert "DeletionPolicy" not in RESTORED.template["Resources"]["ApplicationSecret"]


def test_an_environments_own_settings_win() -> None:
    made = instance(restored_database("prod"))
    assert (made["DBInstanceClass"], made["MultiAZ"], made["AllocatedStorage"]) == ("db.t4g.small", True, "100")


def test_the_tenants_own_parameter_group_wins() -> None:
    outputs = NAMESPACE_OUTPUTS.model_copy(update={"parameter_group_name": "xy-0146-qa-parametergroup-abc"})
    stack = database_stack(
        PLATFORMS, TENANT, "qa", PLATFORM_OUTPUTS, outputs, release=RELEASE, snapshot=SNAPSHOT, run=RUN
    )
    assert instance(stack)["DBParameterGroupName"] == "xy-0146-qa-parametergroup-abc"


def test_an_engine_without_a_parameter_group_is_refused() -> None:
    with pytest.raises(MissingOutput, match=r"'mysql8.0'.*mariadb10.11"):
        empty_database(of=tenant(database={"name": "site", "engine": "mysql", "version": "8.0"}))


@pytest.mark.parametrize(("release", "snapshot"), [(RELEASE, None)])
def test_a_release_without_its_snapshot_is_refused(release: Any, snapshot: Any) -> None:
    with pytest.raises(ValueError, match="is made of its snapshot, and none is said"):
        database_stack(
            PLATFORMS, TENANT, "qa", PLATFORM_OUTPUTS, NAMESPACE_OUTPUTS, release=release, snapshot=snapshot, run=RUN
        )


def test_the_longest_names_are_within_their_limits() -> None:
    long = tenant("abcdefghij-0000", environments={"abcdefghijk": {"platform": "platform-new"}})
    stack = restored_database("abcdefghijk", long)
    assert len(instance(stack)["DBInstanceIdentifier"]) <= 63
    secret = resolved(stack, properties(stack, "ApplicationSecret"))
    assert len(json.loads(secret["GenerateSecretString"]["SecretStringTemplate"])["username"]) <= 32
    assert len(resolved(stack, properties(stack, "SecurityGroup"))["GroupDescription"]) <= 255
