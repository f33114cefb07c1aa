"""One port on loopback with its haproxy, and which of its slots belong to which target group and target."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.aws.elb import haproxy
from local.aws.elb.requests import RequestCounts
from local.aws.elb.routes import FixedResponse, Forward, Route
from local.aws.elb.targets import Target

if TYPE_CHECKING:
    from local.aws.processes import Process
    from local.aws.server import Server

_log = logging.getLogger(__name__)
HOST = "127.0.0.1"


@dataclass
class _Slot:
    target: Target
    state: str = ""


@dataclass
class _Backend:
    name: str
    slots: dict[str, _Slot] = field(default_factory=dict)

    def free(self) -> str | None:
        names = (f"s{number}" for number in range(1, haproxy.SERVERS + 1))
        return next((name for name in names if name not in self.slots), None)


class Frontend:
    """Brings one haproxy to what the listeners of a port ask for. Used by one thread."""

    def __init__(self, server: Server, port: int, counts: RequestCounts) -> None:
        self.port = port
        scratch = server.state.scratch
        socket_file, map_file = scratch / f"haproxy-{port}.sock", scratch / f"haproxy-{port}.map"
        configuration = scratch / f"haproxy-{port}.cfg"
        map_file.write_text("")
        configuration.write_text(haproxy.configuration(HOST, port, socket_file, map_file))
        self._runtime = haproxy.Runtime(socket_file, map_file)
        self._backends: dict[str, _Backend] = {}
        self._routes: list[Route] | None = None
        self._process = _start(server, port, str(configuration), counts)
        self._runtime.wait_until_ready(lambda: self._process.poll() is not None)

    @property
    def alive(self) -> bool:
        """Whether its haproxy runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """Let go of the port."""
        self._process.kill()

    def apply(self, routes: list[Route], groups: Mapping[str, Iterable[tuple[Target, str]]]) -> None:
        """Serve ``routes``; ``groups`` are their target groups, each target with its haproxy state."""
        for arn, wanted in groups.items():
            backend = self._backend(arn)
            if backend is not None:
                self._apply_targets(backend, dict(wanted))
        self._apply_routes(routes)
        for arn in [arn for arn in self._backends if arn not in groups]:
            self._apply_targets(self._backends[arn], {})
            del self._backends[arn]

    def in_flight(self, target: Target) -> int:
        """The requests that this port has on a target now."""
        backend = self._backends.get(target.key.group)
        slot = next((name for name, slot in backend.slots.items() if slot.target is target), None) if backend else None
        if backend is None or slot is None:
            return 0
        return self._runtime.in_flight(backend.name).get(slot, 0)

    def is_drained(self, target: Target) -> bool:
        """Whether no new request goes to the target, and none is in flight."""
        backend = self._backends.get(target.key.group)
        slots = backend.slots.values() if backend else ()
        still_ready = any(slot.target is target and slot.state == "ready" for slot in slots)
        return not still_ready and self.in_flight(target) == 0

    def _backend(self, arn: str) -> _Backend | None:
        if arn not in self._backends:
            taken = {backend.name for backend in self._backends.values()}
            names = (haproxy.backend_name(index) for index in range(haproxy.BACKENDS))
            name = next((name for name in names if name not in taken), None)
            if name is None:
                _log.error("port %s leads to more than %s target groups", self.port, haproxy.BACKENDS)
                return None
            self._backends[arn] = _Backend(name)
        return self._backends[arn]

    def _apply_targets(self, backend: _Backend, wanted: Mapping[Target, str]) -> None:
        # Who is to get requests gets them before anybody stops getting any: at no moment is there nobody.
        for target, state in sorted(wanted.items(), key=lambda item: item[1] != "ready"):
            self._apply_state(backend, target, state)
        for name, slot in list(backend.slots.items()):
            if slot.target not in wanted:
                server = f"{backend.name}/{name}"
                # In maintenance it gets nothing new. A request in flight ends by itself, for instance when its rule
                # or its group is deleted.
                self._runtime.set_state(server, "maint")
                if slot.target.is_overdue():
                    self._runtime.cut_off(server)
                del backend.slots[name]

    def _apply_state(self, backend: _Backend, target: Target, state: str) -> None:
        known = {slot.target: (name, slot) for name, slot in backend.slots.items()}
        found = known.get(target) or self._occupy(backend, target)
        if found is None:
            _log.error("%s has more than %s targets", target.key.group, haproxy.SERVERS)
            return
        name, slot = found
        if slot.state != state:
            self._runtime.set_state(f"{backend.name}/{name}", state)
            slot.state = state

    def _occupy(self, backend: _Backend, target: Target) -> tuple[str, _Slot] | None:
        name = backend.free()
        if name is None:
            return None
        self._runtime.set_address(f"{backend.name}/{name}", target.key.address, target.key.port)
        slot = backend.slots[name] = _Slot(target)
        return name, slot

    def _apply_routes(self, routes: list[Route]) -> None:
        if routes == self._routes:
            return
        self._runtime.set_routes([(route.pattern, self._value(route)) for route in routes])
        self._routes = routes

    def _value(self, route: Route) -> str:
        if isinstance(route.action, Forward):
            backend = self._backends.get(route.action.group)
            return backend.name if backend else "none"
        return FixedResponse.encoded(route.action)


def _start(server: Server, port: int, configuration: str, counts: RequestCounts) -> Process:
    program = haproxy.program()
    if program is None:
        raise haproxy.Refused("there is no haproxy: install it (Debian, Ubuntu: apt-get install haproxy)")
    reading, writing = os.pipe()
    with (server.state.logs / f"haproxy-{port}.log").open("ab") as errors, os.fdopen(writing, "wb") as output:
        process = server.processes.start(
            f"haproxy on port {port}", [program, "-db", "-f", configuration], stdout=output, stderr=errors
        )
    server.background.start(f"requests of port {port}", lambda: counts.read(os.fdopen(reading, "rb")))
    return process
