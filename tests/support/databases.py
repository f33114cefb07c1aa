"""Making RDS instances and asking them SQL, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pymysql

from tests.probes.asking import eventually, fresh, refusal

MASTER, PASSWORD = "adm", "first-password-1"
CLASS, STORAGE = "db.t3.micro", 20


def create_instance(rds: Any, **arguments: Any) -> str:
    """Create an instance, wait until it is available, and return its identifier."""
    name = arguments.setdefault("DBInstanceIdentifier", fresh("db"))
    if not arguments.get("ManageMasterUserPassword"):
        arguments.setdefault("MasterUserPassword", PASSWORD)
    wanted = {
        "DBInstanceClass": CLASS,
        "Engine": "mariadb",
        "MasterUsername": MASTER,
        "AllocatedStorage": STORAGE,
        "DBName": "app",
        **arguments,
    }
    rds.create_db_instance(**wanted)
    wait_available(rds, name)
    return str(name)


def restore(rds: Any, snapshot: str, **arguments: Any) -> str:
    """Restore a snapshot to a new instance, wait until it is available, and return its identifier."""
    name = arguments.setdefault("DBInstanceIdentifier", fresh("db"))
    rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier=snapshot, **arguments)
    wait_available(rds, name)
    return str(name)


def take_snapshot(rds: Any, instance: str, **arguments: Any) -> str:
    """Take a snapshot, wait until it is available, and return its identifier."""
    name = arguments.setdefault("DBSnapshotIdentifier", fresh("snapshot"))
    rds.create_db_snapshot(DBInstanceIdentifier=instance, **arguments)
    eventually(lambda: snapshot(rds, name)["Status"] == "available", f"{name} is available")
    return str(name)


def delete_instance(rds: Any, name: str) -> None:
    """Delete an instance without a final snapshot and wait until it is gone."""
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    wait_gone(rds, name)


def wait_available(rds: Any, name: str) -> None:
    """Wait until an instance is available."""
    eventually(lambda: instance(rds, name)["DBInstanceStatus"] == "available", f"{name} is available")


def wait_gone(rds: Any, name: str) -> None:
    """Wait until there is no such instance."""
    eventually(
        lambda: refusal(rds.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound", f"{name} is gone"
    )


def instance(rds: Any, name: str) -> dict[str, Any]:
    """What RDS tells of an instance."""
    found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def snapshot(rds: Any, name: str) -> dict[str, Any]:
    """What RDS tells of a snapshot."""
    found: dict[str, Any] = rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
    return found


def sql(
    endpoint: Mapping[str, Any], statement: str, *, user: str = MASTER, password: str = PASSWORD, schema: str = "app"
) -> Sequence[tuple[Any, ...]]:
    """Run one statement on an instance's endpoint and return its rows.

    :raises pymysql.Error: it was refused
    """
    connection = pymysql.connect(
        host=endpoint["Address"],
        port=endpoint["Port"],
        user=user,
        password=password,
        database=schema,
        autocommit=True,
        connect_timeout=5,
        read_timeout=30,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def login_error(endpoint: Mapping[str, Any], *, user: str = MASTER, password: str = PASSWORD) -> int | None:
    """The database's error number for a login, or None if it takes it."""
    try:
        sql(endpoint, "SELECT 1", user=user, password=password)
    except pymysql.OperationalError as error:
        return int(error.args[0])
    return None
