"""A container as a process: an image's program in its own session, with exactly the environment it is given."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from local.aws.ecr.images import CannotPull, Image, Images
from local.aws.ecs.logs import open_stream
from local.aws.ecs.secrets import CannotStart, resolve

if TYPE_CHECKING:
    from local.aws.processes import Process
    from local.aws.server import Server

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOP_SECONDS = 30
ADDRESS_VARIABLE = "SNAPLIFT_TASK_ADDRESS"
"""Where a task's containers listen: its own address, as 0.0.0.0 would be every task's here."""


class Container:
    """One container of one task. ``record`` is what DescribeTasks gives of it."""

    def __init__(
        self, server: Server, definition: Mapping[str, Any], override: Mapping[str, Any], record: dict[str, Any]
    ) -> None:
        self.definition = definition
        self.record = record
        self.essential = bool(definition.get("essential", True))
        self.health = _HealthCheck(definition["healthCheck"]) if definition.get("healthCheck") else None
        self._server = server
        self._override = override
        self._image: Image | None = None
        self._process: Process | None = None

    @property
    def name(self) -> str:
        """Its name in the task definition."""
        return str(self.definition["name"])

    @property
    def started(self) -> bool:
        """Whether its program was started, whatever became of it."""
        return self._process is not None

    @property
    def running(self) -> bool:
        """Whether its program runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """As a shell gives it (128 + the signal that ended it); None before its end."""
        status = self._process.poll() if self._process else None
        return status if status is None or status >= 0 else 128 - status

    def pull(self, images: Images) -> None:
        """Have the image at hand.

        :raises CannotStart: there is no such image
        """
        try:
            image = images.pull(self.definition["image"])
        except CannotPull as error:
            raise CannotStart(f"CannotPullContainerError: {error}") from error
        self._image = image
        self.record["imageDigest"] = image.digest

    def start(self, address: str, task_id: str) -> None:
        """Resolve the secrets, open the log and start the program.

        :raises CannotStart: one of these cannot be done
        """
        assert self._image is not None, "pulled first"
        environment = self._environment(address)
        self.record["runtimeId"] = f"{task_id.replace('-', '')}-{uuid4().int % 10**10}"
        stream = open_stream(self.definition, task_id, self.record["runtimeId"])
        command = self._command(self._image)
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as output:
            self._process = self._server.processes.start(
                f"container {self.name} of task {task_id}",
                command,
                environment=environment,
                folder=self._image.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        lines = os.fdopen(reading, "rb")
        take = stream.take if stream else _discard
        self._server.background.start(f"log of {self.name} of task {task_id}", lambda: take(lines))
        if self.health:
            process, folder = self._process, self._image.folder
            run = self.health.runner(self._server, process, environment, str(folder))
            self._server.background.start(f"health check of {self.name} of task {task_id}", run)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after the definition's ``stopTimeout``; also what it left running."""
        if self._process is None:
            return
        if self.running:
            self._process.stop(float(self.definition.get("stopTimeout") or _STOP_SECONDS))
        else:
            self._process.kill()

    def _environment(self, address: str) -> dict[str, str]:
        given = [*self.definition.get("environment", []), *self._override.get("environment", [])]
        return {
            "PATH": _PATH,
            **{each["name"]: each["value"] for each in given},
            **resolve(self.definition.get("secrets", [])),
            ADDRESS_VARIABLE: address,
        }

    def _command(self, image: Image) -> list[str]:
        own = self.definition.get("entryPoint")
        arguments = self._override.get("command") or self.definition.get("command")
        if arguments is None:
            arguments = () if own else image.command
        command = [*(own or image.entrypoint), *arguments]
        if not command:
            raise CannotStart("CannotStartContainerError: no command specified")
        program = image.folder / command[0] if "/" in command[0] else shutil.which(command[0], path=_PATH)
        if program is None or not os.access(program, os.X_OK):
            raise CannotStart(
                f'CannotStartContainerError: exec: "{command[0]}": executable file not found in the image, or not '
                "executable"
            )
        return command


def _discard(lines: Iterable[bytes]) -> None:
    for _ in lines:
        pass


class _HealthCheck:
    """A container definition's ``healthCheck``."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.status = "UNKNOWN"
        self._command = _check_command(definition["command"])
        self._interval = float(definition.get("interval") or 30)
        self._timeout = float(definition.get("timeout") or 5)
        self._retries = int(definition.get("retries") or 3)
        self._start_period = float(definition.get("startPeriod") or 0)

    def runner(self, server: Server, process: Process, environment: Mapping[str, str], folder: str) -> Any:
        """What checks as long as ``process`` runs."""

        def run() -> None:
            failed, waited = 0, 0.0
            while process.poll() is None and self._command:
                if self._passes(environment, folder):
                    failed, self.status = 0, "HEALTHY"
                elif self.status == "HEALTHY" or waited >= self._start_period:
                    failed += 1
                    if failed >= self._retries:
                        self.status = "UNHEALTHY"
                pause = min(self._interval, server.delays["ecs.health_interval"])
                server.background.pause(max(pause, 0.02))
                waited += max(pause, 0.02)

        return run

    def _passes(self, environment: Mapping[str, str], folder: str) -> bool:
        try:
            done = subprocess.run(
                self._command,
                env=dict(environment),
                cwd=folder,
                timeout=self._timeout,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def _check_command(command: Sequence[str]) -> list[str]:
    if command[0] == "CMD-SHELL":
        return ["/bin/sh", "-c", *command[1:]]
    return list(command[1:]) if command[0] in ("CMD", "NONE") else list(command)
