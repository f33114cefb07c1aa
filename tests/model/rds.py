"""RDS: instances, and the states they pass through; snapshots."""

# ruff: noqa: N803  # arguments are called as in AWS's API
from __future__ import annotations

import json
from typing import Any

from tests.model.references import check_kept, check_unused
from tests.model.world import Data, Instance, Snapshot, World, refusal

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
MASTER = "snaplift"
_WORKABLE = frozenset({"available", "storage-optimization"})
_DELETABLE = _WORKABLE | {"failed"}


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def from_tag_list(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


class Rds:
    def __init__(self, world: World) -> None:
        self.world = world

    # -- what a stack does -----------------------------------------------------------------------------------------

    def make(self, identifier: str, data: Data, tags: dict[str, str], storage: int) -> Instance:
        """Begin an instance, as CloudFormation does."""
        resource_id = f"db-{self.world.next():06d}"
        made = Instance(identifier, resource_id, "creating", data, tags, storage)
        self.world.instances[identifier] = made
        password = f"master-{resource_id}"
        self.world.secrets[made.master_secret] = json.dumps({"username": MASTER, "password": password})
        data.accounts[MASTER] = password  # the source's is dead
        return made

    def settle(self, instance: Instance, status: str) -> None:
        """Let an instance be in another state, if it still stands and is not going."""
        if self._stands(instance) and instance.status != "deleting":
            instance.status = status

    def gone(self, instance: Instance) -> None:
        """The end of an instance, its master's secret with it."""
        if self._stands(instance):
            del self.world.instances[instance.identifier]
            self.world.secrets.pop(instance.master_secret, None)

    def _stands(self, instance: Instance) -> bool:
        return self.world.instances.get(instance.identifier) is instance

    # -- the API ---------------------------------------------------------------------------------------------------

    def _instance(self, identifier: str) -> Instance:
        if identifier not in self.world.instances:
            raise refusal("DBInstanceNotFound", f"DBInstance {identifier} not found.")
        return self.world.instances[identifier]

    def describe_db_instances(self, DBInstanceIdentifier: str) -> dict[str, Any]:
        return {"DBInstances": [_described(self._instance(DBInstanceIdentifier))]}

    def describe_db_snapshots(self, **given: Any) -> dict[str, Any]:
        if name := given.get("DBSnapshotIdentifier"):
            if name not in self.world.snapshots:
                raise refusal("DBSnapshotNotFound", f"DBSnapshot {name} not found.")
            return {"DBSnapshots": [_described_snapshot(self.world.snapshots[name])]}
        prefix = given["DBInstanceIdentifier"]
        found = [s for s in self.world.snapshots.values() if s.identifier.startswith(prefix.removesuffix("-db"))]
        return {"DBSnapshots": [_described_snapshot(snapshot) for snapshot in found]}

    def create_db_snapshot(self, DBSnapshotIdentifier: str, DBInstanceIdentifier: str, Tags: Any) -> None:
        instance = self._instance(DBInstanceIdentifier)
        if DBSnapshotIdentifier in self.world.snapshots:
            raise refusal("DBSnapshotAlreadyExists", f"Cannot create {DBSnapshotIdentifier}: it exists.")
        if instance.status not in _WORKABLE:
            raise refusal("InvalidDBInstanceState", f"{DBInstanceIdentifier} is {instance.status}.")
        self._snapshot(DBSnapshotIdentifier, instance, from_tag_list(Tags))
        instance.status = "backing-up"
        self.world.later(300, self.settle, instance, "available")

    def _snapshot(self, identifier: str, instance: Instance, tags: dict[str, str]) -> None:
        made = Snapshot(
            identifier, instance.resource_id, "creating", instance.data.copy(), tags, instance.storage, instance.written
        )
        self.world.snapshots[identifier] = made
        self.world.later(240, self._end_snapshot, made)

    @staticmethod
    def _end_snapshot(snapshot: Snapshot) -> None:
        snapshot.status = "available"

    def modify_db_instance(
        self, DBInstanceIdentifier: str, *, DeletionProtection: bool, ApplyImmediately: bool
    ) -> None:
        instance = self._instance(DBInstanceIdentifier)
        assert ApplyImmediately
        if instance.status not in _DELETABLE:
            raise refusal("InvalidDBInstanceState", f"{DBInstanceIdentifier} is {instance.status}.")
        instance.protected, instance.status = DeletionProtection, "modifying"
        self.world.later(30, self.settle, instance, "available")

    def delete_db_instance(self, DBInstanceIdentifier: str, **given: Any) -> None:
        instance = self._instance(DBInstanceIdentifier)
        if instance.protected:
            raise refusal("InvalidParameterCombination", f"{DBInstanceIdentifier} is protected from deletion.")
        if instance.status not in _DELETABLE:
            raise refusal("InvalidDBInstanceState", f"{DBInstanceIdentifier} is {instance.status}.")
        if final := given.get("FinalDBSnapshotIdentifier"):
            if final in self.world.snapshots:
                raise refusal("DBSnapshotAlreadyExists", f"Cannot create {final}: it exists.")
            self._snapshot(final, instance, dict(instance.tags))
        check_unused(self.world, instance)
        check_kept(self.world, instance)
        instance.status = "deleting"
        self.world.later(300, self.gone, instance)

    def add_tags_to_resource(self, ResourceName: str, Tags: Any) -> None:
        self._instance(ResourceName.rpartition(":")[2]).tags.update(from_tag_list(Tags))

    def describe_account_attributes(self) -> dict[str, Any]:
        quotas = {"DBInstances": len(self.world.instances), "ManualSnapshots": len(self.world.snapshots)}
        return {
            "AccountQuotas": [{"AccountQuotaName": name, "Used": used, "Max": 1000} for name, used in quotas.items()]
        }


def _described(found: Instance) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": found.identifier,
        "DBInstanceArn": f"arn:aws:rds:eu-central-1:123456789012:db:{found.identifier}",
        "DbiResourceId": found.resource_id,
        "DBInstanceStatus": found.status,
        "Engine": "mariadb",
        "EngineVersion": "10.11.8",
        "AllocatedStorage": found.storage,
        "StorageEncrypted": True,
        "KmsKeyId": KEY,
        "DeletionProtection": found.protected,
        "Endpoint": {} if found.status == "creating" else {"Address": found.host, "Port": 3306},
        "TagList": tag_list(found.tags),
    }


def _described_snapshot(found: Snapshot) -> dict[str, Any]:
    return {
        "DBSnapshotIdentifier": found.identifier,
        "DbiResourceId": found.resource_id,
        "Status": found.status,
        "PercentProgress": 100 if found.status == "available" else 40,
        "Engine": "mariadb",
        "EngineVersion": "10.11.8",
        "AllocatedStorage": found.storage,
        "Encrypted": True,
        "KmsKeyId": KEY,
        "TagList": tag_list(found.tags),
    }
