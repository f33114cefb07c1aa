"""Which ports the demo listens on: the usual ones, or the next that are free."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from local.aws.listening import holder

HOST = "127.0.0.1"
_TRIED = 50


class NoPort(RuntimeError):
    """No port is free where one is looked for."""


@dataclass(frozen=True)
class Ports:
    """Of the three things that a person or a program connects to."""

    aws: int = 4566
    airflow: int = 8080
    sites: int = 8088


def choose(usual: Ports, tell: Callable[[str], None]) -> Ports:
    """Take the usual ports; for one that is taken say by what, and take the next free one.

    :raises NoPort: none of the next ones is free either
    """
    taken: set[int] = set()
    chosen = {}
    for name, words in (("aws", "the laptop's AWS"), ("airflow", "Airflow"), ("sites", "the sites")):
        wanted = getattr(usual, name)
        port = next((p for p in range(wanted, wanted + _TRIED) if p not in taken and is_free(p)), None)
        if port is None:
            raise NoPort(f"no port for {words} is free from {wanted} to {wanted + _TRIED - 1}: {holder(wanted)}")
        if port != wanted:
            tell(f"{holder(wanted)}: {words} will be on port {port}")
        taken.add(port)
        chosen[name] = port
    return Ports(**chosen)


def is_free(port: int) -> bool:
    """Say whether a port can be listened on, on loopback."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still fading is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
