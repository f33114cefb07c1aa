"""The targets of target groups and their health: who is checked, who gets requests, who is drained."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from local.aws.elb.health import Finding, Settings, is_loopback


class Health(StrEnum):
    """The states of DescribeTargetHealth."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"


_REGISTERING = ("Elb.RegistrationInProgress", "Target registration is in progress")
_CHECKING = ("Elb.InitialHealthChecking", "Initial health checks in progress")
_DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
_NOT_IN_USE = ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")


# Checks are more frequent here than AWS allows; a program does not start any faster for that. A target is
# therefore unhealthy only when it has failed for this long, or for as long as AWS's checks would take.
_SILENT_SECONDS = 5.0
_ANSWERING_SECONDS = 2.0


@dataclass(frozen=True)
class Key:
    """A target: the same address on two ports, or in two groups, is two targets."""

    group: str
    address: str
    port: int


@dataclass(eq=False)
class Target:
    """A registered target. Its state changes only in the methods below, under the registry's lock."""

    key: Key
    health: Health = Health.INITIAL
    reason: str = _REGISTERING[0]
    description: str = _REGISTERING[1]
    passing: bool = False
    """Its checks have passed, so it is to get requests. It is healthy once it does: who sees that a target is healthy
    can rely on it."""
    drain_until: float | None = None
    """When requests in flight are cut off, on the monotonic clock; None: it is not being deregistered."""
    gone: threading.Event = field(default_factory=threading.Event)
    _passed: int = 0
    _failed: int = 0
    _failing_since: float = 0.0

    def found(self, finding: Finding, settings: Settings, now: float) -> None:
        """Take in one check: so many in a row, as the thresholds say, change the state."""
        if self.health is Health.UNUSED:
            self._set(Health.INITIAL, *_CHECKING)
        self._passed = self._passed + 1 if finding.passed else 0
        self._failed = 0 if finding.passed else self._failed + 1
        if self._failed == 1:
            self._failing_since = now
        if self._passed >= settings.healthy_threshold:
            self.passing = True
        elif self._failed >= settings.unhealthy_threshold and self._is_given_up(finding, settings, now):
            self.passing = False
            self._set(Health.UNHEALTHY, finding.reason, finding.description)
        elif self.health is Health.INITIAL:
            self._set(Health.INITIAL, *_CHECKING)

    def routed(self) -> None:
        """The load balancer sends it requests now."""
        if self.passing and self.drain_until is None:
            self._set(Health.HEALTHY, "", "")

    def not_in_use(self) -> None:
        """No listener leads to its group: it is not checked."""
        self._passed = self._failed = 0
        self.passing = False
        self._set(Health.UNUSED, *_NOT_IN_USE)

    def drain(self, until: float) -> None:
        """No new requests; those in flight may finish."""
        self.drain_until = until
        self._set(Health.DRAINING, *_DRAINING)

    def is_overdue(self) -> bool:
        """Whether its time to drain is over: what is still in flight on it is cut off."""
        return self.drain_until is not None and time.monotonic() >= self.drain_until

    def _is_given_up(self, finding: Finding, settings: Settings, now: float) -> bool:
        patience = _ANSWERING_SECONDS if finding.answered else _SILENT_SECONDS
        return now - self._failing_since >= min(patience, settings.interval * settings.unhealthy_threshold)

    def _set(self, health: Health, reason: str, description: str) -> None:
        self.health, self.reason, self.description = health, reason, description


class Registry:
    """All targets of all groups."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._targets: dict[Key, Target] = {}
        self._lock = threading.RLock()
        self._changed = changed

    def register(self, key: Key) -> Target | None:
        """Add a target; one that is being drained comes back new. None: it was already registered."""
        with self._lock:
            known = self._targets.get(key)
            if known is not None and known.drain_until is None:
                return None
            if known is not None:
                known.gone.set()
            target = self._targets[key] = Target(key)
        self._changed()
        return target

    def deregister(self, key: Key, delay: float) -> None:
        """Drain a target for at most ``delay`` seconds; one that is not registered is left alone."""
        with self._lock:
            target = self._targets.get(key)
            if target is None or target.drain_until is not None:
                return
            target.drain(time.monotonic() + delay)
        self._changed()

    def drop(self, target: Target) -> None:
        """Forget a target: its requests are done, or its group is gone."""
        with self._lock:
            if self._targets.get(target.key) is target:
                del self._targets[target.key]
            target.gone.set()
        self._changed()

    def record(self, target: Target, finding: Finding | None, settings: Settings) -> None:
        """Take in what a check found (None: its group is in no use)."""
        with self._lock:
            if target.drain_until is not None or target.gone.is_set():
                return
            before = target.health, target.passing
            if finding is None:
                target.not_in_use()
            else:
                target.found(finding, settings, time.monotonic())
            after = target.health, target.passing
        if after != before:
            self._changed()

    def mark_routed(self, targets: Iterable[Target]) -> None:
        """Take in that the load balancer now sends requests to these."""
        with self._lock:
            before = [(target, target.health) for target in targets]
            for target, _ in before:
                target.routed()
        if any(target.health is not health for target, health in before):
            self._changed()

    def get(self, key: Key) -> Target | None:
        """The target, while it is registered or drained."""
        with self._lock:
            return self._targets.get(key)

    def all(self) -> list[Target]:
        """Every target of every group."""
        with self._lock:
            return list(self._targets.values())

    def of(self, group: str) -> list[Target]:
        """The targets of one group, in the order of their registration."""
        return [target for target in self.all() if target.key.group == group]


def receiving(targets: Iterable[Target]) -> set[Target]:
    """Those of one group's targets that get new requests.

    Those whose checks pass; where none does, those that are unhealthy:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health.html (routing failover)
    """
    candidates = [target for target in targets if target.drain_until is None and is_loopback(target.key.address)]
    passing = {target for target in candidates if target.passing}
    return passing or {target for target in candidates if target.health is Health.UNHEALTHY}
