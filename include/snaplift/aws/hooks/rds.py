"""RDS: instances and snapshots, each told from its namesakes by resource id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow.providers.amazon.aws.hooks.rds import RdsHook
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.errors import StepFailed, absent_is_none, code
from snaplift.aws.hooks.base import PlaceMixin, from_tag_list, to_tag_list
from snaplift.promotion.quotas import Usage
from snaplift.promotion.wait import Wait

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef, DBSnapshotTypeDef

# RDS User Guide, "Viewing DB instance status": what does not pass by itself.
BROKEN = (
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-create",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "restore-error",
    "stopped",
    "storage-full",
)
AVAILABLE = ("available", "storage-optimization")
# RDS: DeleteDBInstance, SkipFinalSnapshot: in these states an instance is deleted without a snapshot or not at all.
NO_SNAPSHOT = ("failed", "incompatible-network", "incompatible-restore")


@dataclass(frozen=True)
class FoundInstance:
    """A database instance, as it was found."""

    identifier: str
    arn: str
    resource_id: str
    status: str
    engine: str
    version: str
    storage: int
    encrypted: bool
    key_arn: str | None
    protected: bool
    tags: dict[str, str]
    backup_window: str | None = None
    host: str = ""
    """Where it answers; empty: nowhere yet."""
    port: int = 0
    instance_class: str = ""
    created_at: datetime | None = None
    """None: it is being made."""
    backups: int = 0
    """Days that its automated backups are kept; 0: it has none."""
    security_groups: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    """Its cluster, its source and its read replicas: it is not alone."""
    pending: tuple[str, ...] = ()
    """Changes that wait for its maintenance window."""
    multi_az: bool = False
    """Whether it has a standby in another zone."""

    @property
    def family(self) -> str:
        """Engine and major version, as parameter groups are named after."""
        return self.engine + ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class FoundSnapshot:
    """A snapshot, as it was found."""

    identifier: str
    resource_id: str
    """Of the instance that it was taken of."""
    status: str
    percent: int
    engine: str
    version: str
    storage: int
    encrypted: bool
    key_arn: str | None
    tags: dict[str, str]
    arn: str = ""
    created_at: datetime | None = None
    """None: it is being taken."""

    @property
    def family(self) -> str:
        return self.engine + ".".join(self.version.split(".")[:2])


def _instance(found: DBInstanceTypeDef) -> FoundInstance:
    return FoundInstance(
        identifier=found["DBInstanceIdentifier"],
        arn=found["DBInstanceArn"],
        resource_id=found["DbiResourceId"],
        status=found["DBInstanceStatus"],
        engine=found["Engine"],
        version=found.get("EngineVersion", ""),
        storage=found.get("AllocatedStorage", 0),
        encrypted=found.get("StorageEncrypted", False),
        key_arn=found.get("KmsKeyId"),
        protected=found.get("DeletionProtection", False),
        tags=from_tag_list(found.get("TagList")),
        backup_window=found.get("PreferredBackupWindow"),
        host=found.get("Endpoint", {}).get("Address", ""),
        port=found.get("Endpoint", {}).get("Port", 0),
        instance_class=found.get("DBInstanceClass", ""),
        created_at=found.get("InstanceCreateTime"),
        backups=found.get("BackupRetentionPeriod", 0),
        security_groups=tuple(each["VpcSecurityGroupId"] for each in found.get("VpcSecurityGroups", [])),
        pending=tuple(sorted(found.get("PendingModifiedValues", {}))),
        multi_az=found.get("MultiAZ", False),
        related=tuple(
            filter(
                None,
                [
                    found.get("DBClusterIdentifier"),
                    found.get("ReadReplicaSourceDBInstanceIdentifier"),
                    *found.get("ReadReplicaDBInstanceIdentifiers", []),
                ],
            )
        ),
    )


def _snapshot(found: DBSnapshotTypeDef) -> FoundSnapshot:
    return FoundSnapshot(
        identifier=found["DBSnapshotIdentifier"],
        resource_id=found.get("DbiResourceId", ""),
        status=found["Status"],
        percent=found.get("PercentProgress", 0),
        engine=found["Engine"],
        version=found.get("EngineVersion", ""),
        storage=found.get("AllocatedStorage", 0),
        encrypted=found.get("Encrypted", False),
        key_arn=found.get("KmsKeyId"),
        tags=from_tag_list(found.get("TagList")),
        arn=found.get("DBSnapshotArn", ""),
        created_at=found.get("SnapshotCreateTime"),
    )


class DatabaseHook(PlaceMixin, RdsHook):
    """Snapshots and instances, safe under retry.

    The provider's operators raise on what exists or is gone already, and its snapshot wait ends after 20 minutes.
    """

    @property
    def client(self) -> RDSClient:
        return self.get_conn()

    def instance(self, identifier: str) -> FoundInstance | None:
        """Look an instance up.

        :raises ClientError: anything but "not found".
        """
        with absent_is_none("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            return _instance(self.client.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0])
        return None

    def snapshot(self, identifier: str) -> FoundSnapshot | None:
        """Look a snapshot up.

        :raises ClientError: anything but "not found".
        """
        with absent_is_none("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
            return _snapshot(self.client.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"][0])
        return None

    def instances(self) -> Iterator[FoundInstance]:
        """List every instance of the account and region, to the last page."""
        for page in self.client.get_paginator("describe_db_instances").paginate():
            yield from map(_instance, page["DBInstances"])

    def snapshots(self) -> Iterator[FoundSnapshot]:
        """List every manual snapshot of the account and region, to the last page."""
        for page in self.client.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual"):
            yield from map(_snapshot, page["DBSnapshots"])

    def releases(self, instance: str, installation: str) -> Iterator[naming.Release]:
        """Releases of an instance that have an available snapshot of ours, oldest first."""
        found = []
        pages = self.client.get_paginator("describe_db_snapshots").paginate(
            DBInstanceIdentifier=instance, SnapshotType="manual"
        )
        for snapshot in (item for page in pages for item in page["DBSnapshots"]):
            ours = naming.is_ours(from_tag_list(snapshot.get("TagList")), installation)
            if not ours or snapshot["Status"] != "available":
                continue
            try:
                found.append(naming.SnapshotName.parse(snapshot["DBSnapshotIdentifier"]).release)
            except naming.InvalidName:
                continue  # a final snapshot
        yield from sorted(found)

    def ensure_snapshot(
        self, identifier: str, *, instance: str, resource_id: str, tags: dict[str, str], timeout: timedelta
    ) -> FoundSnapshot | Wait:
        """Take a release's snapshot, or adopt the one of that name if it is that release.

        Whose run took it makes no difference: two environments that are promoted in the same second have one release.

        :param resource_id: of the instance that is meant; a namesake is refused, and so is its snapshot.
        :raises StepFailed: the snapshot is not that release, or failed; the instance is gone.
        """
        found = self.snapshot(identifier)
        if found is None:
            try:
                return self._begin_snapshot(identifier, instance, resource_id, tags, timeout)
            except ClientError as error:
                # Taken by a call whose answer was lost, or by somebody else just now.
                if code(error) != "DBSnapshotAlreadyExists" or (found := self.snapshot(identifier)) is None:
                    raise
        same = (naming.INSTALLATION_TAG, naming.NAMESPACE_TAG, naming.RELEASE_TAG)
        if found.resource_id != resource_id or any(found.tags.get(key) != tags[key] for key in same):
            raise StepFailed(
                f"snapshot {identifier} exists and is not release {tags[naming.RELEASE_TAG]} of {instance} "
                f"({resource_id}): it is left alone. Start another promotion, whose release has another name"
            )
        if found.status == "available":
            return found
        if found.status == "failed":
            raise StepFailed(f"snapshot {identifier} failed: look at the events of instance {instance}")
        return self.wait("db_snapshot", identifier, done=("available",), failed=("failed",), timeout=timeout)

    def _begin_snapshot(
        self, identifier: str, instance: str, resource_id: str, tags: dict[str, str], timeout: timedelta
    ) -> Wait:
        source = self.instance(instance)
        if source is None or source.resource_id != resource_id:
            raise StepFailed(f"instance {instance} is not the one that was planned with ({resource_id}): plan again")
        if source.status not in AVAILABLE:  # "backing-up" and others refuse a snapshot, and pass
            return self.wait_available(source, timeout)
        self.log.info("taking snapshot %s of %s", identifier, instance)
        self.client.create_db_snapshot(
            DBSnapshotIdentifier=identifier, DBInstanceIdentifier=instance, Tags=to_tag_list(tags)
        )
        return self.wait("db_snapshot", identifier, done=("available",), failed=("failed",), timeout=timeout)

    def wait_available(self, instance: FoundInstance, timeout: timedelta) -> Wait:
        """Wait until an instance, this incarnation of it, can be worked with."""
        return self.wait(
            "db_instance",
            instance.identifier,
            identity=instance.resource_id,
            done=AVAILABLE,
            failed=BROKEN,
            timeout=timeout,
        )

    def set_protection(self, instance: FoundInstance, *, on: bool) -> None:
        """Protect an instance from deletion, or lift that. It is in force at once."""
        if instance.protected != on:
            self.log.info("deletion protection of %s: %s", instance.identifier, "on" if on else "off")
            self.client.modify_db_instance(
                DBInstanceIdentifier=instance.identifier, DeletionProtection=on, ApplyImmediately=True
            )

    def ensure_backups(self, instance: FoundInstance, days: int, timeout: timedelta) -> Wait | None:
        """Have automated backups of an instance. None: it has them.

        The first ones begin with a restart: nobody may be served by it yet.
        """
        if instance.status not in AVAILABLE:
            return self.wait_available(instance, timeout)
        if instance.backups:
            return None
        self.log.info("automated backups of %s: kept for %d days", instance.identifier, days)
        self.client.modify_db_instance(
            DBInstanceIdentifier=instance.identifier, BackupRetentionPeriod=days, ApplyImmediately=True
        )
        return self.wait_available(instance, timeout)

    def remove(
        self, identifier: str, *, resource_id: str, final_snapshot: str | None, timeout: timedelta
    ) -> Wait | None:
        """Delete one incarnation of an instance, its protection lifted, with a final snapshot. None: it is gone.

        :raises StepFailed: the name is another incarnation's now, or the final snapshot cannot be had.
        """
        found = self.instance(identifier)
        if found is None:
            return None
        if found.resource_id != resource_id:
            raise StepFailed(f"instance {identifier} is {found.resource_id}, not {resource_id}: it is left alone")
        gone = self.wait("db_instance", identifier, identity=resource_id, done=(), absent="done", timeout=timeout)
        if found.status == "deleting":
            return gone
        if found.status not in (*AVAILABLE, *BROKEN):
            return self.wait_available(found, timeout)
        keep = self._to_be_taken(found, final_snapshot)  # what has to stay for that stays protected
        if found.protected:
            self.set_protection(found, on=False)
            if found.status in AVAILABLE:
                return self.wait_available(found, timeout)
        self.log.info("deleting instance %s (%s), final snapshot %s", found.identifier, found.resource_id, keep)
        if keep:
            self.client.delete_db_instance(DBInstanceIdentifier=found.identifier, FinalDBSnapshotIdentifier=keep)
        else:
            self.client.delete_db_instance(DBInstanceIdentifier=found.identifier, SkipFinalSnapshot=True)
        return gone

    def _to_be_taken(self, found: FoundInstance, final_snapshot: str | None) -> str | None:
        """Name the final snapshot that the deletion has to take. None: none is wanted, or it was taken already.

        :raises StepFailed: it can never be had, so the instance stays.
        """
        if final_snapshot and naming.is_unmasked(found.tags):
            self.log.info("instance %s was to be masked and is not: no snapshot of it is kept", found.identifier)
            return None
        return final_snapshot if final_snapshot and not self._is_kept(found, final_snapshot) else None

    def _is_kept(self, found: FoundInstance, final_snapshot: str) -> bool:
        """Say whether an earlier try took the final snapshot already.

        :raises StepFailed: it can never be had, so the instance stays.
        """
        snapshot = self.snapshot(final_snapshot)
        if snapshot is None and found.status in NO_SNAPSHOT:
            raise StepFailed(
                f"instance {found.identifier} is {found.status}: no final snapshot can be taken, so it stays. Mend it, "
                "or save what it holds from its automated backups and delete it by hand"
            )
        if snapshot is not None and (snapshot.resource_id != found.resource_id or snapshot.status != "available"):
            raise StepFailed(
                f"snapshot {final_snapshot} is of {snapshot.resource_id} and {snapshot.status}, so it is not "
                f"{found.identifier}'s final one, which is left alone"
            )
        return snapshot is not None

    def remove_snapshot(self, found: FoundSnapshot) -> None:
        """Delete a snapshot; RDS has no way to get it back. That it is gone is no error."""
        self.log.info("deleting snapshot %s", found.identifier)
        with absent_is_none("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
            self.client.delete_db_snapshot(DBSnapshotIdentifier=found.identifier)

    def adopt(self, instance: FoundInstance) -> None:
        """Protect an instance that stood before, and have its snapshots take its tags. Neither waits for anything.

        Not "at once": that would bring along every change that waits for the maintenance window.
        """
        self.client.modify_db_instance(
            DBInstanceIdentifier=instance.identifier, DeletionProtection=True, CopyTagsToSnapshot=True
        )

    def tag(self, instance: FoundInstance, tags: dict[str, str]) -> None:
        """Put tags on an instance."""
        self.client.add_tags_to_resource(ResourceName=instance.arn, Tags=to_tag_list(tags))

    def usage(self) -> dict[str, Usage]:
        """What is used of the account's quotas in this region: ``DBInstances``, ``ManualSnapshots`` and others."""
        quotas = self.client.describe_account_attributes()["AccountQuotas"]
        return {quota["AccountQuotaName"]: Usage(used=quota["Used"], limit=quota["Max"]) for quota in quotas}
