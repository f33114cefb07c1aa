"""CreateDBSnapshot, DescribeDBSnapshots, DeleteDBSnapshot."""

from collections.abc import Callable
from typing import Any

from local.aws.query import Fault
from local.aws.rds import identifiers, paging, records
from local.aws.rds.core import Core, Instance
from local.aws.rds.instances import SNAPSHOT_STATES
from local.aws.rds.records import Record

Request = dict[str, Any]

_FILTERS: dict[str, Callable[[Record], list[str]]] = {
    "db-instance-id": lambda record: [record["DBInstanceIdentifier"]],
    "db-snapshot-id": lambda record: [record["DBSnapshotIdentifier"], record["DBSnapshotArn"]],
    "dbi-resource-id": lambda record: [record["DbiResourceId"]],
    "snapshot-type": lambda record: [record["SnapshotType"]],
    "engine": lambda record: [record["Engine"]],
}


class Snapshots:
    """The operations on snapshots."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, request: Request) -> dict[str, Record]:
        """CreateDBSnapshot: the data are those at the moment of the call."""
        name = identifiers.checked("DBSnapshotIdentifier", request["DBSnapshotIdentifier"])
        instance = self._core.instance(request["DBInstanceIdentifier"])
        source = instance.record
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html: tags given take the place of copied.
        inherited = source["TagList"] if source["CopyTagsToSnapshot"] else []
        tags = records.tag_list(request.get("Tags") or inherited)
        with self._core.lock:
            if name in self._core.ministack.snapshots:
                raise Fault(
                    "DBSnapshotAlreadyExistsFault",
                    f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.",
                )
            if source["DBInstanceStatus"] not in SNAPSHOT_STATES:
                raise Fault(
                    "InvalidDBInstanceStateFault",
                    f"Cannot create a snapshot because the database instance {source['DBInstanceIdentifier']} is not "
                    f"currently in the available state: it is {source['DBInstanceStatus']}.",
                )
            instance.become("backing-up")
        try:
            snapshot = self._core.take_snapshot(instance, name, tags)
        except Exception:
            instance.become("available")
            raise
        self._core.change(instance, "snapshot", lambda: self._finish(instance, snapshot))
        return {"DBSnapshot": snapshot}

    def describe(self, request: Request) -> dict[str, Any]:
        """DescribeDBSnapshots."""
        if name := request.get("DBSnapshotIdentifier"):
            found = [self._core.snapshot(name)]
        else:
            found = list(self._core.ministack.snapshots.values())
        if source := request.get("DBInstanceIdentifier"):
            source = identifiers.name_of("DBInstanceIdentifier", source)
            found = [one for one in found if one["DBInstanceIdentifier"] == source]
        if kind := request.get("SnapshotType"):
            found = [one for one in found if one["SnapshotType"] == kind]
        if resource := request.get("DbiResourceId"):
            found = [one for one in found if one["DbiResourceId"] == resource]
        found = paging.filtered(found, request.get("Filters", []), _FILTERS)
        snapshots, marker = paging.page(found, "DBSnapshotIdentifier", request)
        return {"DBSnapshots": snapshots, "Marker": marker}

    def delete(self, request: Request) -> dict[str, Record]:
        """DeleteDBSnapshot."""
        with self._core.lock:
            snapshot = self._core.snapshot(request["DBSnapshotIdentifier"])
            if snapshot["Status"] not in ("available", "failed"):
                raise Fault(
                    "InvalidDBSnapshotStateFault",
                    f"Cannot delete the snapshot {snapshot['DBSnapshotIdentifier']} because it is in "
                    f"{snapshot['Status']} state: expected available.",
                )
            self._core.forget_snapshot(snapshot)
        return {"DBSnapshot": {**snapshot, "Status": "deleted"}}

    def _finish(self, instance: Instance, snapshot: Record) -> None:
        self._core.finish_snapshot(snapshot)
        instance.become("available")
