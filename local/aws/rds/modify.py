"""ModifyDBInstance."""

import logging
from collections.abc import Mapping
from typing import Any

from local.aws.query import Fault
from local.aws.rds import master, records
from local.aws.rds.core import Core, Instance
from local.aws.rds.instances import require_available
from local.aws.rds.records import Record
from local.aws.rds.versions import is_older

_log = logging.getLogger(__name__)

Request = dict[str, Any]

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html: what is changed as soon as
# it is asked for, and what waits for the maintenance window unless ApplyImmediately is said.
_AT_ONCE = (
    "DeletionProtection",
    "CopyTagsToSnapshot",
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "MaxAllocatedStorage",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
)
_IN_THE_WINDOW = ("DBInstanceClass", "AllocatedStorage", "StorageType", "Iops", "MultiAZ", "EngineVersion")


class Modification:
    """The operation, for every setting that has an effect here or is told of."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def modify(self, request: Request) -> dict[str, Record]:
        """ModifyDBInstance."""
        instance = self._core.instance(request["DBInstanceIdentifier"])
        if request.get("NewDBInstanceIdentifier"):
            raise Fault("InvalidParameterCombination", "Instances cannot be renamed here.")
        with self._core.lock:
            require_available(instance)
            self._check(request, instance)
            working = self._apply_at_once(request, instance)
            if working:
                instance.become("modifying")
        if working:
            self._core.change(instance, "modify", lambda: self._finish(request, instance))
        return {"DBInstance": instance.record}

    def _check(self, request: Request, instance: Instance) -> None:
        record = instance.record
        master.check(request, required=False)
        if (
            record.get("MasterUserSecret")
            and request.get("MasterUserPassword")
            and "ManageMasterUserPassword" not in request
        ):
            raise Fault(
                "InvalidParameterCombination",
                "You can't specify MasterUserPassword for an instance whose master user password RDS manages.",
            )
        if request.get("ManageMasterUserPassword") is False and not request.get("MasterUserPassword"):
            raise Fault(
                "InvalidParameterCombination", "MasterUserPassword is required when ManageMasterUserPassword is false."
            )
        if request.get("RotateMasterUserPassword") and not (
            record.get("MasterUserSecret") and request.get("ApplyImmediately")
        ):
            raise Fault(
                "InvalidParameterCombination",
                "RotateMasterUserPassword needs a password that RDS manages, and ApplyImmediately.",
            )
        if request.get("AllocatedStorage", record["AllocatedStorage"]) < record["AllocatedStorage"]:
            raise Fault(
                "InvalidParameterCombination",
                f"Invalid storage size {request['AllocatedStorage']}: it cannot be less than the current "
                f"{record['AllocatedStorage']} GiB.",
            )
        version = self._version(request, record)
        group = request.get("DBParameterGroupName") or record["DBParameterGroups"][0]["DBParameterGroupName"]
        if not group.startswith("default.") or request.get("DBParameterGroupName"):
            self._core.check_parameter_group(group, version)
        self._core.ministack.check_security_groups(request.get("VpcSecurityGroupIds", []))
        if request.get("MasterUserSecretKmsKeyId"):
            self._core.ministack.usable_key(request["MasterUserSecretKmsKeyId"])

    def _version(self, request: Request, record: Record) -> str:
        if "EngineVersion" not in request:
            return str(record["EngineVersion"])
        version = self._core.versions.resolve(record["Engine"], request["EngineVersion"])
        if is_older(version, record["EngineVersion"]):
            raise Fault(
                "InvalidParameterCombination",
                f"Cannot upgrade {record['Engine']} from {record['EngineVersion']} to {version}",
            )
        return version

    def _apply_at_once(self, request: Request, instance: Instance) -> bool:
        """Apply what takes no time; whether anything is left that does."""
        record = instance.record
        record.update({name: request[name] for name in _AT_ONCE if name in request})
        later = _changes(request, record)
        if "EngineVersion" in later:
            later["EngineVersion"] = self._version(request, record)
        if later and not request.get("ApplyImmediately", False):
            record["PendingModifiedValues"].update(later)
            later = {}
        slow = ("MasterUserPassword", "RotateMasterUserPassword", "VpcSecurityGroupIds", "DBParameterGroupName")
        manages = "ManageMasterUserPassword" in request and (
            request["ManageMasterUserPassword"] != bool(record.get("MasterUserSecret"))
        )
        return bool(later) or manages or any(name in request for name in slow)

    def _finish(self, request: Request, instance: Instance) -> None:
        core, record = self._core, instance.record
        instance.wait(core.server.delays, "rds.modify")
        if request.get("ApplyImmediately", False):
            changes = _changes(request, record)
            if "EngineVersion" in changes:
                changes["EngineVersion"] = self._version(request, record)
            record.update(changes)
            for name in changes:
                record["PendingModifiedValues"].pop(name, None)
        if "VpcSecurityGroupIds" in request:
            record["VpcSecurityGroups"] = records.security_groups(request["VpcSecurityGroupIds"])
        group = request.get("DBParameterGroupName")
        if group and group.lower() != record["DBParameterGroups"][0]["DBParameterGroupName"].lower():
            # Even dynamic settings of a group just attached wait for the reboot.
            record["DBParameterGroups"] = [{"DBParameterGroupName": group, "ParameterApplyStatus": "pending-reboot"}]
        self._change_password(request, instance)
        instance.become("available")

    def _change_password(self, request: Mapping[str, Any], instance: Instance) -> None:
        record, ministack = instance.record, self._core.ministack
        password = request.get("MasterUserPassword")
        manage = request.get("ManageMasterUserPassword", False) and not record.get("MasterUserSecret")
        if manage or request.get("RotateMasterUserPassword"):
            password = master.new_password()
        if password is None:
            return
        instance.become("resetting-master-credentials")
        assert instance.database is not None, "an available instance has a database"
        if manage or request.get("RotateMasterUserPassword"):
            master.manage(ministack, record, password, request.get("MasterUserSecretKmsKeyId"))
        else:
            master.unmanage(ministack, record)
        instance.database.set_master(record["MasterUsername"], password)
        if secret := record.get("MasterUserSecret"):
            secret["SecretStatus"] = "active"


def _changes(request: Request, record: Record) -> Record:
    return {name: request[name] for name in _IN_THE_WINDOW if name in request and request[name] != record.get(name)}
