"""All points, side by side in several processes, within a budget of time; what broke, and how to repeat it."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import queue
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.chaos.ground import SCENARIOS, Ground, open_ground
from tests.chaos.grouping import grouped
from tests.chaos.points import EQUIVALENCES, Fault, Point
from tests.chaos.trial import Trial, attempt, record

_PR_SET_PDEATHSIG: Final = 1
_PROCESSES: Final = multiprocessing.get_context("spawn")
FRESH_AFTER: Final = 120
"""Runs that are tried on one laptop's AWS, which keeps what has gone and so gets slower."""


@dataclass
class Result:
    """What a sweep found."""

    seed: int
    planned: list[Point] = field(default_factory=list)
    struck: dict[Point, int] = field(default_factory=dict)
    """Calls by the point that struck them."""
    broken: list[Trial] = field(default_factory=list)
    missed: set[Point] = field(default_factory=set)
    """Tried alone, and the run did not make that call this time."""
    runs: int = 0
    left: int = 0
    """Runs that left an old database to the reaper, after a refusal in retire."""
    ended: list[str] = field(default_factory=list)
    """What kept a process from trying its points."""

    @property
    def total(self) -> int:
        """Points that there are: without those that no call met."""
        return len(self.planned) - len(self.missed)

    @property
    def tried(self) -> int:
        """Points that were struck."""
        return len(self.struck)

    @property
    def held(self) -> int:
        """Points after which everything was as it has to be."""
        return len(self.struck.keys() - {point for trial in self.broken for point in trial.points})

    @property
    def orphans(self) -> int:
        """What recoveries have left, though nothing refers to it any more."""
        return sum(trial.orphans for trial in self.broken)

    @property
    def lost_writes(self) -> int:
        """Runs in which visitors' rows went that no plan had told of."""
        return sum(trial.lost_writes for trial in self.broken)

    @property
    def good(self) -> bool:
        """Whether every point that was tried held; too many that no call met would mean that nothing is struck."""
        few = len(self.missed) * 50 <= len(self.planned)
        return bool(self.struck) and few and not self.broken and not self.ended

    def add(self, trial: Trial) -> list[Point]:
        """Add how a run went. Returns the points that have to be tried alone."""
        self.runs += 1
        self.left += bool(trial.left)
        self.struck |= trial.struck
        alone = len(trial.points) == 1
        if trial.problems:
            self.broken.append(trial)
        if alone:
            self.missed |= set(trial.missed)
            return []
        return list(trial.points) if trial.problems else trial.missed

    def told_apart(self) -> None:
        """Take out runs of which a point broke alone: that one is told."""
        alone = {trial.points[0] for trial in self.broken if len(trial.points) == 1}
        self.broken = [each for each in self.broken if len(each.points) == 1 or alone.isdisjoint(each.points)]


def sweep(*, seconds: float, seed: int, processes: int, folder: Path | None = None) -> Result:
    """Record every scenario, then try its points, until all are tried or the time is up.

    Of a run that broke each point is tried alone, and so is a point that was not met in a run with others.

    :param seconds: after which no further run is begun.
    :param seed: of the choices among points that are alike, of what is struck in one run, and of the order.
    """
    until = time.monotonic() + seconds
    with _Workers(processes, folder) as workers:
        result = Result(seed, ended=workers.lost)
        recorded = workers.work([("record", (name, seed)) for name in SCENARIOS], until=float("inf"))
        result.planned = sorted((point for found in recorded for point in found), key=_place)
        alone: list[Point] = []
        for runs in (grouped(result.planned, seed), alone):
            jobs = [("try", run if isinstance(run, tuple) else (run,)) for run in runs]
            for trial in workers.work(jobs, until):
                alone += result.add(trial)
                _tell_progress(result, trial)
        result.told_apart()
    return result


def _place(point: Point) -> int:
    """Scenarios come as they were recorded, which depends on the processes; their points are in order."""
    return list(SCENARIOS).index(point.scenario)


def _tell_progress(result: Result, trial: Trial) -> None:
    if trial.problems:
        print(_broken_line(trial), flush=True)
    if result.runs % 50 == 0:
        print(f"  {result.tried} of {result.total} points tried, {result.runs} runs", flush=True)


class _Workers:
    """Processes that each have a laptop's AWS of their own."""

    def __init__(self, number: int, folder: Path | None) -> None:
        self.lost: list[str] = []
        """What ended a process."""
        self._folder = folder or Path(tempfile.mkdtemp(prefix="chaos-"))
        self._jobs: Any = _PROCESSES.Queue()
        self._done: Any = _PROCESSES.Queue()
        self._number = number
        self._processes: list[Any] = []

    def __enter__(self) -> _Workers:
        for number in range(self._number):
            folder = self._folder / str(number)
            process = _PROCESSES.Process(target=_work, args=(folder, self._jobs, self._done))
            process.start()
            self._processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        for _process in self._processes:
            self._jobs.put(None)
        for process in self._processes:
            process.join(60)
            if process.is_alive():
                process.kill()
        if self.lost:
            print(f"logs: {self._folder}")
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def work(self, jobs: Sequence[Any], until: float) -> Iterable[Any]:
        """Give jobs out one by one; results as they come."""
        waiting, out = list(reversed(jobs)), 0
        while waiting or out:
            while waiting and out < self._number and time.monotonic() < until:
                self._jobs.put(waiting.pop())
                out += 1
            if not out:
                return
            result = self._next()
            if result is None:
                return
            out -= 1
            yield result

    def _next(self) -> Any:
        """The next result; None: all processes have ended."""
        while True:
            try:
                found = self._done.get(timeout=5)
            except queue.Empty:
                if not any(process.is_alive() for process in self._processes):
                    self.lost.append("all processes have ended")
                    return None
                continue
            if not isinstance(found, str):
                return found
            self.lost.append(found)
            return None


def _work(folder: Path, jobs: Any, done: Any) -> None:
    """One process: a ground, and points tried on it, until there is no job."""
    _die_with_parent()
    _quiet(folder)
    number, job = 0, jobs.get()
    try:
        while job is not None:
            number += 1
            with open_ground(folder / str(number)) as ground:
                for _ in range(FRESH_AFTER):
                    done.put(_do(ground, *job))
                    job = jobs.get()
                    if job is None:
                        break
    except Exception:
        done.put(traceback.format_exc())


def _do(ground: Ground, kind: str, given: Any) -> Trial | list[Point]:
    if kind == "try":
        return attempt(ground, *given)
    name, seed = given
    return SCENARIOS[name].points(record(ground, SCENARIOS[name]), seed)


def _die_with_parent() -> None:
    """A sweep that is killed leaves nothing: the kernel ends this process, and so its laptop's AWS."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _quiet(folder: Path) -> None:
    """Let this process's output, which is its tasks' logs, go to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    log = os.open(folder / "tasks.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.captureWarnings(True)


def tell(result: Result, seconds: float) -> None:
    """Print what was tried, what held, and what broke."""
    broken = {point for trial in result.broken for point in trial.points}
    print("\nscenario            fault           calls struck  of  points  held")
    for (scenario, fault), planned in _by_kind(result.planned).items():
        tried = [point for point in planned if point in result.struck]
        calls, all_calls = sum(point.count for point in tried), sum(point.count for point in planned)
        held = len(set(tried) - broken)
        print(f"{scenario:<19} {fault:<14} {calls:>13} {all_calls:>3} {len(tried):>7} {held:>5}")
    print("\nnot tried, because something else is the same:")
    for line in EQUIVALENCES:
        print(f"  {line}")
    for point in sorted(result.missed, key=str):
        print(f"not met by a call: {point}")
    for trial in result.broken:
        print(_broken_line(trial))
    for line in result.ended:
        print(f"\na process ended:\n{line}")
    print(
        f"\n{result.tried} of {result.total} points tried, {result.held} held, {result.tried - result.held} broke; "
        f"{result.runs} runs in {seconds:.0f} s; orphans left by recovery: {result.orphans}; "
        f"lost writes unannounced: {result.lost_writes}; seed {result.seed}\n"
        f"{result.left} runs left an old database to the reaper, after a refusal in retire"
    )


def _broken_line(trial: Trial) -> str:
    problems = "".join(f"\n    {problem}" for problem in trial.problems)
    story = f"\n    the run: {trial.story}" if trial.story else ""
    points = " ".join(map(str, trial.points))
    together = ", struck together" if len(trial.points) > 1 else ""
    return f"\nBROKE {points}{together}{problems}{story}\n    again: python -m tests.chaos --point {points}"


def _by_kind(found: Sequence[Point]) -> dict[tuple[str, Fault], list[Point]]:
    groups: dict[tuple[str, Fault], list[Point]] = {}
    for point in sorted(found, key=lambda each: (list(SCENARIOS).index(each.scenario), list(Fault).index(each.fault))):
        groups.setdefault((point.scenario, point.fault), []).append(point)
    return groups
