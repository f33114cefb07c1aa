"""CloudFormation: the platform of a namespace, and its databases, from nothing and from a snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.probes.asking import (
    create_stack,
    delete_stack,
    eventually,
    fresh,
    outputs,
    reasons,
    refusal,
    tags,
)
from tests.probes.conftest import Clients
from tests.probes.templates import NO_REPLACEMENT, PLATFORM


@pytest.fixture(scope="module")
def platform(cloudformation: Any) -> Iterator[dict[str, str]]:
    """The physical ids of a platform, by logical id."""
    template = {"Resources": PLATFORM, "Outputs": {name: {"Value": {"Ref": name}} for name in PLATFORM}}
    stack = create_stack(cloudformation, template, Capabilities=["CAPABILITY_IAM"])
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    yield outputs(stack)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def database(platform: dict[str, str], **properties: Any) -> dict[str, Any]:
    generated = {
        "SecretStringTemplate": '{"username": "app"}',
        "GenerateStringKey": "password",
        "ExcludePunctuation": True,
    }
    instance = {
        "DBInstanceClass": "db.t3.micro",
        "DBSubnetGroupName": platform["Subnets"],
        "VPCSecurityGroups": [{"Fn::GetAtt": ["Group", "GroupId"]}],
        "CopyTagsToSnapshot": True,
        "MultiAZ": False,
        "ManageMasterUserPassword": True,
        **properties,
    }
    return {
        "Resources": {
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "probe", "VpcId": platform["Vpc"]},
            },
            "Secret": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"Name": f"snaplift/{fresh()}", "GenerateSecretString": generated},
            },
            "Database": {
                "Type": "AWS::RDS::DBInstance",
                "DeletionPolicy": "RetainExceptOnCreate",
                "UpdateReplacePolicy": "Retain",
                "Properties": instance,
            },
        },
        "Outputs": {
            "Id": {"Value": {"Ref": "Database"}},
            "Host": {"Value": {"Fn::GetAtt": ["Database", "Endpoint.Address"]}},
            "Port": {"Value": {"Fn::GetAtt": ["Database", "Endpoint.Port"]}},
            "ResourceId": {"Value": {"Fn::GetAtt": ["Database", "DbiResourceId"]}},
            "Master": {"Value": {"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}},
            "Secret": {"Value": {"Ref": "Secret"}},
        },
    }


def from_nothing(platform: dict[str, str], name: str, **properties: Any) -> dict[str, Any]:
    return database(
        platform,
        Engine="mariadb",
        EngineVersion="10.11",
        MasterUsername="adm",
        AllocatedStorage="20",
        DBInstanceIdentifier=name,
        StorageEncrypted=True,
        KmsKeyId=platform["Key"],
        **properties,
    )


def delete_database(aws: Clients, name: str) -> None:
    rds = aws("rds")
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    eventually(
        lambda: refusal(rds.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound",
        f"{name} is gone",
    )


@pytest.fixture(scope="module")
def source(cloudformation: Any, aws: Clients, platform: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The stack of a database made from nothing."""
    stack = create_stack(
        cloudformation,
        from_nothing(platform, fresh("xy-dev-db")),
        Tags=tags(owner="probe"),
        StackPolicyBody=json.dumps(NO_REPLACEMENT),
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    yield stack
    delete_stack(cloudformation, stack["StackId"])
    delete_database(aws, outputs(stack)["Id"])


@pytest.fixture(scope="module")
def snapshot(aws: Clients, source: dict[str, Any]) -> Iterator[str]:
    rds, name = aws("rds"), fresh("release")
    rds.create_db_snapshot(
        DBInstanceIdentifier=outputs(source)["Id"], DBSnapshotIdentifier=name, Tags=tags(run="probe")
    )

    def available() -> bool:
        found = rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
        return bool(found["Status"] == "available")

    eventually(available, f"{name} is available")
    yield name
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def instance(aws: Clients, name: str) -> dict[str, Any]:
    found: dict[str, Any] = aws("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def test_a_platform_has_all_its_kinds(platform: dict[str, str]) -> None:
    assert set(platform) == set(PLATFORM)
    assert all(platform.values())


def test_a_database_tells_where_it_is_and_which_it_is(source: dict[str, Any], aws: Clients) -> None:
    told, found = outputs(source), instance(aws, outputs(source)["Id"])
    assert (told["Host"], told["Port"]) == (found["Endpoint"]["Address"], str(found["Endpoint"]["Port"]))
    assert told["ResourceId"] == found["DbiResourceId"]
    assert told["ResourceId"].startswith("db-")


def test_a_databases_secrets_can_be_read(source: dict[str, Any], aws: Clients) -> None:
    told = outputs(source)
    for key, user in (("Master", "adm"), ("Secret", "app")):
        value = json.loads(aws("secretsmanager").get_secret_value(SecretId=told[key])["SecretString"])
        assert value["username"] == user
        assert value["password"]


def test_stack_tags_reach_the_instance_and_can_be_found(source: dict[str, Any], aws: Clients) -> None:
    found = instance(aws, outputs(source)["Id"])
    assert {"Key": "owner", "Value": "probe"} in found["TagList"]
    pages = (
        aws("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(TagFilters=[{"Key": "owner", "Values": ["probe"]}], ResourceTypeFilters=["rds:db"])
    )
    arns = [entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]]
    assert found["DBInstanceArn"] in arns


def test_a_database_is_encrypted_with_the_key_named(
    source: dict[str, Any], platform: dict[str, str], aws: Clients
) -> None:
    found = instance(aws, outputs(source)["Id"])
    assert found["StorageEncrypted"]
    assert platform["Key"] in found["KmsKeyId"]


def test_a_snapshot_has_the_key_and_the_tags_of_both(snapshot: str, platform: dict[str, str], aws: Clients) -> None:
    found = aws("rds").describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"][0]
    assert found["Encrypted"]
    assert platform["Key"] in found["KmsKeyId"]
    assert {tag["Key"] for tag in found["TagList"]} >= {"run"}


def test_a_database_from_a_snapshot_inherits_and_outlives_its_stack(
    cloudformation: Any, aws: Clients, platform: dict[str, str], source: dict[str, Any], snapshot: str
) -> None:
    name = fresh("xy-qa-db")
    stack = create_stack(cloudformation, database(platform, DBSnapshotIdentifier=snapshot, DBInstanceIdentifier=name))
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    found, original = instance(aws, name), instance(aws, outputs(source)["Id"])
    for key in ("Engine", "EngineVersion", "StorageEncrypted", "KmsKeyId", "MasterUsername"):
        assert found[key] == original[key], key
    assert found["DbiResourceId"] != original["DbiResourceId"]
    assert found["MasterUserSecret"]["SecretArn"] != original["MasterUserSecret"]["SecretArn"]
    assert found["VpcSecurityGroups"] != original["VpcSecurityGroups"]
    delete_stack(cloudformation, stack["StackId"])
    assert instance(aws, name)["DbiResourceId"] == found["DbiResourceId"]
    delete_database(aws, name)


@pytest.mark.parametrize(
    "beside", [{"MasterUsername": "adm"}, {"DBName": "x"}, {"KmsKeyId": "x"}, {"MasterUserPassword": "x" * 10}]
)
def test_what_may_not_stand_beside_a_snapshot_fails_the_stack(
    cloudformation: Any, aws: Clients, platform: dict[str, str], snapshot: str, beside: dict[str, str]
) -> None:
    name = fresh("xy-qa-db")
    properties = {"DBSnapshotIdentifier": snapshot, "DBInstanceIdentifier": name, **beside}
    stack = create_stack(cloudformation, database(platform, **properties))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert refusal(aws("rds").describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"
    delete_stack(cloudformation, stack["StackId"])


def test_an_unknown_snapshot_fails_the_stack_and_is_named(cloudformation: Any, platform: dict[str, str]) -> None:
    properties = {"DBSnapshotIdentifier": "no-such-snapshot", "DBInstanceIdentifier": fresh("xy-qa-db")}
    stack = create_stack(cloudformation, database(platform, **properties))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "no-such-snapshot".lower() in reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["Database"].lower()
    delete_stack(cloudformation, stack["StackId"])


def test_a_name_that_is_taken_fails_the_stack_and_spares_the_database(
    cloudformation: Any, aws: Clients, platform: dict[str, str], source: dict[str, Any]
) -> None:
    taken = outputs(source)["Id"]
    before = instance(aws, taken)["DbiResourceId"]
    stack = create_stack(cloudformation, from_nothing(platform, taken))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert instance(aws, taken)["DbiResourceId"] == before
    delete_stack(cloudformation, stack["StackId"])


def test_a_change_set_shows_that_another_name_replaces_the_database(
    cloudformation: Any, platform: dict[str, str], source: dict[str, Any]
) -> None:
    cloudformation.create_change_set(
        StackName=source["StackId"],
        ChangeSetName="another",
        TemplateBody=json.dumps(from_nothing(platform, fresh("xy-dev-db"))),
    )
    described = eventually(
        lambda: (
            (found := cloudformation.describe_change_set(StackName=source["StackId"], ChangeSetName="another"))[
                "Status"
            ]
            == "CREATE_COMPLETE"
            and found
        ),
        "the change set is made",
    )
    changes = [change["ResourceChange"] for change in described["Changes"]]
    assert {c["LogicalResourceId"]: c.get("Replacement") for c in changes}["Database"] == "True"
    cloudformation.delete_change_set(StackName=source["StackId"], ChangeSetName="another")


def test_the_policy_keeps_an_update_from_replacing_the_database(
    cloudformation: Any, aws: Clients, platform: dict[str, str], source: dict[str, Any]
) -> None:
    template = from_nothing(platform, fresh("xy-dev-db"))
    cloudformation.update_stack(StackName=source["StackId"], TemplateBody=json.dumps(template))
    eventually(
        lambda: "Database" in reasons(cloudformation, source["StackId"], "UPDATE_FAILED"), "the update is denied"
    )
    reason = reasons(cloudformation, source["StackId"], "UPDATE_FAILED")["Database"]
    assert "denied by stack policy" in reason
    assert instance(aws, outputs(source)["Id"])["DbiResourceId"] == outputs(source)["ResourceId"]


def test_a_protected_database_cannot_be_deleted_with_its_stack(
    cloudformation: Any, aws: Clients, platform: dict[str, str]
) -> None:
    name = fresh("xy-dev-db")
    template = from_nothing(platform, name)
    template["Resources"]["Database"]["DeletionPolicy"] = "Delete"
    stack = create_stack(cloudformation, template)
    rds = aws("rds")

    def protect(wanted: bool) -> None:
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=wanted, ApplyImmediately=True)
        eventually(lambda: instance(aws, name)["DeletionProtection"] is wanted, "protection is set")
        eventually(lambda: instance(aws, name)["DBInstanceStatus"] == "available", f"{name} is available")

    protect(True)
    failed = delete_stack(cloudformation, stack["StackId"])
    assert failed["StackStatus"] == "DELETE_FAILED"
    assert "Database" in reasons(cloudformation, stack["StackId"], "DELETE_FAILED")
    protect(False)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert refusal(rds.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"
