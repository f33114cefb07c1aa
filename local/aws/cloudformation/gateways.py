"""NAT gateways and their addresses, which ministack has as calls but not as resources of a stack."""

from __future__ import annotations

import re
from typing import Any

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from local.aws import patching

Properties = dict[str, Any]


def install() -> None:
    """Add the handlers to ministack's table, and the types to those that carry a stack's tags."""
    patching.require(provisioners, "_STACK_TAG_PROPERTY", "_ec2_apply_tags")
    for action in ("AllocateAddress", "ReleaseAddress", "CreateNatGateway", "DeleteNatGateway"):
        patching.entry(ec2._ACTION_MAP, action, of="EC2's actions")
    for resource_type, handlers in _HANDLERS.items():
        provisioners._RESOURCE_HANDLERS[resource_type] = handlers
        provisioners._STACK_TAG_PROPERTY[resource_type] = ("Tags", "list")


def _create_address(_logical_id: str, props: Properties, _stack_name: str) -> tuple[str, Properties]:
    """An address's physical id, which `Ref` gives, is the address itself."""
    answer = _call("AllocateAddress", Domain=props.get("Domain", "vpc"))
    address, allocation = _element(answer, "publicIp"), _element(answer, "allocationId")
    provisioners._ec2_apply_tags(allocation, props)
    return address, {"AllocationId": allocation, "PublicIp": address}


def _update_address(address: str, old: Properties, new: Properties, _stack_name: str) -> tuple[str, Properties]:
    allocation = _allocation_of(address)
    provisioners._ec2_apply_tags(allocation, new, old)
    return address, {"AllocationId": allocation, "PublicIp": address}


def _delete_address(address: str, _props: Properties) -> None:
    if allocation := _allocation_of(address):
        _call("ReleaseAddress", AllocationId=allocation)


def _allocation_of(address: str) -> str:
    found = (key for key, record in ec2._addresses.items() if record["PublicIp"] == address)
    return str(next(found, ""))


def _create_nat(_logical_id: str, props: Properties, _stack_name: str) -> tuple[str, Properties]:
    if props.get("SubnetId") not in ec2._subnets:
        raise ValueError(f"The subnet ID '{props.get('SubnetId')}' does not exist")
    wanted = {key: str(props[key]) for key in ("SubnetId", "AllocationId", "ConnectivityType") if props.get(key)}
    gateway = _element(_call("CreateNatGateway", **wanted), "natGatewayId")
    provisioners._ec2_apply_tags(gateway, props)
    return gateway, {"NatGatewayId": gateway}


def _update_nat(gateway: str, old: Properties, new: Properties, _stack_name: str) -> tuple[str, Properties]:
    provisioners._ec2_apply_tags(gateway, new, old)
    return gateway, {"NatGatewayId": gateway}


def _delete_nat(gateway: str, _props: Properties) -> None:
    if gateway in ec2._nat_gateways:
        _call("DeleteNatGateway", NatGatewayId=gateway)


def _call(action: str, **parameters: str) -> str:
    """Ask ministack's EC2 and return its answer; ValueError, with the refusal's words, if it refuses."""
    status, _, body = ec2._ACTION_MAP[action]({key: [value] for key, value in parameters.items()})
    text: str = body if isinstance(body, str) else body.decode()
    if status != 200:
        raise ValueError(_element(text, "Message"))
    return text


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    if found is None:
        raise ValueError(f"EC2 answered without {name}: {text}")
    return found[1]


_HANDLERS: dict[str, dict[str, Any]] = {
    "AWS::EC2::EIP": {"create": _create_address, "update": _update_address, "delete": _delete_address},
    "AWS::EC2::NatGateway": {"create": _create_nat, "update": _update_nat, "delete": _delete_nat},
}
