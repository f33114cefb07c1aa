"""RDS on the laptop where it is slow, fails, or is interrupted on request."""

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
    update_stack,
)
from tests.support.databases import (
    create_instance,
    instance,
    login_error,
    restore,
    snapshot,
    sql,
    take_snapshot,
    wait_available,
    wait_gone,
)
from tests.support.laptop import Laptop, start_laptop

RESTORED = {"DBInstanceClass": "db.t3.micro", "ManageMasterUserPassword": True, "MultiAZ": False}
NO_DELAY = {"*": 0.0}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with start_laptop(tmp_path_factory.mktemp("laptop"), delays=NO_DELAY) as laptop:
        yield laptop


@pytest.fixture(autouse=True)
def nothing_is_slow_or_fails_afterwards(laptop: Laptop) -> Iterator[None]:
    yield
    laptop.set_delays(dict.fromkeys(laptop.delays(), 0.0))
    laptop.set_failures(dict.fromkeys(laptop.control("GET", "failures")))


@pytest.fixture(scope="module")
def rds(laptop: Laptop) -> Any:
    return laptop.client("rds")


@pytest.fixture(scope="module")
def cloudformation(laptop: Laptop) -> Any:
    return laptop.client("cloudformation")


@pytest.fixture(scope="module")
def source(rds: Any) -> str:
    return create_instance(rds)


@pytest.fixture(scope="module")
def release(rds: Any, source: str) -> str:
    name = take_snapshot(rds, source)
    wait_available(rds, source)
    return name


def database_stack(**properties: Any) -> dict[str, Any]:
    database = {
        "Type": "AWS::RDS::DBInstance",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Retain",
        "Properties": {**RESTORED, **properties},
    }
    told = {"Host": "Endpoint.Address", "Port": "Endpoint.Port", "Secret": "MasterUserSecret.SecretArn"}
    wanted = {name: {"Value": {"Fn::GetAtt": ["Database", attribute]}} for name, attribute in told.items()}
    return {"Resources": {"Database": database}, "Outputs": wanted}


def sql_as_master(laptop: Laptop, stack: dict[str, Any], statement: str) -> Any:
    """Ask a stack's database with the password that RDS manages."""
    told = outputs(stack)
    text = laptop.client("secretsmanager").get_secret_value(SecretId=told["Secret"])["SecretString"]
    login = json.loads(text)
    endpoint = {"Address": told["Host"], "Port": int(told["Port"])}
    return sql(endpoint, statement, user=login["username"], password=login["password"])


def test_while_it_backs_up_an_instance_serves_and_takes_no_other_snapshot(
    laptop: Laptop, rds: Any, source: str
) -> None:
    laptop.set_delays({"rds.snapshot": 600})
    name = fresh("snapshot")
    rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=name)
    found = instance(rds, source)
    assert found["DBInstanceStatus"] == "backing-up"
    assert sql(found["Endpoint"], "SELECT 1") == ((1,),)
    another = {"DBInstanceIdentifier": source, "DBSnapshotIdentifier": fresh("snapshot")}
    assert refusal(rds.create_db_snapshot, **another) == "InvalidDBInstanceState"
    assert refusal(rds.delete_db_snapshot, DBSnapshotIdentifier=name) == "InvalidDBSnapshotState"
    restored = {"DBInstanceIdentifier": fresh("db"), "DBSnapshotIdentifier": name}
    assert refusal(rds.restore_db_instance_from_db_snapshot, **restored) == "InvalidDBSnapshotState"
    laptop.set_delays({"rds.snapshot": 0})
    wait_available(rds, source)


def test_an_instance_that_is_being_made_can_be_deleted(laptop: Laptop, rds: Any, release: str) -> None:
    laptop.set_delays({"rds.restore": 600})
    name = fresh("db")
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=release)
    assert instance(rds, name)["DBInstanceStatus"] == "creating"
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    wait_gone(rds, name)


def test_an_instance_that_is_being_deleted_is_told_so_and_takes_no_change(
    laptop: Laptop, rds: Any, release: str
) -> None:
    name = restore(rds, release)
    laptop.set_delays({"rds.delete": 600})
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert instance(rds, name)["DBInstanceStatus"] == "deleting"
    again = {"DBInstanceIdentifier": name, "SkipFinalSnapshot": True}
    assert refusal(rds.delete_db_instance, **again) == "InvalidDBInstanceState"
    assert refusal(rds.modify_db_instance, DBInstanceIdentifier=name, MultiAZ=True) == "InvalidDBInstanceState"
    assert refusal(rds.reboot_db_instance, DBInstanceIdentifier=name) == "InvalidDBInstanceState"


def test_a_snapshot_that_fails_is_told_so_and_leaves_its_source(laptop: Laptop, rds: Any, source: str) -> None:
    wait_available(rds, source)
    laptop.set_failures({"rds.snapshot": "failed"})
    name = fresh("snapshot")
    rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=name)
    eventually(lambda: snapshot(rds, name)["Status"] == "failed", "the snapshot fails")
    wait_available(rds, source)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def test_a_restore_that_fails_stays_in_its_state_until_it_is_deleted(laptop: Laptop, rds: Any, release: str) -> None:
    laptop.set_failures({"rds.restore": "incompatible-restore"})
    name = fresh("db")
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=release)
    eventually(lambda: instance(rds, name)["DBInstanceStatus"] == "incompatible-restore", "the restore fails")
    final = {"DBInstanceIdentifier": name, "FinalDBSnapshotIdentifier": fresh("final")}
    assert refusal(rds.delete_db_instance, **final) == "InvalidDBInstanceState"
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    wait_gone(rds, name)


def test_a_stack_whose_restore_fails_says_why_and_takes_the_instance_away(
    laptop: Laptop, rds: Any, cloudformation: Any, release: str
) -> None:
    laptop.set_failures({"rds.restore": "incompatible-parameters"})
    name = fresh("db")
    stack = create_stack(cloudformation, database_stack(DBSnapshotIdentifier=release, DBInstanceIdentifier=name))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    told = reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["Database"]
    assert f"DB Instance {name} is in state: incompatible-parameters" in told
    assert "Database" in reasons(cloudformation, stack["StackId"], "DELETE_COMPLETE")
    assert refusal(rds.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"


def test_a_stack_whose_protected_restore_fails_cannot_be_rolled_back(
    laptop: Laptop, rds: Any, cloudformation: Any, release: str
) -> None:
    laptop.set_failures({"rds.restore": "incompatible-parameters"})
    name = fresh("db")
    template = database_stack(DBSnapshotIdentifier=release, DBInstanceIdentifier=name, DeletionProtection=True)
    stack = create_stack(cloudformation, template)
    assert stack["StackStatus"] == "ROLLBACK_FAILED"
    assert "Cannot delete protected" in reasons(cloudformation, stack["StackId"], "DELETE_FAILED")["Database"]
    assert instance(rds, name)["DeletionProtection"]


def test_a_protected_instance_keeps_its_stack_from_being_deleted(rds: Any, cloudformation: Any, release: str) -> None:
    name = fresh("db")
    template = database_stack(DBSnapshotIdentifier=release, DBInstanceIdentifier=name)
    stack = create_stack(cloudformation, template)
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=True, ApplyImmediately=True)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_FAILED"
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert refusal(rds.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"


def test_a_stack_from_a_snapshot_has_a_new_master_password_and_the_old_one_is_dead(
    laptop: Laptop, rds: Any, cloudformation: Any, release: str
) -> None:
    stack = create_stack(cloudformation, database_stack(DBSnapshotIdentifier=release, DBInstanceIdentifier=fresh("db")))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    told = outputs(stack)
    assert login_error({"Address": told["Host"], "Port": int(told["Port"])}) == 1045
    assert sql_as_master(laptop, stack, "SELECT DATABASE()") == (("app",),)
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_update_changes_the_instance_in_place(rds: Any, cloudformation: Any, release: str) -> None:
    name = fresh("db")
    before = database_stack(DBSnapshotIdentifier=release, DBInstanceIdentifier=name, Tags=tags(owner="one", old="1"))
    stack = create_stack(cloudformation, before)
    first = instance(rds, name)
    after = database_stack(
        DBSnapshotIdentifier=release,
        DBInstanceIdentifier=name,
        Tags=tags(owner="two"),
        AllocatedStorage="30",
        BackupRetentionPeriod=3,
    )
    assert update_stack(cloudformation, stack["StackId"], after)["StackStatus"] == "UPDATE_COMPLETE"
    second = instance(rds, name)
    assert second["DbiResourceId"] == first["DbiResourceId"]
    assert (second["AllocatedStorage"], second["BackupRetentionPeriod"]) == (30, 3)
    own = {tag["Key"]: tag["Value"] for tag in second["TagList"] if not tag["Key"].startswith("aws:")}
    assert own == {"owner": "two"}
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_update_to_another_snapshot_would_replace_the_instance_and_is_refused(
    rds: Any, cloudformation: Any, source: str, release: str
) -> None:
    another, name = take_snapshot(rds, source), fresh("db")
    stack = create_stack(cloudformation, database_stack(DBSnapshotIdentifier=release, DBInstanceIdentifier=name))
    first = instance(rds, name)["DbiResourceId"]
    for template in (
        database_stack(DBSnapshotIdentifier=another, DBInstanceIdentifier=name),
        database_stack(DBInstanceIdentifier=name),
    ):
        updated = update_stack(cloudformation, stack["StackId"], template)
        assert updated["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert instance(rds, name)["DbiResourceId"] == first
    assert "custom-named resource" in reasons(cloudformation, stack["StackId"], "UPDATE_FAILED")["Database"]
    wait_available(rds, source)
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_deleted_with_the_default_policy_leaves_a_snapshot(rds: Any, cloudformation: Any, release: str) -> None:
    name = fresh("db")
    template = database_stack(DBSnapshotIdentifier=release, DBInstanceIdentifier=name)
    del template["Resources"]["Database"]["DeletionPolicy"]
    stack = create_stack(cloudformation, template)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    (left,) = rds.describe_db_snapshots(DBInstanceIdentifier=name)["DBSnapshots"]
    assert left["Status"] == "available"


def test_a_parameter_group_of_a_stack_reaches_its_instance_and_stays_while_it_is_used(
    laptop: Laptop, rds: Any, cloudformation: Any, release: str
) -> None:
    name = fresh("group")
    found = rds.describe_db_engine_versions(Engine="mariadb", EngineVersion="10.11")["DBEngineVersions"][0]
    properties = {
        "DBParameterGroupName": name,
        "Description": "probe",
        "Family": found["DBParameterGroupFamily"],
        "Parameters": {"sql_mode": "ANSI_QUOTES"},
    }
    group = {"Resources": {"Group": {"Type": "AWS::RDS::DBParameterGroup", "Properties": properties}}}
    owner = create_stack(cloudformation, group)
    user = create_stack(cloudformation, database_stack(DBSnapshotIdentifier=release, DBParameterGroupName=name))
    assert sql_as_master(laptop, user, "SELECT @@GLOBAL.sql_mode") == (("ANSI_QUOTES",),)
    assert delete_stack(cloudformation, owner["StackId"])["StackStatus"] == "DELETE_FAILED"
    delete_stack(cloudformation, user["StackId"])
    assert delete_stack(cloudformation, owner["StackId"])["StackStatus"] == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"AllocatedStorage": "10"}, "cannot be less than the snapshot's"),
        ({"MasterUsername": "adm"}, "MasterUsername must not be specified"),
        ({"KmsKeyId": "alias/any"}, "KmsKeyId must not be specified"),
        ({"DBName": "app"}, "DBName must not be specified"),
        ({"EngineVersion": "10.6"}, "Cannot upgrade"),
        ({"DBInstanceIdentifier": "a--b"}, "not a valid identifier"),
    ],
)
def test_a_stack_with_what_does_not_go_with_its_snapshot_fails_and_leaves_nothing(
    rds: Any, cloudformation: Any, release: str, properties: dict[str, str], told: str
) -> None:
    template = database_stack(**{"DBSnapshotIdentifier": release, "DBInstanceIdentifier": "refused", **properties})
    stack = create_stack(cloudformation, template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert told in reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["Database"]
    assert refusal(rds.describe_db_instances, DBInstanceIdentifier="refused") == "DBInstanceNotFound"


def test_a_quota_that_is_used_up_refuses(laptop: Laptop, rds: Any, source: str, release: str) -> None:
    before = laptop.control("GET", "quotas")
    laptop.control("PUT", "quotas", dict.fromkeys(before, 1))
    try:
        restored = {"DBInstanceIdentifier": fresh("db"), "DBSnapshotIdentifier": release}
        assert refusal(rds.restore_db_instance_from_db_snapshot, **restored) == "InstanceQuotaExceeded"
        wait_available(rds, source)
        another = {"DBInstanceIdentifier": source, "DBSnapshotIdentifier": fresh("snapshot")}
        assert refusal(rds.create_db_snapshot, **another) == "SnapshotQuotaExceeded"
    finally:
        laptop.control("PUT", "quotas", before)
