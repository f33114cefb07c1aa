"""The operations on parameter groups, the tags of RDS's things, and the engine versions."""

import logging
import re
from typing import Any

import pymysql

from local.aws.query import Fault
from local.aws.rds import identifiers, paging, parameters, records
from local.aws.rds.core import Core
from local.aws.rds.records import Record
from local.aws.rds.versions import ENGINE, series

_log = logging.getLogger(__name__)

Request = dict[str, Any]


class ParameterGroups:
    """Parameter groups, of which MariaDB's own settings reach the servers."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, request: Request) -> dict[str, Record]:
        """CreateDBParameterGroup."""
        name = identifiers.checked("DBParameterGroupName", request["DBParameterGroupName"])
        family = request["DBParameterGroupFamily"]
        known = [parameters.family(version) for version in self._core.versions.all()]
        if family not in known:
            raise Fault(
                "InvalidParameterValue",
                f"ParameterGroupFamily {family} is not a valid parameter group family: there are {', '.join(known)}.",
            )
        group = {
            "DBParameterGroupName": name,
            "DBParameterGroupFamily": family,
            "Description": request["Description"],
            "DBParameterGroupArn": self._core.ministack.arn("pg", name),
            "Parameters": {},
        }
        with self._core.lock:
            if name in self._core.ministack.parameter_groups:
                raise Fault("DBParameterGroupAlreadyExistsFault", f"Parameter group {name} already exists")
            self._core.ministack.parameter_groups[name] = group
            self._core.ministack.tags[group["DBParameterGroupArn"]] = records.tag_list(request.get("Tags", ()))
        return {"DBParameterGroup": group}

    def describe(self, request: Request) -> dict[str, Any]:
        """DescribeDBParameterGroups."""
        if name := request.get("DBParameterGroupName"):
            return {"DBParameterGroups": [self._group(name)]}
        groups = list(self._core.ministack.parameter_groups.values())
        groups, marker = paging.page(groups, "DBParameterGroupName", request)
        return {"DBParameterGroups": groups, "Marker": marker}

    def delete(self, request: Request) -> dict[str, Any]:
        """DeleteDBParameterGroup."""
        with self._core.lock:
            group = self._group(request["DBParameterGroupName"])
            name = group["DBParameterGroupName"]
            if self._users(name):
                raise Fault(
                    "InvalidDBParameterGroupStateFault",
                    f"One or more database instances are still members of this parameter group {name}, so the group "
                    "cannot be deleted",
                )
            self._core.ministack.parameter_groups.pop(name)
            self._core.ministack.tags.pop(group["DBParameterGroupArn"], None)
        return {}

    def modify(self, request: Request) -> dict[str, str]:
        """ModifyDBParameterGroup."""
        group = self._group(request["DBParameterGroupName"])
        changes: dict[str, Record] = {}
        for one in request.get("Parameters", []):
            name, value = one["ParameterName"], one.get("ParameterValue", "")
            method = one.get("ApplyMethod", "pending-reboot")
            parameters.check_value(name, value)
            if method == "immediate" and name in parameters.STATIC:
                raise Fault(
                    "InvalidParameterCombination",
                    f"cannot use immediate apply method for static parameter: {name}",
                )
            changes[name] = {"ParameterValue": value, "ApplyMethod": method}
        group["Parameters"].update(changes)
        self._reach_servers(group["DBParameterGroupName"], changes)
        return {"DBParameterGroupName": group["DBParameterGroupName"]}

    def reset(self, request: Request) -> dict[str, str]:
        """ResetDBParameterGroup."""
        group = self._group(request["DBParameterGroupName"])
        if request.get("ResetAllParameters") or not request.get("Parameters"):
            group["Parameters"].clear()
        for one in request.get("Parameters", []):
            group["Parameters"].pop(one["ParameterName"], None)
        for record in self._users(group["DBParameterGroupName"]):
            record["DBParameterGroups"][0]["ParameterApplyStatus"] = "pending-reboot"
        return {"DBParameterGroupName": group["DBParameterGroupName"]}

    def _group(self, name: str) -> Record:
        group: Record | None = self._core.ministack.parameter_groups.get(name.lower())
        if group is None:
            raise Fault("DBParameterGroupNotFoundFault", f"DBParameterGroup not found: {name}")
        return group

    def _users(self, name: str) -> list[Record]:
        return [
            record
            for record in self._core.ministack.instances.values()
            if record["DBParameterGroups"][0]["DBParameterGroupName"].lower() == name
        ]

    def _reach_servers(self, name: str, changes: dict[str, Record]) -> None:
        immediate = {key: one["ParameterValue"] for key, one in changes.items() if one["ApplyMethod"] == "immediate"}
        for record in self._users(name):
            instance = self._core.instance(record["DBInstanceIdentifier"])
            pending = len(immediate) < len(changes)
            if instance.database and record["DBInstanceStatus"] == "available":
                try:
                    instance.database.set_variables(parameters.changed_while_running(immediate))
                except pymysql.Error as error:
                    _log.warning("%s does not take a parameter: %s", record["DBInstanceIdentifier"], error)
                    pending = True
            if pending:
                record["DBParameterGroups"][0]["ParameterApplyStatus"] = "pending-reboot"


class Tags:
    """Tags of instances, snapshots and groups."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def add(self, request: Request) -> dict[str, Any]:
        """AddTagsToResource."""
        if any(tag["Key"].lower().startswith("aws:") for tag in request["Tags"]):
            raise Fault("InvalidParameterValue", "The tag keys cannot begin with aws:, which is reserved.")
        return self.add_as_aws(request)

    def add_as_aws(self, request: Request) -> dict[str, Any]:
        """AddTagsToResource by AWS itself, which also sets tags of its own (``aws:cloudformation:stack-id``)."""
        new = records.tag_list(request["Tags"])
        with self._core.lock:
            tags = self._tags(request["ResourceName"])
            keys = {tag["Key"] for tag in new}
            tags[:] = [tag for tag in tags if tag["Key"] not in keys] + new
        return {}

    def remove(self, request: Request) -> dict[str, Any]:
        """RemoveTagsFromResource."""
        with self._core.lock:
            tags = self._tags(request["ResourceName"])
            tags[:] = [tag for tag in tags if tag["Key"] not in request["TagKeys"]]
        return {}

    def list_for(self, request: Request) -> dict[str, Any]:
        """ListTagsForResource."""
        return {"TagList": self._tags(request["ResourceName"])}

    def _tags(self, arn: str) -> list[Record]:
        """The list that the thing's record holds as well, so that a change of one is a change of both."""
        ministack = self._core.ministack
        owners: dict[str, tuple[Any, str, str]] = {
            "db": (ministack.instances, "DBInstanceNotFoundFault", "DBInstance"),
            "snapshot": (ministack.snapshots, "DBSnapshotNotFoundFault", "DBSnapshot"),
            "pg": (ministack.parameter_groups, "DBParameterGroupNotFoundFault", "DBParameterGroup"),
            "subgrp": (ministack.subnet_groups, "DBSubnetGroupNotFoundFault", "DBSubnetGroup"),
        }
        match = re.fullmatch(r"arn:aws:rds:[^:]*:[^:]*:([a-z]+):(.+)", arn)
        if not match or match[1] not in owners:
            raise Fault("InvalidParameterValue", f"The specified resource name does not match an RDS resource: {arn}")
        table, fault, kind = owners[match[1]]
        if match[2] not in table:
            raise Fault(fault, f"{kind} {match[2]} not found.")
        found: list[Record] = ministack.tags.setdefault(arn, [])
        return found


def describe_engine_versions(core: Core, request: Request) -> dict[str, Any]:
    """DescribeDBEngineVersions."""
    wanted = request.get("EngineVersion")
    versions = [
        {
            "Engine": ENGINE,
            "EngineVersion": version,
            "DBParameterGroupFamily": parameters.family(version),
            "DBEngineDescription": "MariaDB Community Edition",
            "DBEngineVersionDescription": f"MariaDB {version}",
            "Status": "available",
        }
        for version in core.versions.all()
        if request.get("Engine", ENGINE) == ENGINE
        and (not wanted or version == wanted or series(version) == wanted)
        and request.get("DBParameterGroupFamily", parameters.family(version)) == parameters.family(version)
    ]
    return {"DBEngineVersions": versions}
