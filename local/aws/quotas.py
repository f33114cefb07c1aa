"""Quotas, which ministack lacks: those that a fleet of namespaces meets first, told by the APIs that tell them.

Service Quotas and RDS tell RDS's; Elastic Load Balancing and CloudFormation tell their own by `DescribeAccountLimits`.
`GET`/`PUT /_local/quotas` reads and sets them, by quota code or by the limit's name. They are told, not enforced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ministack import app
from ministack.core import router
from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, rds
from ministack.services.cloudformation import handlers

from local.aws import patching
from local.aws.query import QueryService

if TYPE_CHECKING:
    from local.aws.server import Server

SERVICE = "servicequotas"
INSTANCES, SNAPSHOTS = "L-7B6409FD", "L-272F1212"


@dataclass
class Quota:
    """One quota of RDS, with the value that the account has now."""

    name: str
    value: int


class NoSuchQuota(LookupError):
    """There is no such service or quota; the message is what AWS's error says."""


# The values of a new account: https://docs.aws.amazon.com/general/latest/gr/rds-service.html
GROUPS, STORAGE_GIB = 50, 100_000
RDS = {INSTANCES: Quota("DB instances", 40), SNAPSHOTS: Quota("Manual DB instance snapshots", 100)}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
LOAD_BALANCING = {
    name: Quota(name, value)
    for name, value in {
        "application-load-balancers": 50,
        "listeners-per-application-load-balancer": 50,
        "rules-per-application-load-balancer": 100,
        "target-groups": 3000,
        "target-groups-per-application-load-balancer": 100,
        "targets-per-application-load-balancer": 1000,
    }.items()
}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
STACKS = {
    name: Quota(name, value)
    for name, value in {"ConcurrentResourcesLimit": 2500, "StackLimit": 2000, "StackOutputsLimit": 200}.items()
}
ALL = {**RDS, **LOAD_BALANCING, **STACKS}


def install(server: Server) -> None:
    """Add the service to ministack's, and the values to the control endpoint."""
    patching.require(app, "SERVICE_HANDLERS")
    patching.require(router, "SERVICE_PATTERNS")
    router.SERVICE_PATTERNS[SERVICE] = {
        "target_prefixes": ["ServiceQuotasV20190624"],
        "credential_scope": SERVICE,
    }
    app.SERVICE_HANDLERS[SERVICE] = handle_request
    patching.require(rds, "_ACTION_MAP", "_instances", "_snapshots", "_param_groups", "_subnet_groups")
    service = QueryService("rds", "http://rds.amazonaws.com/doc/2014-10-31/")
    action = "DescribeAccountAttributes"
    rds._ACTION_MAP[action] = service.handler(action, lambda _: {"AccountQuotas": account_quotas()})
    _install_account_limits()
    server.control.route("GET", "quotas", lambda _: {code: quota.value for code, quota in ALL.items()})
    server.control.route("PUT", "quotas", set_values)


def _install_account_limits() -> None:
    action = "DescribeAccountLimits"
    patching.require(alb, "_ACTION_MAP")
    service = QueryService("elbv2", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/")
    alb._ACTION_MAP[action] = service.handler(
        action, lambda _: {"Limits": [{"Name": name, "Max": one.value} for name, one in LOAD_BALANCING.items()]}
    )
    patching.require(handlers, "_ACTION_HANDLERS")
    service = QueryService("cloudformation", "http://cloudformation.amazonaws.com/doc/2010-05-15/")
    handlers._ACTION_HANDLERS[action] = service.handler(
        action, lambda _: {"AccountLimits": [{"Name": name, "Value": one.value} for name, one in STACKS.items()]}
    )


def set_values(body: object) -> object:
    """Set some quotas, by code, all or none.

    :raises ValueError: an unknown code, or a value that is no whole number of 0 or more
    """
    if not isinstance(body, Mapping):
        raise ValueError(f"expected a JSON object of quota codes and values, got {body!r}")
    for code, value in body.items():
        if code not in ALL:
            raise ValueError(f"no quota {code!r}: there are {', '.join(sorted(ALL))}")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"quota {code} is {value!r}: expected a whole number, 0 or more")
    for code, value in body.items():
        ALL[code].value = value
    return {code: quota.value for code, quota in ALL.items()}


def account_quotas() -> list[dict[str, Any]]:
    """How much of RDS's quotas is used, as DescribeAccountAttributes tells it."""
    instances = rds._instances.values()
    manual = [one for one in rds._snapshots.values() if one.get("SnapshotType", "manual") == "manual"]
    used_and_most = {
        "DBInstances": (len(instances), RDS[INSTANCES].value),
        "AllocatedStorage": (sum(int(one["AllocatedStorage"]) for one in instances), STORAGE_GIB),
        "DBParameterGroups": (len(rds._param_groups), GROUPS),
        "ManualSnapshots": (len(manual), RDS[SNAPSHOTS].value),
        "DBSubnetGroups": (len(rds._subnet_groups), GROUPS),
    }
    return [{"AccountQuotaName": name, "Used": used, "Max": most} for name, (used, most) in used_and_most.items()]


async def handle_request(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Mapping[str, Any]
) -> tuple[int, dict[str, str], bytes]:
    """Answer one call of the Service Quotas API, as ministack's services do."""
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    handler = _ACTIONS.get(action)
    if handler is None:
        return _answer(400, {"__type": "InvalidAction", "message": f"Unknown action: {action}"})
    try:
        return _answer(200, handler(json.loads(body or b"{}")))
    except NoSuchQuota as error:
        return _answer(400, {"__type": "NoSuchResourceException", "message": str(error)})


def _get(request: Mapping[str, Any]) -> dict[str, Any]:
    found = _of_service(request["ServiceCode"])
    code = request["QuotaCode"]
    if code not in found:
        raise NoSuchQuota(f"The request failed because the specified quota {code} does not exist.")
    return {"Quota": _described(code, found[code])}


def _list(request: Mapping[str, Any]) -> dict[str, Any]:
    found = _of_service(request["ServiceCode"])
    return {"Quotas": [_described(code, quota) for code, quota in found.items()]}


def _of_service(service: str) -> dict[str, Quota]:
    if service != "rds":
        raise NoSuchQuota(f"The request failed because the specified service {service} does not exist.")
    return RDS


def _described(code: str, quota: Quota) -> dict[str, Any]:
    return {
        "ServiceCode": "rds",
        "ServiceName": "Amazon Relational Database Service (Amazon RDS)",
        "QuotaArn": f"arn:aws:servicequotas:{get_region()}:{get_account_id()}:rds/{code}",
        "QuotaCode": code,
        "QuotaName": quota.name,
        "Value": float(quota.value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _answer(status: int, content: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


_ACTIONS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "GetServiceQuota": _get,
    "GetAWSDefaultServiceQuota": _get,
    "ListServiceQuotas": _list,
    "ListAWSDefaultServiceQuotas": _list,
}
