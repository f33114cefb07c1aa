"""What RDS tells of an instance and of a snapshot: the records, in the words of its API."""

import secrets
import string
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.aws.rds.parameters import default_group
from local.aws.rds.versions import ENGINE, series

Record = dict[str, Any]

DEFAULT_PORT = 3306
_RESOURCE_ID_ALPHABET = string.ascii_uppercase + "234567"


def now() -> str:
    """This moment as the API writes times: UTC, to the millisecond."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def new_resource_id() -> str:
    """A DbiResourceId: what tells one incarnation of an instance from the next of the same name."""
    return "db-" + "".join(secrets.choice(_RESOURCE_ID_ALPHABET) for _ in range(26))


def instance(
    request: Mapping[str, Any], *, name: str, arn: str, version: str, subnet_group: Record, zone: str
) -> Record:
    """The record of a new instance, from the request of a creation or, with the snapshot's facts in it, a restore."""
    group = request.get("DBParameterGroupName") or default_group(version)
    storage = request["AllocatedStorage"]
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": arn,
        "DbiResourceId": new_resource_id(),
        "DBInstanceClass": request["DBInstanceClass"],
        "DBInstanceStatus": "creating",
        "Engine": ENGINE,
        "EngineVersion": version,
        "LicenseModel": "general-public-license",
        "MasterUsername": request["MasterUsername"],
        "DBName": request.get("DBName"),
        "AllocatedStorage": storage,
        "MaxAllocatedStorage": request.get("MaxAllocatedStorage"),
        "StorageType": request.get("StorageType", "gp2"),
        "Iops": request.get("Iops"),
        "StorageEncrypted": request.get("StorageEncrypted", False),
        "KmsKeyId": request.get("KmsKeyId"),
        "InstanceCreateTime": now(),
        "DBSecurityGroups": [],
        "VpcSecurityGroups": security_groups(request["VpcSecurityGroupIds"]),
        "DBParameterGroups": [{"DBParameterGroupName": group, "ParameterApplyStatus": "in-sync"}],
        "OptionGroupMemberships": [
            {"OptionGroupName": f"default:{ENGINE}-{series(version).replace('.', '-')}", "Status": "in-sync"}
        ],
        "DBSubnetGroup": subnet_group,
        "AvailabilityZone": request.get("AvailabilityZone") or zone,
        "MultiAZ": request.get("MultiAZ", False),
        "PubliclyAccessible": request.get("PubliclyAccessible", False),
        "AutoMinorVersionUpgrade": request.get("AutoMinorVersionUpgrade", True),
        "BackupRetentionPeriod": request.get("BackupRetentionPeriod", 1),
        "PreferredBackupWindow": request.get("PreferredBackupWindow", "03:00-03:30"),
        "PreferredMaintenanceWindow": request.get("PreferredMaintenanceWindow", "sun:05:00-sun:05:30").lower(),
        "CopyTagsToSnapshot": request.get("CopyTagsToSnapshot", False),
        "DeletionProtection": request.get("DeletionProtection", False),
        "IAMDatabaseAuthenticationEnabled": request.get("EnableIAMDatabaseAuthentication", False),
        "MonitoringInterval": request.get("MonitoringInterval", 0),
        "PerformanceInsightsEnabled": request.get("EnablePerformanceInsights", False),
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "PendingModifiedValues": {},
        "ReadReplicaDBInstanceIdentifiers": [],
        "DomainMemberships": [],
        "AssociatedRoles": [],
        "DbInstancePort": 0,
        "NetworkType": "IPV4",
        "BackupTarget": "region",
        "CustomerOwnedIpEnabled": False,
        "TagList": tag_list(request.get("Tags", ())),
    }


def snapshot(source: Mapping[str, Any], *, name: str, arn: str, port: int, tags: list[Record]) -> Record:
    """The record of a snapshot of the instance ``source``, taken now."""
    taken = now()
    return {
        "DBSnapshotIdentifier": name,
        "DBSnapshotArn": arn,
        "DBInstanceIdentifier": source["DBInstanceIdentifier"],
        "DbiResourceId": source["DbiResourceId"],
        "SnapshotType": "manual",
        "Status": "creating",
        "PercentProgress": 0,
        "SnapshotCreateTime": taken,
        "OriginalSnapshotCreateTime": taken,
        "SnapshotDatabaseTime": taken,
        "InstanceCreateTime": source["InstanceCreateTime"],
        "Engine": source["Engine"],
        "EngineVersion": source["EngineVersion"],
        "LicenseModel": source["LicenseModel"],
        "MasterUsername": source["MasterUsername"],
        "AllocatedStorage": source["AllocatedStorage"],
        "StorageType": source["StorageType"],
        "Iops": source.get("Iops"),
        "Encrypted": source["StorageEncrypted"],
        "KmsKeyId": source.get("KmsKeyId"),
        "Port": port,
        "VpcId": source["DBSubnetGroup"]["VpcId"],
        "AvailabilityZone": source["AvailabilityZone"],
        "OptionGroupName": source["OptionGroupMemberships"][0]["OptionGroupName"],
        "IAMDatabaseAuthenticationEnabled": source["IAMDatabaseAuthenticationEnabled"],
        "ProcessorFeatures": [],
        "SnapshotTarget": "region",
        "TagList": tags,
    }


def security_groups(ids: Iterable[str]) -> list[Record]:
    """The memberships of an instance in security groups."""
    return [{"VpcSecurityGroupId": one, "Status": "active"} for one in ids]


def tag_list(tags: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Tags as records hold them; a tag without a value has an empty one."""
    return [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in tags]
