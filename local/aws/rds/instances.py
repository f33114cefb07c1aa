"""CreateDBInstance, RestoreDBInstanceFromDBSnapshot, DescribeDBInstances, RebootDBInstance, DeleteDBInstance."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.aws.query import Fault
from local.aws.rds import identifiers, master, paging, parameters, records
from local.aws.rds.core import Core, Instance
from local.aws.rds.engine import Database, StartFailed
from local.aws.rds.records import Record
from local.aws.rds.versions import ENGINE

_log = logging.getLogger(__name__)

Request = dict[str, Any]

# States in which RDS takes a snapshot; https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
SNAPSHOT_STATES = ("available", "storage-optimization")
_STORAGE = range(20, 65537)  # GiB
_RANGES = {"Port": range(1150, 65536), "BackupRetentionPeriod": range(36)}  # a port; days
_RESERVED_MASTERS = frozenset(("rdsadmin", "root", "mysql", "mariadb.sys"))
_FILTERS: dict[str, Callable[[Record], list[str]]] = {
    "db-instance-id": lambda record: [record["DBInstanceIdentifier"], record["DBInstanceArn"]],
    "dbi-resource-id": lambda record: [record["DbiResourceId"]],
    "engine": lambda record: [record["Engine"]],
    "db-cluster-id": lambda _: [],
    "domain": lambda _: [],
}


class Instances:
    """The operations on instances, but for their change."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, request: Request) -> dict[str, Record]:
        """CreateDBInstance."""
        name = identifiers.checked("DBInstanceIdentifier", request["DBInstanceIdentifier"])
        version = self._core.versions.resolve(request["Engine"], request.get("EngineVersion"))
        _check_storage(request.get("AllocatedStorage"))
        _check_master(request.get("MasterUsername"))
        master.check(request, required=True)
        if request.get("KmsKeyId") and not request.get("StorageEncrypted"):
            raise Fault("InvalidParameterCombination", "KmsKeyId can only be specified when StorageEncrypted is true.")
        encryption = {}
        if request.get("StorageEncrypted"):
            ministack = self._core.ministack
            key = request.get("KmsKeyId")
            encryption["KmsKeyId"] = ministack.usable_key(key) if key else ministack.service_key("rds")
        if request.get("MasterUserSecretKmsKeyId"):
            self._core.ministack.usable_key(request["MasterUserSecretKmsKeyId"])
        instance = self._add({**request, **encryption}, name, version)
        self._fill(instance, self._core.engine.prepare())
        record, password = instance.record, request.get("MasterUserPassword")
        if request.get("ManageMasterUserPassword"):
            password = master.new_password()
            master.manage(self._core.ministack, record, password, request.get("MasterUserSecretKmsKeyId"))

        def settle(database: Database) -> None:
            database.set_master(record["MasterUsername"], password)
            if record["DBName"]:
                database.create_schema(record["DBName"])

        self._core.change(instance, "create", lambda: self._bring_up(instance, "rds.create", settle))
        return {"DBInstance": record}

    def restore(self, request: Request) -> dict[str, Record]:
        """RestoreDBInstanceFromDBSnapshot."""
        snapshot = self._core.snapshot(request.get("DBSnapshotIdentifier", ""))
        name = identifiers.checked("DBInstanceIdentifier", request["DBInstanceIdentifier"])
        _check_restore(request, snapshot)
        inherited = {
            "DBInstanceClass": "db.t3.micro",
            "Port": snapshot["Port"],
            "StorageType": snapshot["StorageType"],
            "AllocatedStorage": snapshot["AllocatedStorage"],
            "MasterUsername": snapshot["MasterUsername"],
            "StorageEncrypted": snapshot["Encrypted"],
            "KmsKeyId": snapshot["KmsKeyId"],
        }
        if snapshot["KmsKeyId"]:
            self._core.ministack.usable_key(snapshot["KmsKeyId"])
        instance = self._add({**inherited, **request, "DBName": None}, name, snapshot["EngineVersion"])
        self._fill(instance, self._core.snapshot_data(snapshot))
        # All accounts and their passwords come along, so there is nothing left to do once it runs.
        self._core.change(instance, "restore", lambda: self._bring_up(instance, "rds.restore", lambda _: None))
        return {"DBInstance": instance.record}

    def describe(self, request: Request) -> dict[str, Any]:
        """DescribeDBInstances."""
        if name := request.get("DBInstanceIdentifier"):
            found = [self._core.instance(name).record]
        else:
            found = list(self._core.ministack.instances.values())
        found = paging.filtered(found, request.get("Filters", []), _FILTERS)
        records_, marker = paging.page(found, "DBInstanceIdentifier", request)
        return {"DBInstances": records_, "Marker": marker}

    def reboot(self, request: Request) -> dict[str, Record]:
        """RebootDBInstance: the server starts anew, with what its parameter group says now."""
        instance = self._core.instance(request["DBInstanceIdentifier"])
        with self._core.lock:
            require_available(instance)
            instance.become("rebooting")
        self._core.change(instance, "reboot", lambda: self._restart(instance))
        return {"DBInstance": instance.record}

    def delete(self, request: Request) -> dict[str, Record]:
        """DeleteDBInstance."""
        core, instance = self._core, self._core.instance(request["DBInstanceIdentifier"])
        final = _final_snapshot(request)
        with core.lock:
            if instance.record["DeletionProtection"]:
                raise Fault(
                    "InvalidParameterCombination",
                    "Cannot delete protected DB Instance, please disable deletion protection and try again.",
                )
            if instance.record["DBInstanceStatus"] == "deleting":
                raise Fault(
                    "InvalidDBInstanceStateFault",
                    f"Instance {instance.record['DBInstanceIdentifier']} is already being deleted.",
                )
            if final:
                require_available(instance)
                tags = instance.record["TagList"] if instance.record["CopyTagsToSnapshot"] else []
                snapshot = core.take_snapshot(instance, final, list(tags))
            instance.cancel()
        core.change(instance, "delete", lambda: self._take_away(instance, snapshot if final else None))
        return {"DBInstance": instance.record}

    def _add(self, request: Mapping[str, Any], name: str, version: str) -> Instance:
        core = self._core
        _check_ranges(request)
        core.check_parameter_group(request.get("DBParameterGroupName"), version)
        subnet_group = core.ministack.subnet_group(request.get("DBSubnetGroupName"))
        groups = request.get("VpcSecurityGroupIds") or core.ministack.default_security_groups(subnet_group["VpcId"])
        core.ministack.check_security_groups(groups)
        record = records.instance(
            {**request, "VpcSecurityGroupIds": groups},
            name=name,
            arn=core.ministack.arn("db", name),
            version=version,
            subnet_group=subnet_group,
            zone=core.ministack.zone(),
        )
        return core.add(record, request.get("Port", records.DEFAULT_PORT))

    def _fill(self, instance: Instance, data: Path) -> None:
        # Within the call, so that a snapshot may be deleted while the restore of it goes on.
        try:
            self._core.place(instance).create(data)
        except Exception as error:
            self._core.forget(instance)
            raise Fault("InsufficientDBInstanceCapacityFault", str(error)) from error

    def _bring_up(self, instance: Instance, step: str, settle: Callable[[Database], None]) -> None:
        core, record, database = self._core, instance.record, instance.database
        assert database is not None, "filled before"
        instance.wait(core.server.delays, step)
        if failure := core.server.failures.get(step):
            instance.become(failure)
            return
        try:
            self._start(instance, database)
        except StartFailed:
            _log.exception("%s does not start", record["DBInstanceIdentifier"])
            instance.become("incompatible-parameters")
            return
        settle(database)
        record["Endpoint"] = core.endpoint(database)
        if secret := record.get("MasterUserSecret"):
            secret["SecretStatus"] = "active"
        if record["BackupRetentionPeriod"]:
            instance.become("backing-up")
            instance.wait(core.server.delays, "rds.backup")
        instance.become("available")

    def _start(self, instance: Instance, database: Database) -> None:
        options = parameters.server_options(self._core.settings(instance))
        database.start(options, lambda: self._recover(instance))

    def _recover(self, instance: Instance) -> None:
        """Start a server that crashed anew, as RDS does."""
        if self._core.server.background.stopping:
            return
        _log.warning("the server of %s ended by itself: starting it anew", instance.record["DBInstanceIdentifier"])
        self._core.change(instance, "recovery", lambda: self._restart(instance))

    def _restart(self, instance: Instance) -> None:
        database = instance.database
        assert database is not None, "an available instance has a database"
        database.stop()
        instance.wait(self._core.server.delays, "rds.reboot")
        try:
            self._start(instance, database)
        except StartFailed:
            instance.become("incompatible-parameters")
            return
        instance.record["DBParameterGroups"][0]["ParameterApplyStatus"] = "in-sync"
        instance.become("available")

    def _take_away(self, instance: Instance, final: Record | None) -> None:
        if final:
            self._core.finish_snapshot(final)
        self._core.server.background.wait(self._core.server.delays, "rds.delete")
        master.unmanage(self._core.ministack, instance.record)
        self._core.forget(instance)


def require_available(instance: Instance) -> None:
    """Refuse a change of an instance that is not available.

    :raises Fault: InvalidDBInstanceStateFault
    """
    record = instance.record
    if record["DBInstanceStatus"] not in SNAPSHOT_STATES:
        raise Fault(
            "InvalidDBInstanceStateFault",
            f"Instance {record['DBInstanceIdentifier']} is currently in {record['DBInstanceStatus']} state: "
            "expected it to be available.",
        )


def _check_restore(request: Mapping[str, Any], snapshot: Record) -> None:
    if snapshot["Status"] != "available":
        raise Fault(
            "InvalidDBSnapshotStateFault",
            f"DBSnapshot {snapshot['DBSnapshotIdentifier']} is in {snapshot['Status']} state: expected available.",
        )
    if request.get("Engine", ENGINE) != ENGINE:
        raise Fault(
            "InvalidParameterCombination",
            f"The engine {request['Engine']} does not match the snapshot's, {snapshot['Engine']}.",
        )
    if request.get("AllocatedStorage", snapshot["AllocatedStorage"]) < snapshot["AllocatedStorage"]:
        raise Fault(
            "InvalidParameterCombination",
            f"Invalid storage size {request['AllocatedStorage']}: it cannot be less than the snapshot's, "
            f"{snapshot['AllocatedStorage']} GiB.",
        )
    for name in ("DBName", "ManageMasterUserPassword", "MasterUserSecretKmsKeyId"):
        if request.get(name):
            raise Fault("InvalidParameterCombination", f"{name} cannot be given when restoring a {ENGINE} snapshot.")


def _check_ranges(request: Mapping[str, Any]) -> None:
    if not request["DBInstanceClass"].startswith("db."):
        raise Fault("InvalidParameterValue", f"Invalid DB Instance class: {request['DBInstanceClass']}")
    for name, allowed in _RANGES.items():
        if name in request and request[name] not in allowed:
            raise Fault(
                "InvalidParameterValue",
                f"Invalid value {request[name]} for {name}: it must be from {allowed.start} to {allowed.stop - 1}.",
            )


def _check_storage(size: int | None) -> None:
    if size is None:
        raise Fault("InvalidParameterValue", "The parameter AllocatedStorage must be provided and must not be blank.")
    if size not in _STORAGE:
        raise Fault(
            "InvalidParameterValue",
            f"Invalid storage size {size} for {ENGINE}: it must be from {_STORAGE.start} to {_STORAGE.stop - 1} GiB.",
        )


def _check_master(user: str | None) -> None:
    if user is None:
        raise Fault("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
    if user.lower() in _RESERVED_MASTERS or not (user[0].isalpha() and user.isalnum() and len(user) <= 16):
        raise Fault(
            "InvalidParameterValue",
            f"MasterUsername {user} cannot be used: it must begin with a letter, have 1 to 16 letters and digits, "
            "and be no word that the engine reserves.",
        )


def _final_snapshot(request: Mapping[str, Any]) -> str | None:
    skip, final = request.get("SkipFinalSnapshot", False), request.get("FinalDBSnapshotIdentifier")
    if not skip and not final:
        raise Fault(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    if skip and final:
        raise Fault(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is specified.",
        )
    return identifiers.checked("DBSnapshotIdentifier", final) if final else None
