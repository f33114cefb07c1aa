"""RDS snapshots: what is in them, what a restore inherits, and what RDS refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.probes.asking import eventually, fresh, refusal, tags
from tests.probes.conftest import Clients
from tests.support.databases import (
    create_instance,
    delete_instance,
    instance,
    login_error,
    restore,
    snapshot,
    sql,
    take_snapshot,
    wait_available,
)

APPLICATION_PASSWORD = "application-1"


@pytest.fixture(scope="module")
def rds(aws: Clients) -> Any:
    return aws("rds")


@pytest.fixture(scope="module")
def key(aws: Clients) -> str:
    arn: str = aws("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def source(rds: Any, key: str) -> Iterator[str]:
    """An instance with ten rows and an application's account."""
    name = create_instance(rds, StorageEncrypted=True, KmsKeyId=key, CopyTagsToSnapshot=True, Tags=tags(owner="probe"))
    endpoint = instance(rds, name)["Endpoint"]
    sql(endpoint, "CREATE TABLE facts AS SELECT seq AS n FROM seq_1_to_10")
    sql(endpoint, f"CREATE USER shop@'%' IDENTIFIED BY '{APPLICATION_PASSWORD}'")
    sql(endpoint, "GRANT SELECT ON app.* TO shop@'%'")
    yield name
    delete_instance(rds, name)


@pytest.fixture(scope="module")
def release(rds: Any, source: str) -> Iterator[str]:
    """A snapshot of the ten rows."""
    name = take_snapshot(rds, source)
    wait_available(rds, source)
    yield name
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def test_a_snapshot_tells_what_it_is_of(rds: Any, source: str, release: str, key: str) -> None:
    found, of = snapshot(rds, release), instance(rds, source)
    assert (found["Encrypted"], found["KmsKeyId"], found["SnapshotType"]) == (True, key, "manual")
    assert found["PercentProgress"] == 100
    inherited = ("DBInstanceIdentifier", "DbiResourceId", "Engine", "EngineVersion", "MasterUsername")
    assert [found[name] for name in inherited] == [of[name] for name in inherited]
    assert (found["AllocatedStorage"], found["Port"]) == (of["AllocatedStorage"], of["Endpoint"]["Port"])
    assert found["SnapshotCreateTime"] > of["InstanceCreateTime"]


def test_a_snapshot_is_creating_until_it_is_available(rds: Any, source: str) -> None:
    name = fresh("snapshot")
    answer = rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=name)["DBSnapshot"]
    assert answer["Status"] == "creating"
    eventually(lambda: snapshot(rds, name)["Status"] == "available", f"{name} is available")
    wait_available(rds, source)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def test_tags_are_copied_unless_some_are_given(rds: Any, source: str, release: str) -> None:
    assert snapshot(rds, release)["TagList"] == tags(owner="probe")
    tagged = take_snapshot(rds, source, Tags=tags(run="1"))
    assert snapshot(rds, tagged)["TagList"] == tags(run="1")
    arn = snapshot(rds, tagged)["DBSnapshotArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=tags(kept="1"))
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == snapshot(rds, tagged)["TagList"]
    wait_available(rds, source)
    rds.delete_db_snapshot(DBSnapshotIdentifier=tagged)


def test_what_is_written_after_the_call_is_answered_is_not_in_the_snapshot(rds: Any, source: str) -> None:
    endpoint, name = instance(rds, source)["Endpoint"], fresh("snapshot")
    sql(endpoint, "CREATE TABLE moments (n INT)")
    sql(endpoint, "INSERT INTO moments VALUES (1)")
    rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=name)
    sql(endpoint, "INSERT INTO moments VALUES (2)")
    eventually(lambda: snapshot(rds, name)["Status"] == "available", f"{name} is available")
    restored = restore(rds, name)
    assert sql(instance(rds, restored)["Endpoint"], "SELECT n FROM moments") == ((1,),)
    assert sql(endpoint, "SELECT n FROM moments ORDER BY n") == ((1,), (2,))
    delete_instance(rds, restored)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    wait_available(rds, source)
    sql(endpoint, "DROP TABLE moments")


def test_a_snapshot_under_load_holds_every_row_committed_before_it_and_is_whole(rds: Any, source: str) -> None:
    endpoint = instance(rds, source)["Endpoint"]
    sql(endpoint, "CREATE TABLE busy (n INT PRIMARY KEY AUTO_INCREMENT, filling VARCHAR(200))")
    committed, stop = [0], threading.Event()

    def write() -> None:
        while not stop.is_set():
            sql(endpoint, "INSERT INTO busy (filling) SELECT REPEAT('x', 200) FROM seq_1_to_50")
            committed[0] += 50

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: committed[0] > 500, "rows are written")
    before, name = committed[0], fresh("snapshot")
    rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=name)
    stop.set()
    writer.join()
    eventually(lambda: snapshot(rds, name)["Status"] == "available", f"{name} is available")
    restored = restore(rds, name)
    copy = instance(rds, restored)["Endpoint"]
    ((count,),) = sql(copy, "SELECT COUNT(*) FROM busy")
    assert before <= count <= committed[0]
    assert count % 50 == 0, "a statement is in the snapshot whole or not at all"
    assert sql(copy, "CHECK TABLE busy")[-1][-1] == "OK"
    delete_instance(rds, restored)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    wait_available(rds, source)
    sql(endpoint, "DROP TABLE busy")


def test_a_restore_brings_data_and_accounts_along_and_shares_nothing(rds: Any, source: str, release: str) -> None:
    restored = restore(rds, release)
    endpoint = instance(rds, restored)["Endpoint"]
    assert sql(endpoint, "SELECT COUNT(*) FROM facts", user="shop", password=APPLICATION_PASSWORD) == ((10,),)
    assert login_error(endpoint) is None
    sql(endpoint, "DELETE FROM facts")
    assert sql(instance(rds, source)["Endpoint"], "SELECT COUNT(*) FROM facts") == ((10,),)
    delete_instance(rds, restored)


def test_a_restore_inherits_what_is_the_datas_and_takes_defaults_for_the_rest(
    rds: Any, source: str, release: str
) -> None:
    restored = restore(rds, release, Tags=tags(run="2"))
    found, of = instance(rds, restored), instance(rds, source)
    inherited = ("Engine", "EngineVersion", "MasterUsername", "AllocatedStorage", "StorageEncrypted", "KmsKeyId")
    assert [found[name] for name in inherited] == [of[name] for name in inherited]
    assert found["TagList"] == tags(run="2")
    assert found["DbiResourceId"] != of["DbiResourceId"]
    assert found["DBParameterGroups"][0]["DBParameterGroupName"].startswith("default.mariadb")
    assert (found["MultiAZ"], found["DeletionProtection"]) == (False, False)
    assert "MasterUserSecret" not in found
    delete_instance(rds, restored)


def test_a_snapshot_may_go_while_it_is_restored(rds: Any, source: str) -> None:
    name = take_snapshot(rds, source)
    wait_available(rds, source)
    restored = fresh("db")
    rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=restored)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    wait_available(rds, restored)
    assert sql(instance(rds, restored)["Endpoint"], "SELECT COUNT(*) FROM facts") == ((10,),)
    delete_instance(rds, restored)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AllocatedStorage": 10}, "InvalidParameterCombination"),
        ({"Engine": "mysql"}, "InvalidParameterCombination"),
        ({"DBParameterGroupName": "there-is-none"}, "DBParameterGroupNotFound"),
        ({"DBSnapshotIdentifier": "there-is-none"}, "DBSnapshotNotFound"),
        ({"DBInstanceIdentifier": "1st"}, "InvalidParameterValue"),
    ],
)
def test_a_restore_that_rds_does_not_take_is_refused(rds: Any, release: str, change: Any, code: str) -> None:
    wanted = {"DBSnapshotIdentifier": release, "DBInstanceIdentifier": fresh("db"), **change}
    assert refusal(rds.restore_db_instance_from_db_snapshot, **wanted) == code


def test_a_restore_onto_an_instance_that_stands_is_refused(rds: Any, source: str, release: str) -> None:
    wanted = {"DBSnapshotIdentifier": release, "DBInstanceIdentifier": source}
    assert refusal(rds.restore_db_instance_from_db_snapshot, **wanted) == "DBInstanceAlreadyExists"


def test_a_parameter_group_of_another_family_does_not_fit(rds: Any, release: str) -> None:
    name = fresh("group")
    rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily="mariadb10.6", Description="probe")
    wanted = {"DBSnapshotIdentifier": release, "DBInstanceIdentifier": fresh("db"), "DBParameterGroupName": name}
    assert refusal(rds.restore_db_instance_from_db_snapshot, **wanted) == "InvalidParameterCombination"
    rds.delete_db_parameter_group(DBParameterGroupName=name)


def test_a_snapshot_whose_key_is_disabled_is_not_restored(rds: Any, aws: Clients, release: str, key: str) -> None:
    aws("kms").disable_key(KeyId=key)
    wanted = {"DBSnapshotIdentifier": release, "DBInstanceIdentifier": fresh("db")}
    assert refusal(rds.restore_db_instance_from_db_snapshot, **wanted) == "KMSKeyNotAccessibleFault"
    aws("kms").enable_key(KeyId=key)


def test_a_snapshots_name_is_given_once(rds: Any, source: str, release: str) -> None:
    code = refusal(rds.create_db_snapshot, DBInstanceIdentifier=source, DBSnapshotIdentifier=release.upper())
    assert code == "DBSnapshotAlreadyExists"


def test_what_is_not_there_is_said_so(rds: Any, source: str) -> None:
    assert refusal(rds.describe_db_snapshots, DBSnapshotIdentifier="there-is-none") == "DBSnapshotNotFound"
    assert refusal(rds.delete_db_snapshot, DBSnapshotIdentifier="there-is-none") == "DBSnapshotNotFound"
    missing = {"DBInstanceIdentifier": "there-is-none", "DBSnapshotIdentifier": fresh("snapshot")}
    assert refusal(rds.create_db_snapshot, **missing) == "DBInstanceNotFound"
    bad = {"DBInstanceIdentifier": source, "DBSnapshotIdentifier": "a--b"}
    assert refusal(rds.create_db_snapshot, **bad) == "InvalidParameterValue"


def test_snapshots_are_listed_in_pages_and_by_instance(rds: Any, source: str, release: str) -> None:
    first = rds.describe_db_snapshots(DBInstanceIdentifier=source, MaxRecords=20)
    assert release in [one["DBSnapshotIdentifier"] for one in first["DBSnapshots"]]
    by_filter = rds.describe_db_snapshots(Filters=[{"Name": "db-snapshot-id", "Values": [release]}])["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in by_filter] == [release]
    assert rds.describe_db_snapshots(SnapshotType="automated", DBInstanceIdentifier=source)["DBSnapshots"] == []


def test_a_listing_of_many_is_complete_page_by_page(rds: Any, source: str) -> None:
    made = {take_snapshot_at_rest(rds, source) for _ in range(22)}
    pages = list(rds.get_paginator("describe_db_snapshots").paginate(PaginationConfig={"PageSize": 20}))
    listed = [one["DBSnapshotIdentifier"] for page in pages for one in page["DBSnapshots"]]
    assert len(pages) > 1
    assert len(listed) == len(set(listed))
    assert made <= set(listed)
    for name in made:
        rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def take_snapshot_at_rest(rds: Any, source: str) -> str:
    name = take_snapshot(rds, source)
    wait_available(rds, source)
    return name


def test_settings_of_a_parameter_group_reach_the_server(rds: Any) -> None:
    version = rds.describe_db_engine_versions(Engine="mariadb", EngineVersion="10.11")["DBEngineVersions"][0]
    group = fresh("group")
    rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily=version["DBParameterGroupFamily"], Description="probe"
    )
    set_mode(rds, group, "STRICT_ALL_TABLES", "pending-reboot")
    name = create_instance(rds, DBParameterGroupName=group, EngineVersion=version["EngineVersion"])
    endpoint = instance(rds, name)["Endpoint"]
    assert sql(endpoint, "SELECT @@GLOBAL.sql_mode") == (("STRICT_ALL_TABLES",),)
    set_mode(rds, group, "ANSI_QUOTES", "immediate")
    eventually(lambda: sql(endpoint, "SELECT @@GLOBAL.sql_mode") == (("ANSI_QUOTES",),), "the server takes it")
    set_mode(rds, group, "NO_ZERO_DATE", "pending-reboot")
    assert instance(rds, name)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    assert sql(endpoint, "SELECT @@GLOBAL.sql_mode") == (("ANSI_QUOTES",),)
    rds.reboot_db_instance(DBInstanceIdentifier=name)
    wait_available(rds, name)
    assert sql(instance(rds, name)["Endpoint"], "SELECT @@GLOBAL.sql_mode") == (("NO_ZERO_DATE",),)
    assert refusal(rds.delete_db_parameter_group, DBParameterGroupName=group) == "InvalidDBParameterGroupState"
    delete_instance(rds, name)
    rds.delete_db_parameter_group(DBParameterGroupName=group)
    assert refusal(rds.describe_db_parameter_groups, DBParameterGroupName=group) == "DBParameterGroupNotFound"


def set_mode(rds: Any, group: str, mode: str, method: str) -> None:
    change = {"ParameterName": "sql_mode", "ParameterValue": mode, "ApplyMethod": method}
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[change])


def test_an_instance_whose_settings_are_wrong_does_not_come_up(rds: Any, release: str) -> None:
    family = "mariadb" + ".".join(snapshot(rds, release)["EngineVersion"].split(".")[:2])
    group, name = fresh("group"), fresh("db")
    rds.create_db_parameter_group(DBParameterGroupName=group, DBParameterGroupFamily=family, Description="probe")
    set_mode(rds, group, "THERE_IS_NO_SUCH_MODE", "pending-reboot")
    rds.restore_db_instance_from_db_snapshot(
        DBSnapshotIdentifier=release, DBInstanceIdentifier=name, DBParameterGroupName=group
    )
    eventually(lambda: instance(rds, name)["DBInstanceStatus"] == "incompatible-parameters", "it is incompatible")
    final = {"DBInstanceIdentifier": name, "FinalDBSnapshotIdentifier": fresh("final")}
    assert refusal(rds.delete_db_instance, **final) == "InvalidDBInstanceState"
    delete_instance(rds, name)
    rds.delete_db_parameter_group(DBParameterGroupName=group)
