"""The load balancer: listeners and target groups as ministack keeps them, brought to haproxy by one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from local.aws.background import Stopping
from local.aws.elb.frontend import Frontend
from local.aws.elb.haproxy import Refused
from local.aws.elb.health import Settings, check
from local.aws.elb.requests import RequestCounts
from local.aws.elb.routes import Route, Unsupported, groups, host_lowered, routes
from local.aws.elb.targets import Key, Registry, Target, receiving

if TYPE_CHECKING:
    from local.aws.server import Server

_log = logging.getLogger(__name__)
_HEALTH_INTERVAL = "elb.health_interval"
_DRAINING_PAUSE = 0.05
_IDLE_PAUSE = 2.0
_FAILED_PAUSE = 1.0
_START_SECONDS = 10.0
_DEREGISTRATION_DELAY = 300.0


class LoadBalancing:
    """Target groups' targets, their health, and the requests that reach them."""

    def __init__(self, server: Server) -> None:
        from ministack.services import alb

        self._alb: Any = alb
        self._server = server
        # Checks are done at least this often, whatever a group says: AWS allows no less than 5 s.
        server.delays.declare(_HEALTH_INTERVAL, 0.5)
        self._wake = threading.Event()
        self._subscribers: list[Callable[[], None]] = []
        self._frontends: dict[int, Frontend] = {}
        self._registry = Registry(self.changed)
        self.requests = RequestCounts()
        server.background.start("load balancer", self._run)

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call ``callback``, which must not block, after every change of listeners, targets or health."""
        self._subscribers.append(callback)

    def changed(self) -> None:
        """Something that requests go by has changed."""
        self._wake.set()
        for callback in self._subscribers:
            callback()

    def register(self, group: str, address: str, port: int) -> None:
        """Add a target to a group and begin to check it."""
        target = self._registry.register(Key(group, address, port))
        if target is not None:
            self._server.background.start(f"health of {address}:{port}", lambda: self._check(target))

    def deregister(self, group: str, address: str, port: int) -> None:
        """Drain a target for at most its group's deregistration delay."""
        self._registry.deregister(Key(group, address, port), self._deregistration_delay(group))

    def target(self, group: str, address: str, port: int) -> Target | None:
        """A target as long as it is registered or drained."""
        return self._registry.get(Key(group, address, port))

    def targets(self, group: str) -> list[Target]:
        """A group's targets."""
        return self._registry.of(group)

    def in_use(self, group: str) -> bool:
        """Whether a listener leads to the group."""
        return any(group in groups(found) for found in self._routes().values())

    def is_served(self, port: int) -> bool:
        """Whether the load balancer already listens on this port."""
        return port in self._frontends

    def wait_until_served(self, port: int) -> None:
        """Return when requests on a listener's port are answered; after a while in any case."""
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_served(port) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _run(self) -> None:
        while not self._server.background.stopping:
            self._wake.clear()
            try:
                pause = _DRAINING_PAUSE if self._reconcile() else _IDLE_PAUSE
            except (Refused, OSError):
                _log.exception("the load balancer could not be changed")
                self._server.background.pause(_FAILED_PAUSE)
                continue
            self._wake.wait(pause)

    def _reconcile(self) -> bool:
        """Bring every port to what is asked for. Returns whether it has to be looked at again soon."""
        self._drop_targets_of_deleted_groups()
        wanted = self._routes()
        for port in [port for port in self._frontends if port not in wanted]:
            self._frontends.pop(port).close()
        states = {arn: self._states(arn) for found in wanted.values() for arn in groups(found)}
        for port, found in wanted.items():
            frontend = self._frontends.get(port)
            if frontend is None or not frontend.alive:
                frontend = Frontend(self._server, port, self.requests)
            frontend.apply(found, {arn: states[arn] for arn in groups(found)})
            self._frontends[port] = frontend
        ready = [target for found in states.values() for target, state in found if state == "ready"]
        self._registry.mark_routed(ready)
        return self._finish_draining()

    def _states(self, group: str) -> list[tuple[Target, str]]:
        targets = self._registry.of(group)
        chosen = receiving(targets)
        return [(target, "ready" if target in chosen else "drain") for target in targets]

    def _finish_draining(self) -> bool:
        draining = [target for target in self._registry.all() if target.drain_until is not None]
        for target in draining:
            if target.is_overdue() or all(frontend.is_drained(target) for frontend in self._frontends.values()):
                self._registry.drop(target)
        return bool(draining)

    def _drop_targets_of_deleted_groups(self) -> None:
        existing = {arn for (_, _, arn), _ in self._alb._tgs.all_items()}
        for target in self._registry.all():
            if target.key.group not in existing:
                self._registry.drop(target)

    def _routes(self) -> dict[int, list[Route]]:
        """What every port does, over all load balancers, accounts and regions."""
        ports = {arn: listener["Port"] for (_, _, arn), listener in self._alb._listeners.all_items()}
        rules: dict[int, list[dict[str, Any]]] = {port: [] for port in ports.values()}
        for _, rule in self._alb._rules.all_items():
            if (port := ports.get(rule["ListenerArn"])) is not None:
                rules[port].append(host_lowered(rule))
        return {port: _known_routes(found) for port, found in rules.items()}

    def _check(self, target: Target) -> None:
        """Check one target until it is gone."""
        while not target.gone.is_set() and target.drain_until is None:
            group = self._alb._tgs.get(target.key.group)
            if group is None:
                return
            settings = Settings.of(group)
            used = self.in_use(target.key.group) and settings.enabled
            finding = check(target.key.address, target.key.port, settings) if used else None
            self._registry.record(target, finding, settings)
            pause = min(settings.interval, self._server.delays[_HEALTH_INTERVAL])
            target.gone.wait(max(pause, 0.02))
            if self._server.background.stopping:
                raise Stopping

    def _deregistration_delay(self, group: str) -> float:
        for attribute in self._alb._tg_attrs.get(group, []):
            if attribute["Key"] == "deregistration_delay.timeout_seconds":
                return float(attribute["Value"])
        return _DEREGISTRATION_DELAY


def _known_routes(rules: list[dict[str, Any]]) -> list[Route]:
    try:
        return routes(rules)
    except Unsupported:
        # Refused where a rule is made; one that came in another way does not take the others along.
        known = []
        for rule in rules:
            try:
                routes([rule])
            except Unsupported as error:
                _log.warning("rule %s is not followed: %s", rule.get("RuleArn"), error)
            else:
                known.append(rule)
        return routes(known)
