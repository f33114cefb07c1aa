"""Resource types that ministack lacks, and refusals that its handlers do not give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import alb, ec2, s3
from ministack.services.cloudformation import provisioners

from local.aws import patching
from local.aws.ec2 import users_of

RULES = {
    "AWS::EC2::SecurityGroupIngress": "IpPermissions",
    "AWS::EC2::SecurityGroupEgress": "IpPermissionsEgress",
}


def install() -> None:
    """Add the handlers to ministack's table."""
    table = provisioners._RESOURCE_HANDLERS
    patching.require(provisioners, "_ec2_sg_permissions")
    for resource_type, direction in RULES.items():
        table[resource_type] = _rule_handlers(direction)
    group = patching.entry(table, "AWS::EC2::SecurityGroup", of="CloudFormation's resource types")
    table["AWS::EC2::SecurityGroup"] = {**group, "delete": _refuse_while_used(group["delete"])}
    for resource_type, store in _TAGGED.items():
        handlers = patching.entry(table, resource_type, of="CloudFormation's resource types")
        table[resource_type] = {**handlers, **_keeping_tags(handlers, store)}
        provisioners._STACK_TAG_PROPERTY[resource_type] = ("Tags", "list")


def _rule_handlers(direction: str) -> dict[str, Any]:
    """Create and delete one rule of a security group, as a resource of its own."""

    def create(_logical_id: str, props: dict[str, Any], _stack_name: str) -> tuple[str, dict[str, str]]:
        group = ec2._security_groups.get(props.get("GroupId"))
        if group is None:
            raise ValueError(f"The security group '{props.get('GroupId')}' does not exist")
        (permission,) = provisioners._ec2_sg_permissions([props])
        if any(ec2._rules_match(permission, existing) for existing in group[direction]):
            raise ValueError("the specified rule already exists")
        permission["SecurityGroupRuleId"] = f"sgr-{new_uuid().replace('-', '')[:17]}"
        group[direction].append(permission)
        return permission["SecurityGroupRuleId"], {"Id": permission["SecurityGroupRuleId"]}

    def delete(physical_id: str, props: dict[str, Any]) -> None:
        if group := ec2._security_groups.get(props.get("GroupId")):
            kept = [rule for rule in group[direction] if rule.get("SecurityGroupRuleId") != physical_id]
            group[direction] = kept

    patching.require(ec2, "_rules_match", "_security_groups")
    return {"create": create, "delete": delete}


def _refuse_while_used(delete: Any) -> Any:
    def delete_unused(physical_id: str, props: dict[str, Any]) -> Any:
        if users_of(physical_id):
            raise ValueError(f"resource {physical_id} has a dependent object")
        return delete(physical_id, props)

    return delete_unused


def _keeping_tags(handlers: dict[str, Any], store: Callable[[str, list[dict[str, str]]], None]) -> dict[str, Any]:
    """Handlers that also keep the tags, of a type whose tags ministack's leave out."""

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        physical_id, attributes = handlers["create"](logical_id, props, stack_name)
        store(physical_id, props.get("Tags", []))
        return physical_id, attributes

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *names: Any) -> Any:
        physical_id, attributes = handlers["update"](physical_id, old, new, *names)
        store(physical_id, new.get("Tags", []))
        return physical_id, attributes

    return {"create": create, "update": update}


def _tag_rule(arn: str, tags: list[dict[str, str]]) -> None:
    alb._tags[arn] = tags


def _tag_bucket(name: str, tags: list[dict[str, str]]) -> None:
    s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in tags}


_TAGGED = {"AWS::ElasticLoadBalancingV2::ListenerRule": _tag_rule, "AWS::S3::Bucket": _tag_bucket}
