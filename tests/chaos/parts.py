"""The parts of ``make chaos``, as programs: what runs beside what, for how long, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final

from tests.chaos.verdict import Ended, problems, table
from tests.support.leftovers import adopt_orphans, processes_left
from tests.support.totals import PATH

SECONDS: Final = 1800.0
"""All that the whole may take."""
CLOSING: Final = 75.0
"""Of these, what the sweep leaves: its last points come to their end, and everything is stopped."""
_GRACE: Final = 30.0
"""A part that is interrupted stops what it has started."""
_POLL: Final = 0.1


@dataclass(frozen=True)
class Part:
    """One program, which writes its totals at its end."""

    name: str
    command: Callable[[float], Sequence[str]]
    """Given the seconds that are left for it."""


def _sweep(left: float) -> Sequence[str]:
    return sys.executable, "-m", "tests.chaos", "--seconds", str(max(1, int(left - CLOSING)))


def _pytest(name: str) -> Part:
    command = (sys.executable, "-m", "pytest", "--nothing-left", "-v", f"tests/chaos/{name}")
    return Part(name, lambda _: command)


STAGES: Final[Sequence[Sequence[Part]]] = (
    # How long visitors wait is measured on a machine that does nothing else.
    (_pytest("access"),),
    # Airflow waits most of the time, and the model fills that.
    (Part("model", lambda _: (sys.executable, "-m", "tests.model")), _pytest("processes")),
    # Takes all that two cores have: beside Airflow both take longer than one after the other, and what waits for
    # Airflow runs into its deadlines.
    (Part("sweep", _sweep),),
)
"""One after the other; the parts of one side by side."""


def whole(*, seed: int, sample: float | None, stages: Sequence[Sequence[Part]] = STAGES) -> int:
    """Run all parts, tell the totals, leave nothing running. Returns the exit status: 0 if all was tried and held.

    :param sample: seconds for the sweep, if not all of its points have to be tried.
    """
    with _everything_ends() as left:
        held = play(seed=seed, sample=sample, stages=stages)
    for process in left:
        print(f"  left running, and ended: {process}")
    return 0 if held and not left else 1


def play(*, seed: int, sample: float | None, stages: Sequence[Sequence[Part]]) -> bool:
    """Run all parts and tell the totals. Returns whether everything was tried, and all of it held."""
    began = time.monotonic()
    ended: list[Ended] = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, contextlib.suppress(KeyboardInterrupt):
        for stage in stages:
            _run_together(stage, Path(folder), seed, sample, began + SECONDS, ended)
    print("\n" + "\n".join(table(ended, seed=seed, seconds=time.monotonic() - began, sample=sample is not None)))
    return not list(problems(ended, sample=sample is not None))


@contextmanager
def _everything_ends() -> Iterator[list[str]]:
    """Whatever was started below this process has ended when this is left; what had to be ended is in the list."""
    adopt_orphans()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    # Also where a shell that started this in the background has it ignored: what is started here would ignore it too.
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    left: list[str] = []
    try:
        yield left
    finally:
        while found := processes_left(5):
            left += map(str, found)
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_together(
    stage: Sequence[Part], folder: Path, seed: int, sample: float | None, until: float, ended: list[Ended]
) -> None:
    """Run parts side by side until each has ended, or all have to; how they ended is added to the list."""
    said = Lock()
    running: list[_Running] = []
    try:
        for part in stage:
            # A sample gets its seconds as if the rest were the closing.
            left = until - time.monotonic() if sample is None else sample + CLOSING
            running.append(_Running(part, folder / f"{part.name}.json", said, seed, left))
        while any(each.runs for each in running) and time.monotonic() < until:
            time.sleep(_POLL)
    finally:
        _end([each for each in running if each.runs])
        ended += [each.ended() for each in running]


def _end(running: Sequence[_Running]) -> None:
    """Interrupt parts, as Ctrl-C would, then kill those that go on."""
    for each in running:
        each.interrupt()
    deadline = time.monotonic() + _GRACE
    while any(each.runs for each in running) and time.monotonic() < deadline:
        time.sleep(_POLL)
    for each in running:
        each.process.kill()
        each.process.wait()


@dataclass
class _Running:
    """A part under way. Its lines are printed with its name before them."""

    part: Part
    totals: Path
    said: Lock
    seed: int
    left: float
    began: float = field(default_factory=time.monotonic)
    interrupted: bool = False
    seconds: float = 0.0

    def __post_init__(self) -> None:
        # In a session of its own, so that Ctrl-C in a terminal reaches it through this process only, and once.
        self.process = subprocess.Popen(
            self.part.command(self.left),
            env={**os.environ, PATH: str(self.totals), "CHAOS_SEED": str(self.seed), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        Thread(target=self._pass_on, daemon=True).start()

    def _pass_on(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.said:
                print(f"{self.part.name:<9} | {line.rstrip()}", flush=True)

    @property
    def runs(self) -> bool:
        if self.process.poll() is None:
            return True
        self.seconds = self.seconds or time.monotonic() - self.began
        return False

    def interrupt(self) -> None:
        self.interrupted = True
        self.process.send_signal(signal.SIGINT)

    def ended(self) -> Ended:
        status = None if self.interrupted else self.process.wait()
        try:
            totals = json.loads(self.totals.read_text())
        except (OSError, ValueError):
            totals = {}
        return Ended(self.part.name, status, self.seconds or time.monotonic() - self.began, totals)
