"""What a person sees while it runs: a line for each thing that happened, and always what is being waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

_QUIET_SECONDS = 10.0


@dataclass
class Stage:
    """A part of the whole, and how long it took."""

    words: str
    seconds: float = 0.0


@dataclass
class Progress:
    """Lines with the time since the start; in a terminal also a moving line with what is going on."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    stages: list[Stage] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def tell(self, words: str, style: str = "") -> None:
        """Say that something happened."""
        with self._lock:
            line = Text(f"{self.seconds:6.1f} s  ", style="dim")
            line.append(words, style=style)
            self.console.print(line)
            self._said = time.monotonic()

    @contextmanager
    def stage(self, words: str) -> Iterator[Stage]:
        """Say what begins, show that it goes on, and keep how long it took."""
        self.tell(words, style="bold")
        stage, began = Stage(words), time.monotonic()
        self.stages.append(stage)
        stop = threading.Event()
        moving = threading.Thread(target=self._show_life, args=(words, stop), daemon=True)
        moving.start()
        try:
            if self.console.is_terminal:
                with self.console.status(f"{words} …"):
                    yield stage
            else:
                yield stage
        finally:
            stage.seconds = time.monotonic() - began
            stop.set()
            moving.join()

    def _show_life(self, words: str, stop: threading.Event) -> None:
        """Where nothing moves by itself (a file, a log): a line whenever there was none for a while."""
        while not self.console.is_terminal and not stop.wait(1):
            if time.monotonic() - self._said > _QUIET_SECONDS:
                self.tell(f"  still: {words}", style="dim")
