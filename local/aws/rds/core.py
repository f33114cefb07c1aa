"""What all of RDS's operations share: the tables, the running databases, the changes of state."""

import logging
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.aws import quotas
from local.aws.addresses import AddressPool, NoAddress
from local.aws.background import Stopping
from local.aws.delays import Delays
from local.aws.query import Fault
from local.aws.rds import identifiers, records
from local.aws.rds.engine import Database, Engine
from local.aws.rds.parameters import family
from local.aws.rds.patches import Ministack
from local.aws.rds.records import Record
from local.aws.rds.versions import Versions
from local.aws.server import Server

_log = logging.getLogger(__name__)

_ADDRESSES = 2  # 127.x.2.y
_FALLBACK_PORTS = range(13306, 13316)


class Cancelled(Exception):
    """The instance is being deleted: what else was under way with it ends."""


class Instance:
    """One incarnation of an instance: its record and, once it runs, its database."""

    def __init__(self, record: Record, port: int) -> None:
        self.record = record
        self.port = port
        self.database: Database | None = None
        self.work = threading.Lock()
        """Held by the one change that is under way."""
        self._cancelled = threading.Event()

    def wait(self, delays: Delays, name: str) -> None:
        """Let the delay ``name`` pass, in a change of this instance.

        :raises Cancelled: it is being deleted
        """
        if delays.wait(name, self._cancelled):
            raise Cancelled

    def become(self, status: str) -> None:
        """Change its status.

        :raises Cancelled: it is being deleted
        """
        if self._cancelled.is_set():
            raise Cancelled
        self.record["DBInstanceStatus"] = status

    def cancel(self) -> None:
        """End what is under way: it is being deleted."""
        self._cancelled.set()
        self.record["DBInstanceStatus"] = "deleting"


class Core:
    """Shared by the operations; ``lock`` guards every check that is followed by a write to a table."""

    def __init__(self, server: Server, engine: Engine, ministack: Ministack) -> None:
        self.server = server
        self.engine = engine
        self.ministack = ministack
        self.versions = Versions(engine.version)
        self.lock = threading.RLock()
        self._running: dict[str, Instance] = {}
        self._addresses: AddressPool = server.addresses.pool(_ADDRESSES)

    def instance(self, name: str) -> Instance:
        """The instance with this identifier or ARN.

        :raises Fault: DBInstanceNotFoundFault
        """
        record = self.ministack.instances.get(identifiers.name_of("DBInstanceIdentifier", name))
        if record is None:
            raise Fault("DBInstanceNotFoundFault", f"DBInstance {name} not found.")
        return self._running[record["DbiResourceId"]]

    def add(self, record: Record, port: int) -> Instance:
        """Put a new instance in the table.

        :raises Fault: DBInstanceAlreadyExistsFault, InstanceQuotaExceededFault
        """
        name = record["DBInstanceIdentifier"]
        with self.lock:
            if name in self.ministack.instances:
                raise Fault("DBInstanceAlreadyExistsFault", "DB instance already exists")
            if len(self.ministack.instances) >= quotas.RDS[quotas.INSTANCES].value:
                raise Fault("InstanceQuotaExceededFault", "DB Instance quota exceeded")
            instance = Instance(record, port)
            self._running[record["DbiResourceId"]] = instance
            self.ministack.instances[name] = record
            self.ministack.tags[record["DBInstanceArn"]] = record["TagList"]
        return instance

    def forget(self, instance: Instance) -> None:
        """Take an instance out of the table and end its database."""
        record = instance.record
        if instance.database:
            instance.database.remove()
            self._addresses.release(instance.database.address)
        with self.lock:
            self.ministack.instances.pop(record["DBInstanceIdentifier"], None)
            self.ministack.tags.pop(record["DBInstanceArn"], None)
            self._running.pop(record["DbiResourceId"], None)

    def place(self, instance: Instance) -> Database:
        """A database for ``instance``, not started, on an address of its own.

        :raises NoAddress: none is free
        """
        address, port = self._free_place(instance.port)
        instance.database = self.engine.database(instance.record["DbiResourceId"], address, port)
        return instance.database

    def change(self, instance: Instance, name: str, work: Callable[[], None]) -> None:
        """Run ``work`` in the background, once other changes of the instance are done."""

        def run() -> None:
            with instance.work:
                try:
                    work()
                except (Cancelled, Stopping):
                    pass
                except Exception:
                    _log.exception("%s of %s failed", name, instance.record["DBInstanceIdentifier"])
                    instance.record["DBInstanceStatus"] = "failed"

        self.server.background.start(f"rds {name} {instance.record['DBInstanceIdentifier']}", run)

    def check_parameter_group(self, name: str | None, version: str) -> None:
        """Refuse a parameter group that is not there, or is for another version.

        :raises Fault: DBParameterGroupNotFoundFault, InvalidParameterCombination
        """
        if name is None or name == f"default.{family(version)}":
            return
        group = self.ministack.parameter_groups.get(name.lower())
        if group is None:
            raise Fault("DBParameterGroupNotFoundFault", f"DBParameterGroup not found: {name}")
        if group["DBParameterGroupFamily"] != family(version):
            raise Fault(
                "InvalidParameterCombination",
                f"The parameter group {name} with DBParameterGroupFamily {group['DBParameterGroupFamily']} can't be "
                f"used for this instance. Please use a parameter group with DBParameterGroupFamily {family(version)}.",
            )

    def settings(self, instance: Instance) -> dict[str, str]:
        """The settings of the instance's parameter group, by name."""
        name = instance.record["DBParameterGroups"][0]["DBParameterGroupName"]
        group: dict[str, Any] = self.ministack.parameter_groups.get(name.lower()) or {}
        return {name: one["ParameterValue"] for name, one in group.get("Parameters", {}).items()}

    def endpoint(self, database: Database) -> Record:
        """Where a database is reached."""
        return {"Address": database.address, "Port": database.port, "HostedZoneId": "Z2R2ITUGPM61AM"}

    def take_snapshot(self, instance: Instance, name: str, tags: list[Record]) -> Record:
        """Copy the data of ``instance`` as of now; the snapshot is in the table, ``creating``.

        :raises Fault: DBSnapshotAlreadyExistsFault, SnapshotQuotaExceededFault
        """
        arn = self.ministack.arn("snapshot", name)
        record = records.snapshot(instance.record, name=name, arn=arn, port=instance.port, tags=tags)
        with self.lock:
            if name in self.ministack.snapshots:
                raise Fault(
                    "DBSnapshotAlreadyExistsFault",
                    f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.",
                )
            if len(self.ministack.snapshots) >= quotas.RDS[quotas.SNAPSHOTS].value:
                raise Fault(
                    "SnapshotQuotaExceededFault",
                    f"Cannot create more than {quotas.RDS[quotas.SNAPSHOTS].value} manual snapshots",
                )
            self.ministack.snapshots[name] = record
            self.ministack.tags[arn] = tags
        try:
            if instance.database:
                instance.database.copy_to(self.snapshot_data(record))
        except Exception:
            self.forget_snapshot(record)
            raise
        return record

    def finish_snapshot(self, record: Record) -> None:
        """Let the time pass that a snapshot takes, then call it available, or failed where that is asked for."""
        self.server.background.wait(self.server.delays, "rds.snapshot")
        record["Status"] = self.server.failures.get("rds.snapshot") or "available"
        record["PercentProgress"] = 100 if record["Status"] == "available" else 0

    def snapshot(self, name: str) -> Record:
        """The record of the snapshot with this identifier or ARN.

        :raises Fault: DBSnapshotNotFoundFault
        """
        record: Record | None = self.ministack.snapshots.get(identifiers.name_of("DBSnapshotIdentifier", name))
        if record is None:
            raise Fault("DBSnapshotNotFoundFault", f"DBSnapshot not found: {name}")
        return record

    def snapshot_data(self, record: Record) -> Path:
        """The folder with a snapshot's data: by name and time, since a name may be used again."""
        moment = re.sub(r"\D", "", record["SnapshotCreateTime"])
        return self.engine.snapshot_folder(f"{record['DBSnapshotIdentifier']}-{moment}")

    def forget_snapshot(self, record: Record) -> None:
        """Take a snapshot out of the table and remove its data."""
        with self.lock:
            self.ministack.snapshots.pop(record["DBSnapshotIdentifier"], None)
            self.ministack.tags.pop(record["DBSnapshotArn"], None)
        shutil.rmtree(self.snapshot_data(record), ignore_errors=True)

    def _free_place(self, wanted: int) -> tuple[str, int]:
        for port in (wanted, *_FALLBACK_PORTS):
            try:
                address = self._addresses.claim(port)
            except NoAddress as error:
                # Something may listen there on all addresses, say a MariaDB of the machine's own.
                _log.warning("%s", error)
            else:
                return address, port
        raise NoAddress(f"no loopback address is free for a database on port {wanted}")
