"""One task: its containers on an address of their own, through the states of a Fargate task's life."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.aws.addresses import NoAddress
from local.aws.background import Stopping
from local.aws.ecs.containers import Container
from local.aws.ecs.secrets import CannotStart

if TYPE_CHECKING:
    from local.aws.addresses import AddressPool
    from local.aws.ecr.images import Images
    from local.aws.elb.balancing import LoadBalancing
    from local.aws.server import Server

_log = logging.getLogger(__name__)
_PAUSE = 0.05
_DEPENDENCY_MET: dict[str, Callable[[Container], bool]] = {
    "START": lambda container: container.started,
    "COMPLETE": lambda container: container.exit_code is not None,
    "SUCCESS": lambda container: container.exit_code == 0,
    "HEALTHY": lambda container: container.health is not None and container.health.status == "HEALTHY",
}


@dataclass(frozen=True)
class Surroundings:
    """What every task uses."""

    server: Server
    images: Images
    balancing: LoadBalancing
    addresses: AddressPool
    lock: threading.RLock
    """Held while any record of a task or service is changed or read."""


class _Stopped(Exception):
    """The task was asked to stop."""


class Task:
    """A task from its first state to its last. ``record`` is what DescribeTasks gives of it."""

    def __init__(
        self,
        surroundings: Surroundings,
        record: dict[str, Any],
        definition: Mapping[str, Any],
        *,
        targets: Sequence[tuple[str, int]] = (),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """:param targets: target group and container port, for each load balancer of the task's service"""
        self.record = record
        self.targets = targets
        self.ran_at: float | None = None
        """When it reached RUNNING, on the monotonic clock."""
        self.lasted = 0.0
        """Seconds from there until it was to stop."""
        self._surroundings = surroundings
        self._server = surroundings.server
        self._ports = _ports(definition)
        self._changed = changed
        self._stop = threading.Event()
        self._address = ""
        overrides = {each["name"]: each for each in record["overrides"].get("containerOverrides", [])}
        self.containers = [
            Container(self._server, each, overrides.get(each["name"], {}), shown)
            for each, shown in zip(definition["containerDefinitions"], record["containers"], strict=True)
        ]

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return str(self.record["taskArn"].rpartition("/")[2])

    @property
    def address(self) -> str:
        """Its own loopback address; empty before it is provisioned."""
        return self._address

    @property
    def state(self) -> str:
        """``lastStatus``."""
        return str(self.record["lastStatus"])

    @property
    def wanted(self) -> bool:
        """Whether it is to run, i.e. nothing has asked it to stop."""
        return bool(self.record["desiredStatus"] == "RUNNING")

    @property
    def ended(self) -> bool:
        """Whether it has reached its last state."""
        return self.state == "STOPPED"

    def stop(self, code: str, reason: str) -> None:
        """Ask it to stop; the first reason given stays."""
        with self._surroundings.lock:
            if self._stop.is_set():
                return
            now = time.time()
            self.record.update(desiredStatus="STOPPED", stopCode=code, stoppedReason=reason, stoppingAt=now)
            self.record["version"] += 1
            self.lasted = self.ran_for
            self._stop.set()
        self._changed()

    def run(self) -> None:
        """Live: returns when it has stopped."""
        try:
            self._provision()
            self._pull()
            self._start()
            self._watch()
        except CannotStart as error:
            self.stop("TaskFailedToStart", str(error))
        except (NoAddress, OSError) as error:
            self.stop("TaskFailedToStart", f"ResourceInitializationError: {error}")
        except _Stopped:
            pass
        except Stopping:
            return  # the server ends every process itself
        except Exception as error:
            _log.exception("task %s failed for a reason of the server's own", self.id)
            self.stop("TaskFailedToStart", f"InternalError: {error!r}")
        self._end()

    def health(self) -> str:
        """HEALTHY, UNHEALTHY or UNKNOWN, from the essential containers' own checks."""
        found = [each.health.status for each in self.containers if each.health and each.essential]
        if "UNHEALTHY" in found:
            return "UNHEALTHY"
        return "HEALTHY" if found and all(status == "HEALTHY" for status in found) else "UNKNOWN"

    @property
    def ran_for(self) -> float:
        """Seconds since it reached RUNNING; 0 before."""
        return time.monotonic() - self.ran_at if self.ran_at is not None else 0.0

    @property
    def has_health_check(self) -> bool:
        """Whether an essential container has a check of its own."""
        return any(each.health and each.essential for each in self.containers)

    def _provision(self) -> None:
        self._sleep(self._server.delays["ecs.provision"])
        self._address = self._surroundings.addresses.claim(*self._ports)
        with self._surroundings.lock:
            for attachment in self.record["attachments"]:
                attachment["status"] = "ATTACHED"
                attachment["details"].append({"name": "privateIPv4Address", "value": self._address})
                for container in self.record["containers"]:
                    container["networkInterfaces"] = [
                        {"attachmentId": attachment["id"], "privateIpv4Address": self._address}
                    ]
        self._enter("PENDING", connectivity="CONNECTED", connectivityAt=time.time())

    def _pull(self) -> None:
        with self._surroundings.lock:
            self.record["pullStartedAt"] = time.time()
        self._sleep(self._server.delays["ecs.pull"])
        for container in self.containers:
            container.pull(self._surroundings.images)
        with self._surroundings.lock:
            self.record["pullStoppedAt"] = time.time()

    def _start(self) -> None:
        self._enter("ACTIVATING")
        waiting = list(self.containers)
        while waiting:
            for container in [each for each in waiting if self._may_start(each)]:
                waiting.remove(container)
                container.start(self._address, self.id)
                self._show_containers()
            self._raise_if_over()
            if waiting:
                self._sleep(_PAUSE)
        self.ran_at = time.monotonic()
        self._enter("RUNNING", startedAt=time.time())
        for group, port in self.targets:
            self._surroundings.balancing.register(group, self._address, port)

    def _may_start(self, container: Container) -> bool:
        by_name = {each.name: each for each in self.containers}
        for needed in container.definition.get("dependsOn", []):
            other, condition = by_name[needed["containerName"]], needed["condition"]
            if condition in ("SUCCESS", "HEALTHY") and other.exit_code not in (None, 0):
                raise CannotStart(f"Container {container.name} cannot start: {other.name} exited with an error")
            if not _DEPENDENCY_MET[condition](other):
                return False
        return True

    def _watch(self) -> None:
        while True:
            self._raise_if_over()
            self._sleep(_PAUSE)

    def _raise_if_over(self) -> None:
        self._show_containers()
        if any(each.essential and each.exit_code is not None for each in self.containers):
            self.stop("EssentialContainerExited", "Essential container in task exited")
        if self._stop.is_set():
            raise _Stopped

    def _show_containers(self) -> None:
        shown_before = self.record["healthStatus"]
        with self._surroundings.lock:
            for container in self.containers:
                _show(container)
            self.record["healthStatus"] = self.health()
        if self.record["healthStatus"] != shown_before:
            self._changed()

    def _end(self) -> None:
        if self.ran_at is not None:
            self._enter("DEACTIVATING")
            self._leave_load_balancers()
        self._enter("STOPPING")
        for container in reversed(self.containers):
            container.stop()
        with self._surroundings.lock:
            for container in self.containers:
                _show(container)
                container.record["lastStatus"] = "STOPPED"
            self.record["executionStoppedAt"] = time.time()
        self._enter("DEPROVISIONING")
        self._server.background.pause(self._server.delays["ecs.deprovision"])
        self._surroundings.addresses.release(self._address)
        with self._surroundings.lock:
            for attachment in self.record["attachments"]:
                attachment["status"] = "DELETED"
        self._enter("STOPPED", stoppedAt=time.time())

    def _leave_load_balancers(self) -> None:
        """Wait until no request is in flight; the load balancer itself ends the wait after its delay."""
        balancing = self._surroundings.balancing
        for group, port in self.targets:
            balancing.deregister(group, self._address, port)
        for group, port in self.targets:
            while balancing.target(group, self._address, port) and all(each.running for each in self._essential()):
                self._server.background.pause(_PAUSE)

    def _essential(self) -> Iterable[Container]:
        return (each for each in self.containers if each.essential)

    def _enter(self, state: str, **members: Any) -> None:
        with self._surroundings.lock:
            self.record.update(lastStatus=state, version=self.record["version"] + 1, **members)
        self._changed()

    def _sleep(self, seconds: float) -> None:
        """:raises _Stopped: the task was asked to stop meanwhile."""
        if self._stop.wait(seconds):
            raise _Stopped
        if self._server.background.stopping:
            raise Stopping


def _show(container: Container) -> None:
    if not container.started:
        return
    code = container.exit_code
    container.record["lastStatus"] = "RUNNING" if code is None else "STOPPED"
    if code is not None:
        container.record["exitCode"] = code
    if container.health:
        container.record["healthStatus"] = container.health.status


def _ports(definition: Mapping[str, Any]) -> list[int]:
    return [
        int(mapping["containerPort"])
        for container in definition["containerDefinitions"]
        for mapping in container.get("portMappings", [])
    ]
