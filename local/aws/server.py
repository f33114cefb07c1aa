"""One process that answers the AWS APIs on loopback: ministack and this package's extensions of it."""

import asyncio
import contextlib
import importlib
import logging
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.addresses import AddressBlock
from local.aws.background import Background
from local.aws.control import Control
from local.aws.delays import Delays
from local.aws.failures import Failures
from local.aws.faults import Faults, FaultyApplication
from local.aws.listening import listen
from local.aws.patching import Incompatible
from local.aws.processes import Processes
from local.aws.state import InUse, StateDir

HOST = "127.0.0.1"

_log = logging.getLogger(__name__)

# Each is a module or package of local.aws with a function ``install(server)``, called in this order.
_EXTENSIONS = (
    "iam",
    "ssm",
    "secretsmanager",
    "ec2",
    "rds",
    "ecr",
    "elb",
    "ecs",
    "cloudformation",
    "tagging",
    "quotas",
)
# What the product and its probes use. Others of ministack's services would look for Docker or open ports.
_SERVICES = (
    "acm,cloudformation,dynamodb,ec2,ecr,ecs,elasticloadbalancing,iam,kms,logs,monitoring,rds,s3,"
    "secretsmanager,sns,sqs,ssm,sts,tagging"
)


# What is run, and the package of Debian and Ubuntu that it is in.
_PROGRAMS = {
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "haproxy": "haproxy",
    "setpriv": "util-linux",
    "cp": "coreutils",
}
# Where an ordinary user's PATH does not lead.
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"


class MissingPrograms(RuntimeError):
    """Something that the server runs is not installed."""


@dataclass(frozen=True)
class Settings:
    """What one run is told: the TCP port on loopback (0: a free one) and the folder for its state."""

    port: int
    state_dir: Path


class Server:
    """What an extension builds on."""

    def __init__(self, port: int, state: StateDir) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.state = state
        self.delays = Delays()
        self.failures = Failures()
        self.control = Control(self.delays, self.failures)
        self.faults = Faults()
        self.control.route("GET", "faults", self.faults.read)
        self.control.route("PUT", "faults", self.faults.write)
        self.background = Background()
        self.processes = Processes(state.processes)
        self.addresses = AddressBlock()
        self._stops: list[Callable[[], None]] = []

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when the server ends, the latest first, before what still runs is killed."""
        self._stops.append(callback)

    def stop(self) -> None:
        """End everything that was started; what fails is logged and does not keep the rest from ending."""
        self.background.stop()
        for callback in [*reversed(self._stops), self.processes.kill_all, self.addresses.release]:
            try:
                callback()
            except Exception:
                _log.exception("stopping: %s failed", callback)


def serve(settings: Settings) -> int:
    """Answer until SIGTERM or SIGINT. Returns the exit status: 0, or 1 when it could not start."""
    # Until the event loop takes the signal over: leave in order, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _check_programs()
        listener = listen(HOST, settings.port)
        state = StateDir(settings.state_dir)
    except (OSError, InUse, MissingPrograms) as error:
        print(f"local.aws: {error}", file=sys.stderr)
        return 1
    server = Server(listener.getsockname()[1], state)
    try:
        _prepare_environment(server)
        _install_extensions(server)
        asyncio.run(_run(server, listener))
    except Incompatible as error:
        print(f"local.aws: {error}", file=sys.stderr)
        return 1
    finally:
        server.stop()
        state.close()
    return 0


def _check_programs() -> None:
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        packages = " ".join(sorted({_PROGRAMS[name] for name in missing}))
        raise MissingPrograms(f"cannot find {', '.join(missing)}: install the packages {packages}")


def _prepare_environment(server: Server) -> None:
    """What ministack reads while it is imported."""
    os.environ.update(
        BIND_HOST=HOST,
        GATEWAY_PORT=str(server.port),
        MINISTACK_HOST="localhost",
        SERVICES=_SERVICES,
        PERSIST_STATE="0",
        S3_PERSIST="0",
        STATE_DIR=str(server.state.path / "ministack"),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        DOCKER_HOST=f"unix://{server.state.path}/no-docker.sock",
    )
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    logging.getLogger("kms").setLevel(logging.ERROR)  # it warns that it cannot sign, which nothing here asks for
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _install_extensions(server: Server) -> None:
    for name in _EXTENSIONS:
        importlib.import_module(f"local.aws.{name}").install(server)


async def _run(server: Server, listener: socket.socket) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve  # type: ignore[import-not-found]
    from hypercorn.config import Config  # type: ignore[import-not-found]

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    await hypercorn_serve(_application(server), config, shutdown_trigger=stop.wait)


def _application(server: Server) -> Any:
    from ministack.app import app as ministack

    faulty = FaultyApplication(ministack, server.faults)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(Control.PREFIX):
            await _answer_control(server.control, scope, receive, send)
        elif scope["type"] == "lifespan":
            await ministack(scope, receive, _announcing(server, send))
        else:
            await faulty(scope, receive, send)

    return application


def _announcing(server: Server, send: Any) -> Any:
    async def announce(message: Any) -> None:
        await send(message)
        if message["type"] == "lifespan.startup.complete":
            swept = f" (ended {server.state.swept} processes of an earlier run)" if server.state.swept else ""
            with contextlib.suppress(BrokenPipeError):
                print(f"AWS is at {server.url}, state in {server.state.path}{swept}", flush=True)

    return announce


async def _answer_control(control: Control, scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, answer = await asyncio.to_thread(control.answer, scope["method"], scope["path"], body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
