"""Security groups: rules that are there twice, not at all, or refer to nothing; groups that are still used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ministack.services import ec2

from local.aws import patching

if TYPE_CHECKING:
    from local.aws.server import Server

Parameters = dict[str, Any]


def install(_server: Server) -> None:
    """Wrap ministack's handlers of the calls that change a group."""
    table = ec2._ACTION_MAP
    patching.require(ec2, "_security_groups", "_parse_ip_permissions", "_rules_match", "_error")
    for action, direction in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        _wrap(table, f"AuthorizeSecurityGroup{action}", partial(_refuse_authorize, direction=direction))
        _wrap(table, f"RevokeSecurityGroup{action}", partial(_refuse_revoke, direction=direction))
    _wrap(table, "DeleteSecurityGroup", _refuse_delete)
    _wrap(table, "CreateSecurityGroup", _refuse_create)


def users_of(group_id: str) -> list[str]:
    """The other groups that have a rule which refers to this one; such a group cannot be deleted."""
    return [
        str(group["GroupId"])
        for group in ec2._security_groups.values()
        if group["GroupId"] != group_id and group_id in _referred(group)
    ]


def _referred(group: dict[str, Any]) -> Iterator[str]:
    for direction in ("IpPermissions", "IpPermissionsEgress"):
        for rule in group[direction]:
            yield from (pair.get("GroupId", "") for pair in rule.get("UserIdGroupPairs", ()))


def _wrap(table: dict[str, Any], action: str, refuse: Callable[[Parameters], Any]) -> None:
    original = patching.entry(table, action, of="EC2's actions")
    table[action] = lambda params: refuse(params) or original(params)


def _refuse_authorize(params: Parameters, direction: str) -> Any:
    group = ec2._security_groups.get(ec2._p(params, "GroupId"))
    if group is None:
        return None  # ministack's own answer fits
    for rule in ec2._parse_ip_permissions(params, "IpPermissions"):
        for pair in rule["UserIdGroupPairs"]:
            referred = pair.get("GroupId")
            if referred and referred not in ec2._security_groups:
                return _not_found(referred)
        if any(ec2._rules_match(rule, existing) for existing in group[direction]):
            return ec2._error("InvalidPermission.Duplicate", "the specified rule already exists", 400)
    return None


def _refuse_revoke(params: Parameters, direction: str) -> Any:
    group = ec2._security_groups.get(ec2._p(params, "GroupId"))
    if group is None or ec2._parse_member_list(params, "SecurityGroupRuleId"):
        return None
    for rule in ec2._parse_ip_permissions(params, "IpPermissions"):
        if not any(ec2._rules_match(rule, existing) for existing in group[direction]):
            message = "The specified rule does not exist in this security group."
            return ec2._error("InvalidPermission.NotFound", message, 400)
    return None


def _refuse_delete(params: Parameters) -> Any:
    group_id = ec2._p(params, "GroupId")
    if group_id in ec2._security_groups and users_of(group_id):
        return ec2._error("DependencyViolation", f"resource {group_id} has a dependent object", 400)
    return None


def _refuse_create(params: Parameters) -> Any:
    name, vpc = ec2._p(params, "GroupName"), ec2._p(params, "VpcId")
    if vpc and vpc not in ec2._vpcs:
        return ec2._error("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist", 400)
    return None if name else ec2._error("MissingParameter", "The request must contain the parameter groupName", 400)


def _not_found(group_id: str) -> Any:
    return ec2._error("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist", 400)
