"""AWS::RDS::DBInstance: what CloudFormation's handler of it does with RDS.

https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds, aws-rds-dbinstance
"""

import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from local.aws.background import Stopping
from local.aws.query import Fault, QueryService
from local.aws.rds import records
from local.aws.rds.core import Core, Instance
from local.aws.rds.instances import SNAPSHOT_STATES, Instances
from local.aws.rds.modify import Modification

Properties = dict[str, Any]
Attributes = dict[str, str]

_POLL_SECONDS = 0.05
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html, under
# DBSnapshotIdentifier: properties that must not stand beside it.
_NOT_BESIDE_A_SNAPSHOT = (
    "CharacterSetName",
    "DBClusterIdentifier",
    "DBName",
    "KmsKeyId",
    "MasterUsername",
    "MasterUserPassword",
    "PromotionTier",
    "SourceDBInstanceIdentifier",
    "SourceRegion",
    "Timezone",
)
# Not taken by the restore itself: the handler modifies the restored instance.
_AFTER_A_RESTORE = (
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "DBParameterGroupName",
    "EngineVersion",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "MaxAllocatedStorage",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
)
_OTHER_NAMES = {"VPCSecurityGroups": "VpcSecurityGroupIds"}
_BAD_STATES = ("failed", "incompatible-", "inaccessible-", "storage-full", "deleting")


class HandlerError(Exception):
    """What the handler tells CloudFormation, and CloudFormation the stack's events."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})')


def install(service: QueryService, core: Core, instances: Instances, modification: Modification) -> None:
    """Let stacks make, change and delete instances of ours."""
    handler = Handler(service, core, instances, modification)
    core.ministack.provision_instances(
        {
            "create": handler.create,
            "update": handler.update,
            "delete": handler.delete,
            "snapshot": handler.snapshot,
        }
    )
    core.ministack.roll_back_failed_creations()


class Handler:
    """Each method is called in a thread of its own and returns when the instance is as asked for."""

    def __init__(self, service: QueryService, core: Core, instances: Instances, modification: Modification) -> None:
        self._service = service
        self._core = core
        self._instances = instances
        self._modification = modification
        self._final_snapshots: dict[str, str] = {}

    def create(self, logical_id: str, properties: Properties, stack: str) -> tuple[str, Attributes]:
        """Create or restore; returns the physical id and what Fn::GetAtt gives.

        :raises HandlerError: it could not be; what there is of it is left to the roll-back
        """
        name = properties.get("DBInstanceIdentifier") or self._core.ministack.generated_name(stack, logical_id)
        properties = {**properties, "DBInstanceIdentifier": name}
        instance = None
        try:
            instance = self._begin(properties)
            self._settle(instance)
            if properties.get("DBSnapshotIdentifier"):
                self._finish_restore(instance, properties)
        except (Fault, HandlerError) as error:
            if instance is not None:
                self._core.ministack.note_failed_creation(stack, logical_id, name.lower(), properties)
            raise self._told(error) from error
        return instance.record["DBInstanceIdentifier"], _attributes(instance)

    def update(self, physical_id: str, old: Properties, new: Properties, _stack: str) -> tuple[str, Attributes]:
        """Change what differs, in place.

        :raises HandlerError: RDS refuses it, or it would need another instance
        """
        if old.get("DBSnapshotIdentifier") != new.get("DBSnapshotIdentifier"):
            raise HandlerError(f"{physical_id} would have to be replaced: name it in the template", "NotUpdatable")
        changed = {name: value for name, value in new.items() if old.get(name) != value and name != "Tags"}
        try:
            instance = self._core.instance(physical_id)
            self._retag(instance, old, new)
            if request := self._service.accepted("ModifyDBInstance", _renamed(changed)):
                request |= {"DBInstanceIdentifier": physical_id, "ApplyImmediately": True}
                self._modification.modify(request)
                self._settle(instance)
        except (Fault, HandlerError) as error:
            raise self._told(error) from error
        return physical_id, _attributes(instance)

    def snapshot(self, physical_id: str, _: Properties) -> None:
        """Have the deletion that follows take a final snapshot (``DeletionPolicy: Snapshot``)."""
        self._final_snapshots[physical_id] = f"{physical_id[:200]}-snapshot-{uuid4().hex[:12]}"

    def delete(self, physical_id: str, _: Properties) -> None:
        """Delete; returns when the instance is gone.

        :raises HandlerError: RDS refuses it
        """
        final = self._final_snapshots.pop(physical_id, None)
        request: Properties = {"DBInstanceIdentifier": physical_id, "SkipFinalSnapshot": final is None}
        if final:
            request["FinalDBSnapshotIdentifier"] = final
        try:
            instance = self._core.instance(physical_id)
            if instance.record["DBInstanceStatus"] != "deleting":
                self._instances.delete(request)
        except Fault as fault:
            if fault.error == "DBInstanceNotFoundFault":
                return
            raise self._told(fault) from fault
        while self._core.ministack.instances.get(physical_id) is instance.record:
            self._pause()

    def _begin(self, properties: Properties) -> Instance:
        values = _renamed(properties)
        if not properties.get("DBSnapshotIdentifier"):
            self._instances.create(self._service.accepted("CreateDBInstance", values))
            return self._core.instance(properties["DBInstanceIdentifier"])
        if beside := [name for name in _NOT_BESIDE_A_SNAPSHOT if properties.get(name)]:
            raise HandlerError(
                f"{', '.join(beside)} must not be specified when DBSnapshotIdentifier is", "InvalidRequest"
            )
        request = self._service.accepted("RestoreDBInstanceFromDBSnapshot", values)
        for name in ("ManageMasterUserPassword", "MasterUserSecretKmsKeyId"):
            request.pop(name, None)
        self._instances.restore(request)
        return self._core.instance(properties["DBInstanceIdentifier"])

    def _finish_restore(self, instance: Instance, properties: Properties) -> None:
        name = instance.record["DBInstanceIdentifier"]
        values = {key: properties[key] for key in _AFTER_A_RESTORE if key in properties}
        if request := self._service.accepted("ModifyDBInstance", values):
            self._modification.modify({**request, "DBInstanceIdentifier": name, "ApplyImmediately": True})
            self._settle(instance)
        if properties.get("DBParameterGroupName"):
            self._instances.reboot({"DBInstanceIdentifier": name})
            self._settle(instance)

    def _settle(self, instance: Instance) -> None:
        """Wait until the instance is available.

        :raises HandlerError: it came into a state that it does not leave by itself
        """
        while (status := instance.record["DBInstanceStatus"]) not in SNAPSHOT_STATES:
            if status.startswith(_BAD_STATES):
                name = instance.record["DBInstanceIdentifier"]
                raise HandlerError(f"DB Instance {name} is in state: {status}", "NotStabilized")
            self._pause()

    def _pause(self) -> None:
        if self._core.server.background.stopping:
            raise Stopping
        time.sleep(_POLL_SECONDS)

    def _retag(self, instance: Instance, old: Properties, new: Properties) -> None:
        tags = instance.record["TagList"]
        ours = {tag["Key"] for tag in [*old.get("Tags", []), *new.get("Tags", [])]}
        with self._core.lock:
            tags[:] = [tag for tag in tags if tag["Key"] not in ours] + records.tag_list(new.get("Tags", []))

    def _told(self, error: Fault | HandlerError) -> HandlerError:
        if isinstance(error, HandlerError):
            return error
        code = {404: "NotFound"}.get(self._service.status(error.error), "InvalidRequest")
        if error.error.endswith("AlreadyExistsFault"):
            code = "AlreadyExists"
        status = self._service.status(error.error)
        return HandlerError(f"{error.message} (Service: Rds, Status Code: {status})", code)


def _renamed(properties: Mapping[str, Any]) -> Properties:
    return {_OTHER_NAMES.get(name, name): value for name, value in properties.items()}


def _attributes(instance: Instance) -> Attributes:
    record = instance.record
    attributes = {
        "DBInstanceArn": record["DBInstanceArn"],
        "DbiResourceId": record["DbiResourceId"],
        "Endpoint.Address": record["Endpoint"]["Address"],
        "Endpoint.Port": str(record["Endpoint"]["Port"]),
        "Endpoint.HostedZoneId": record["Endpoint"]["HostedZoneId"],
    }
    if secret := record.get("MasterUserSecret"):
        attributes["MasterUserSecret.SecretArn"] = secret["SecretArn"]
    return attributes
