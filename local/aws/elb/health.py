"""One health check of one target, as an Application Load Balancer does it."""

from __future__ import annotations

import http.client
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How a target group's targets are checked; times in seconds."""

    enabled: bool
    path: str
    port: int | None
    """None: the port that the target serves on."""
    matcher: str
    interval: float
    timeout: float
    healthy_threshold: int
    unhealthy_threshold: int

    @classmethod
    def of(cls, group: Mapping[str, Any]) -> Settings:
        """From a target group as DescribeTargetGroups gives it."""
        port = group["HealthCheckPort"]
        return cls(
            enabled=bool(group["HealthCheckEnabled"]),
            path=group["HealthCheckPath"],
            port=None if port == "traffic-port" else int(port),
            matcher=group["Matcher"]["HttpCode"],
            interval=float(group["HealthCheckIntervalSeconds"]),
            timeout=float(group["HealthCheckTimeoutSeconds"]),
            healthy_threshold=int(group["HealthyThresholdCount"]),
            unhealthy_threshold=int(group["UnhealthyThresholdCount"]),
        )


@dataclass(frozen=True)
class Finding:
    """What one check found; ``reason`` and ``description`` are AWS's words for a failure."""

    passed: bool
    reason: str = ""
    description: str = ""
    answered: bool = False


_PASSED = Finding(passed=True, answered=True)
_TIMEOUT = Finding(passed=False, reason="Target.Timeout", description="Request timed out")
_FAILED = Finding(passed=False, reason="Target.FailedHealthChecks", description="Health checks failed")


def check(address: str, port: int, settings: Settings) -> Finding:
    """Ask the target once. Addresses that are not this machine's own are never contacted: they time out."""
    if not is_loopback(address):
        return _TIMEOUT
    connection = http.client.HTTPConnection(address, settings.port or port, timeout=settings.timeout)
    try:
        connection.request("GET", settings.path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
        status = connection.getresponse().status
    except TimeoutError:
        return _TIMEOUT
    except (OSError, http.client.HTTPException):
        return _FAILED
    finally:
        connection.close()
    if matches(status, settings.matcher):
        return _PASSED
    return Finding(
        passed=False,
        reason="Target.ResponseCodeMismatch",
        description=f"Health checks failed with these codes: [{status}]",
        answered=True,
    )


def matches(status: int, matcher: str) -> bool:
    """Whether a status is in a matcher such as ``200``, ``200,302`` or ``200-299``."""
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def is_loopback(address: str) -> bool:
    """Whether ``address`` is one of this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
