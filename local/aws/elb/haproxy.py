"""One haproxy for one port: it is never reloaded, everything changes through its runtime interface."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from local.aws.elb.routes import FIXED_STATUSES

BACKENDS = 100
"""As many target groups as an Application Load Balancer may have."""
SERVERS = 16
"""As many targets as one group may have at a time, those that are drained included."""

_START_SECONDS = 10
_ANSWER_SECONDS = 10

_CONFIGURATION = """\
global
  stats socket {socket} mode 600 level admin
  log stdout format raw local0
  nbthread 1
  maxconn 4000
defaults
  mode http
  log global
  log-format "request %[var(txn.host)] %ST"
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  # Clients keep their connections, targets get a new one a request: none is reused while its target stops.
  option http-server-close
  option forwardfor
  option redispatch 1
  retries 3
  retry-on conn-failure
frontend listener
  bind {address}:{port}
  http-request set-var(txn.host) req.hdr(host),field(1,:),lower
  http-request set-var-fmt(txn.request) "%[var(txn.host)]|%[method]|%[path]"
  http-request set-var(txn.route) var(txn.request),map_reg({map},none)
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port {port}
  http-request set-var(txn.body) var(txn.route),word(4,:),b64dec if {{ var(txn.route) -m beg fixed: }}
  http-request set-var(txn.type) var(txn.route),word(3,:) if {{ var(txn.route) -m beg fixed: }}
  http-after-response set-header Content-Type %[var(txn.type)] if {{ var(txn.type) -m found }}
{fixed}
  http-request return status 503 if {{ var(txn.route) -m str none }}
  use_backend %[var(txn.route)]
{backends}
"""
_FIXED = (
    "  http-request return status {status} content-type text/plain lf-string %[var(txn.body)] "
    "if {{ var(txn.route) -m beg fixed:{status}: }}"
)
_BACKEND = "backend {name}\n  balance roundrobin\n  server-template s 1-{servers} 127.0.0.1:1 disabled"
_ACCEPTED = ("IP changed", "no need to change", "New version created", "port changed")


class Refused(RuntimeError):
    """haproxy did not take a command."""


def backend_name(index: int) -> str:
    """The name of a slot for a target group."""
    return f"group{index}"


def program() -> str | None:
    """Where haproxy is, which may be a folder that only root's PATH has."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/sbin")


def configuration(address: str, port: int, socket_file: Path, map_file: Path) -> str:
    """haproxy's configuration for one port, with empty slots for target groups and targets."""
    fixed = "\n".join(_FIXED.format(status=status) for status in FIXED_STATUSES)
    backends = "\n".join(_BACKEND.format(name=backend_name(index), servers=SERVERS) for index in range(BACKENDS))
    return _CONFIGURATION.format(
        address=address, port=port, socket=socket_file, map=map_file, fixed=fixed, backends=backends
    )


class Runtime:
    """haproxy's runtime interface."""

    def __init__(self, socket_file: Path, map_file: Path) -> None:
        self._socket_file = socket_file
        self._map = map_file

    def wait_until_ready(self, ended: Callable[[], bool]) -> None:
        """Return once it answers.

        :raises Refused: it ended, or did not answer in time
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.ask("show info")
            except OSError as error:
                if ended() or time.monotonic() > deadline:
                    raise Refused(f"haproxy did not start: {error}") from error
                time.sleep(0.02)
            else:
                return

    def set_routes(self, entries: Sequence[tuple[str, str]]) -> None:
        """Replace all routes at once: no request sees a half of them."""
        version = self.ask(f"prepare map {self._map}").split()[-1]
        for pattern, value in entries:
            self.order(f"add map @{version} {self._map} <<\n{pattern} {value}\n")
        self.order(f"commit map @{version} {self._map}")

    def set_address(self, server: str, address: str, port: int) -> None:
        """Give a slot (``backend/server``) to a target."""
        self.order(f"set server {server} addr {address} port {port}")

    def set_state(self, server: str, state: str) -> None:
        """``ready``, ``drain`` (no new requests) or ``maint`` (nobody's)."""
        self.order(f"set server {server} state {state}")

    def cut_off(self, server: str) -> None:
        """End what is still in flight on a slot."""
        self.order(f"shutdown sessions server {server}")

    def in_flight(self, backend: str) -> dict[str, int]:
        """The requests that each slot of a backend serves now."""
        lines = self.ask(f"show stat {backend} 4 -1").strip().splitlines()
        columns = lines[0].removeprefix("# ").split(",")
        rows = [dict(zip(columns, line.split(","), strict=False)) for line in lines[1:]]
        return {row["svname"]: int(row["scur"]) for row in rows}

    def order(self, command: str) -> None:
        """Send a command that answers nothing when it is done.

        :raises Refused: it was not
        """
        answer = self.ask(command).strip()
        if answer and not answer.startswith(_ACCEPTED):
            raise Refused(f"haproxy answered {answer!r} to {command!r}")

    def ask(self, command: str) -> str:
        """Send a command and return its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect(str(self._socket_file))
            connection.sendall(command.encode() + b"\n")
            return _all(connection.makefile("rb"))


def _all(stream: BinaryIO) -> str:
    with stream:
        return stream.read().decode()
