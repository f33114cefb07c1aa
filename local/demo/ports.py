"""Which ports the demo listens on: the usual ones, or the next that are free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.aws.addresses import is_free
from local.aws.listening import holder

HOST = "127.0.0.1"
_TASKS_HOST = "127.255.255.253"
"""One of the many that are like those of the sites' tasks: what listens on all addresses is in its way too."""
_TRIED = 50


class NoPort(RuntimeError):
    """No port is free where one is looked for."""


@dataclass(frozen=True)
class Ports:
    """Of the things that a person or a program connects to."""

    aws: int = 4566
    airflow: int = 8080
    sites: int = 8088
    tasks: int = 8080
    """Of the sites' tasks, each of which has an address of its own."""


def choose(usual: Ports, tell: Callable[[str], None]) -> Ports:
    """Take the usual ports; for one that is taken say by what, and take the next free one.

    :raises NoPort: none of the next ones is free either
    """
    taken: set[tuple[str, int]] = set()
    chosen = {}
    for name, words, host in (
        ("aws", "the laptop's AWS", HOST),
        ("airflow", "Airflow", HOST),
        ("sites", "the sites", HOST),
        ("tasks", "the sites' tasks", _TASKS_HOST),
    ):
        wanted = getattr(usual, name)
        ports = range(wanted, wanted + _TRIED)
        port = next((port for port in ports if (host, port) not in taken and is_free(host, port)), None)
        if port is None:
            raise NoPort(f"no port for {words} is free from {wanted} to {wanted + _TRIED - 1}: {holder(wanted)}")
        if port != wanted:
            tell(f"{holder(wanted)}: {words} will be on port {port}")
        taken.add((host, port))
        chosen[name] = port
    return Ports(**chosen)
