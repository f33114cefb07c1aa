"""What watches over Airflow's processes, as systemd or ECS does where it runs for good: what ends is started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, RLock, Thread
from typing import Final

from local.airflow import server
from local.demo.installation import Installation

_LOOK: Final = 1.0
"""Seconds between two looks."""


class Supervisor:
    """Starts each of Airflow's processes again that has ended by itself, and keeps a list of these."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._turn = RLock()
        self.restarts: list[str] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """As long as this is not left."""
        over = Event()

        def watch() -> None:
            while not over.wait(_LOOK):
                self.look()

        thread = Thread(target=watch, name="supervisor", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextmanager
    def hands_off(self) -> Iterator[None]:
        """Whoever ends a process on purpose starts it again before leaving this."""
        with self._turn:
            yield

    def look(self) -> None:
        """Start again what does not run."""
        with self._turn:
            programs = self._installation.programs
            for name in server.PROCESSES:
                if not programs.running(name):
                    self.restarts.append(name)
                    last = programs.tail(name, lines=1)
                    self._installation.tell(f"{name} has ended by itself, and is started again; its last words: {last}")
                    programs.stop(name, grace=0.0)  # with what it has left behind
                    self.start(name)

    def start(self, name: str) -> None:
        """Start a process again, on the same database."""
        server.start_process(self._installation.programs, self._installation.settings, name)
