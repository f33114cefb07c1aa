"""GetResources: the services that ministack leaves out, the filters by type, and pages.

AWS lists what has, or once had, tags. Here, what has some.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, cloudformation, cloudwatch_logs, ec2, rds, tagging

from local.aws import patching

if TYPE_CHECKING:
    from local.aws.server import Server

Tagged = tuple[str, list[dict[str, str]]]
DEFAULT_PAGE, LARGEST_PAGE = 50, 100
# EC2 keeps tags by id; its ARNs name the kind that the id begins with.
_EC2_KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "igw": "internet-gateway",
    "rtb": "route-table",
    "vpce": "vpc-endpoint",
}


def install(_server: Server) -> None:
    """Add the collectors to ministack's, and wrap its handler of GetResources."""
    patching.require(tagging, "_COLLECTORS", "_collect_ssm", "_collect_secretsmanager", "_matches_type_filters")
    tagging._COLLECTORS.update(
        {
            "rds": _rds,
            "cloudformation": _cloudformation,
            "elasticloadbalancing": _elasticloadbalancing,
            "ec2": _ec2,
            "logs": _logs,
            "ssm": tagging._collect_ssm,
            "secretsmanager": tagging._collect_secretsmanager,
        }
    )
    for name, collector in list(tagging._COLLECTORS.items()):
        tagging._COLLECTORS[name] = _tagged_only(collector)
    patching.replace(tagging, "_matches_type_filters", matches_type)
    get = patching.entry(tagging._HANDLERS, "GetResources", of="the tagging API's actions")
    tagging._HANDLERS["GetResources"] = lambda data: _in_pages(get, data)


def matches_type(arn: str, wanted: Iterable[str] | None) -> bool:
    """Whether an ARN is of one of the types, each `service` or `service:kind`; none wanted takes in every one."""
    _, _, service, _, _, resource = arn.split(":", 5)
    kind = "bucket" if service == "s3" else re.split(r"[:/]", resource)[0]
    return not wanted or any(one in (service, f"{service}:{kind}") for one in wanted)


def _in_pages(get: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
    size = data.get("ResourcesPerPage", DEFAULT_PAGE)
    token = data.get("PaginationToken") or "0"
    if not 1 <= size <= LARGEST_PAGE:
        return tagging._invalid_parameter(f"ResourcesPerPage is {size}: expected 1 to {LARGEST_PAGE}")
    if not token.isdigit():
        return tagging._invalid_parameter("The PaginationToken is not one that this API gave")
    status, headers, body = get(data)
    if status != 200:
        return status, headers, body
    found = sorted(json.loads(body)["ResourceTagMappingList"], key=lambda entry: entry["ResourceARN"])
    start, end = int(token), int(token) + size
    answer = {
        "ResourceTagMappingList": found[start:end],
        "PaginationToken": str(end) if end < len(found) else "",
    }
    return status, headers, json.dumps(answer).encode()


def _tagged_only(collector: Callable[[], Iterator[Tagged]]) -> Callable[[], Iterator[Tagged]]:
    def collect() -> Iterator[Tagged]:
        return ((arn, tags) for arn, tags in collector() if tags)

    return collect


def _rds() -> Iterator[Tagged]:
    for table, key in (
        (rds._instances, "DBInstanceArn"),
        (rds._snapshots, "DBSnapshotArn"),
        (rds._param_groups, "DBParameterGroupArn"),
        (rds._subnet_groups, "DBSubnetGroupArn"),
    ):
        for record in table.values():
            arn = record.get(key, "")
            yield arn, record.get("TagList") or rds._tags.get(arn) or []


def _cloudformation() -> Iterator[Tagged]:
    for stack in cloudformation._stacks.values():
        if stack["StackStatus"] != "DELETE_COMPLETE":
            yield stack["StackId"], _pairs((tag["Key"], tag["Value"]) for tag in stack.get("Tags", ()))


def _elasticloadbalancing() -> Iterator[Tagged]:
    for arn, tags in alb._tags.items():
        if arn.split(":")[3] == get_region():
            yield arn, tags


def _ec2() -> Iterator[Tagged]:
    for identifier, tags in ec2._tags.items():
        if kind := _EC2_KINDS.get(identifier.partition("-")[0]):
            yield f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{identifier}", tags


def _logs() -> Iterator[Tagged]:
    for group in cloudwatch_logs._log_groups.values():
        tags: Mapping[str, str] = group.get("tags") or {}
        yield group["arn"].removesuffix(":*"), _pairs(tags.items())


def _pairs(tags: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags]
