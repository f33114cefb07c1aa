"""RDS instances: their states, what a caller is told of them, and what RDS refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.probes.asking import eventually, fresh, refusal, refusal_message, tags
from tests.probes.conftest import Clients
from tests.support.databases import (
    MASTER,
    PASSWORD,
    create_instance,
    delete_instance,
    instance,
    login_error,
    snapshot,
    sql,
    wait_available,
    wait_gone,
)

ACCESS_DENIED = 1045
NEW = {
    "DBInstanceClass": "db.t3.micro",
    "Engine": "mariadb",
    "MasterUsername": MASTER,
    "MasterUserPassword": PASSWORD,
    "AllocatedStorage": 20,
}


@pytest.fixture(scope="module")
def rds(aws: Clients) -> Any:
    return aws("rds")


@pytest.fixture(scope="module")
def database(rds: Any) -> Iterator[str]:
    name = create_instance(rds, Tags=tags(owner="probe"), StorageEncrypted=True)
    yield name
    delete_instance(rds, name)


def test_an_instance_is_creating_before_it_is_available(rds: Any) -> None:
    name = fresh("db")
    created = rds.create_db_instance(DBInstanceIdentifier=name, **NEW)["DBInstance"]
    assert created["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in created
    wait_available(rds, name)
    assert instance(rds, name)["Endpoint"]["Port"] > 0
    delete_instance(rds, name)


def test_an_available_instance_takes_its_master_user_and_no_other_password(rds: Any, database: str) -> None:
    endpoint = instance(rds, database)["Endpoint"]
    assert sql(endpoint, "SELECT DATABASE()") == (("app",),)
    assert login_error(endpoint, password="another-password") == ACCESS_DENIED


def test_an_account_of_the_platform_is_there_and_has_no_password_of_ours(rds: Any, database: str) -> None:
    endpoint = instance(rds, database)["Endpoint"]
    assert ("rdsadmin", "localhost") in sql(endpoint, "SELECT User, Host FROM mysql.user")
    assert login_error(endpoint, user="rdsadmin") == ACCESS_DENIED
    assert login_error(endpoint, user="root", password="") == ACCESS_DENIED


def test_the_master_user_cannot_stop_the_server_or_read_its_files(rds: Any, database: str) -> None:
    (granted,) = sql(instance(rds, database)["Endpoint"], "SHOW GRANTS")[0]
    assert {"SUPER", "FILE", "SHUTDOWN"}.isdisjoint(granted.replace(",", "").split())


def test_an_identifier_is_kept_in_lower_case(rds: Any, database: str) -> None:
    assert instance(rds, database.upper())["DBInstanceIdentifier"] == database


def test_an_instance_is_found_by_its_arn(rds: Any, database: str) -> None:
    arn = instance(rds, database)["DBInstanceArn"]
    assert arn.endswith(f":db:{database}")
    assert instance(rds, arn)["DBInstanceIdentifier"] == database


def test_encryption_without_a_key_uses_the_accounts_own(rds: Any, database: str) -> None:
    found = instance(rds, database)
    assert found["StorageEncrypted"]
    assert ":key/" in found["KmsKeyId"]


@pytest.mark.parametrize("name", ["1st", "a--b", "ends-", "under_score", "a" * 64, "-a"])
def test_an_identifier_that_rds_does_not_take_is_refused(rds: Any, name: str) -> None:
    assert refusal(rds.create_db_instance, DBInstanceIdentifier=name, **NEW) == "InvalidParameterValue"


def test_an_identifier_is_given_once(rds: Any, database: str) -> None:
    code = refusal(rds.create_db_instance, DBInstanceIdentifier=database.upper(), **NEW)
    assert code == "DBInstanceAlreadyExists"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Engine": "oracle-ee"}, "InvalidParameterValue"),
        ({"EngineVersion": "1.2.3"}, "InvalidParameterCombination"),
        ({"AllocatedStorage": 5}, "InvalidParameterValue"),
        ({"DBInstanceClass": "t3.micro"}, "InvalidParameterValue"),
        ({"Port": 80}, "InvalidParameterValue"),
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"ManageMasterUserPassword": True}, "InvalidParameterCombination"),
        ({"DBParameterGroupName": "there-is-none"}, "DBParameterGroupNotFound"),
        ({"DBSubnetGroupName": "there-is-none"}, "DBSubnetGroupNotFoundFault"),
        ({"VpcSecurityGroupIds": ["sg-0000000000000dead"]}, "InvalidParameterValue"),
        ({"StorageEncrypted": True, "KmsKeyId": "alias/there-is-none"}, "KMSKeyNotAccessibleFault"),
        ({"KmsKeyId": "alias/there-is-none"}, "InvalidParameterCombination"),
    ],
)
def test_a_request_that_rds_does_not_take_is_refused_and_leaves_nothing(rds: Any, change: Any, code: str) -> None:
    name = fresh("db")
    assert refusal(rds.create_db_instance, DBInstanceIdentifier=name, **{**NEW, **change}) == code
    assert refusal(rds.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"


def test_what_is_not_there_is_said_so(rds: Any) -> None:
    for call in (rds.describe_db_instances, rds.reboot_db_instance, rds.modify_db_instance):
        assert refusal(call, DBInstanceIdentifier="there-is-none") == "DBInstanceNotFound"
    code = refusal(rds.delete_db_instance, DBInstanceIdentifier="there-is-none", SkipFinalSnapshot=True)
    assert code == "DBInstanceNotFound"


def test_a_namesake_made_later_has_another_resource_id(rds: Any) -> None:
    name = create_instance(rds)
    first = instance(rds, name)["DbiResourceId"]
    delete_instance(rds, name)
    create_instance(rds, DBInstanceIdentifier=name)
    assert instance(rds, name)["DbiResourceId"] != first
    delete_instance(rds, name)


def test_a_protected_instance_is_not_deleted(rds: Any, database: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=database, DeletionProtection=True, ApplyImmediately=True)
    eventually(lambda: instance(rds, database)["DeletionProtection"], "protected")
    message = refusal_message(rds.delete_db_instance, DBInstanceIdentifier=database, SkipFinalSnapshot=True)
    assert "Cannot delete protected DB Instance" in message
    rds.modify_db_instance(DBInstanceIdentifier=database, DeletionProtection=False, ApplyImmediately=True)
    eventually(lambda: not instance(rds, database)["DeletionProtection"], "unprotected")


def test_a_deletion_says_what_becomes_of_the_data(rds: Any, database: str) -> None:
    assert refusal(rds.delete_db_instance, DBInstanceIdentifier=database) == "InvalidParameterCombination"
    both = {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": fresh("final")}
    assert refusal(rds.delete_db_instance, DBInstanceIdentifier=database, **both) == "InvalidParameterCombination"


def test_a_final_snapshot_outlives_its_instance(rds: Any) -> None:
    name, final = create_instance(rds, CopyTagsToSnapshot=True, Tags=tags(owner="probe")), fresh("final")
    deleted = rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=final)["DBInstance"]
    assert deleted["DBInstanceStatus"] == "deleting"
    code = refusal(rds.delete_db_instance, DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert code in ("InvalidDBInstanceState", "DBInstanceNotFound")
    wait_gone(rds, name)
    eventually(lambda: snapshot(rds, final)["Status"] == "available", f"{final} is available")
    assert snapshot(rds, final)["TagList"] == tags(owner="probe")
    rds.delete_db_snapshot(DBSnapshotIdentifier=final)


def test_rds_manages_the_master_password_of_a_new_instance_in_a_secret(rds: Any, aws: Clients) -> None:
    name = create_instance(rds, ManageMasterUserPassword=True)
    secret = instance(rds, name)["MasterUserSecret"]
    assert secret["SecretStatus"] == "active"
    assert ":secret:rds!db-" in secret["SecretArn"]
    login = json.loads(aws("secretsmanager").get_secret_value(SecretId=secret["SecretArn"])["SecretString"])
    assert login["username"] == MASTER
    assert login_error(instance(rds, name)["Endpoint"], password=login["password"]) is None
    delete_instance(rds, name)
    code = refusal(aws("secretsmanager").get_secret_value, SecretId=secret["SecretArn"])
    assert code == "ResourceNotFoundException"


def test_a_password_once_managed_replaces_the_one_before(rds: Any, aws: Clients) -> None:
    name = create_instance(rds)
    changed = rds.modify_db_instance(DBInstanceIdentifier=name, ManageMasterUserPassword=True, ApplyImmediately=True)
    assert changed["DBInstance"]["DBInstanceStatus"] != "available"
    eventually(
        lambda: instance(rds, name).get("MasterUserSecret", {}).get("SecretStatus") == "active", "the secret is active"
    )
    wait_available(rds, name)
    found = instance(rds, name)
    text = aws("secretsmanager").get_secret_value(SecretId=found["MasterUserSecret"]["SecretArn"])["SecretString"]
    assert login_error(found["Endpoint"], password=json.loads(text)["password"]) is None
    assert login_error(found["Endpoint"]) == ACCESS_DENIED
    delete_instance(rds, name)


def test_a_master_password_is_changed_in_the_server(rds: Any) -> None:
    name = create_instance(rds)
    rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword="second-password-2", ApplyImmediately=True)
    endpoint = instance(rds, name)["Endpoint"]
    eventually(lambda: login_error(endpoint, password="second-password-2") is None, "the new password is taken")
    assert login_error(endpoint) == ACCESS_DENIED
    wait_available(rds, name)
    delete_instance(rds, name)


def test_what_waits_for_the_maintenance_window_is_pending_until_then(rds: Any, database: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=database, DBInstanceClass="db.t3.small")
    found = instance(rds, database)
    assert found["PendingModifiedValues"]["DBInstanceClass"] == "db.t3.small"
    assert found["DBInstanceClass"] == "db.t3.micro"


def test_storage_does_not_shrink(rds: Any, database: str) -> None:
    code = refusal(rds.modify_db_instance, DBInstanceIdentifier=database, AllocatedStorage=19, ApplyImmediately=True)
    assert code == "InvalidParameterCombination"


def test_a_reboot_leaves_the_data(rds: Any, database: str) -> None:
    sql(instance(rds, database)["Endpoint"], "CREATE OR REPLACE TABLE kept AS SELECT 7 AS n")
    assert rds.reboot_db_instance(DBInstanceIdentifier=database)["DBInstance"]["DBInstanceStatus"] == "rebooting"
    wait_available(rds, database)
    assert sql(instance(rds, database)["Endpoint"], "SELECT n FROM kept") == ((7,),)


def test_listings_come_in_pages_of_20_to_100(rds: Any) -> None:
    assert refusal(rds.describe_db_instances, MaxRecords=19) == "InvalidParameterValue"
    assert refusal(rds.describe_db_instances, MaxRecords=101) == "InvalidParameterValue"


def test_instances_are_filtered_by_identifier(rds: Any, database: str) -> None:
    found = rds.describe_db_instances(Filters=[{"Name": "db-instance-id", "Values": [database, "there-is-none"]}])
    assert [one["DBInstanceIdentifier"] for one in found["DBInstances"]] == [database]
    code = refusal(rds.describe_db_instances, Filters=[{"Name": "no-such-filter", "Values": ["x"]}])
    assert code == "InvalidParameterValue"


def test_tags_are_added_replaced_removed_and_told_everywhere(rds: Any, database: str) -> None:
    arn = instance(rds, database)["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=tags(owner="another", more="1"))
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["more"])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == tags(owner="another")
    assert instance(rds, database)["TagList"] == tags(owner="another")
    assert refusal(rds.add_tags_to_resource, ResourceName=f"{arn}x", Tags=tags(a="b")) == "DBInstanceNotFound"
