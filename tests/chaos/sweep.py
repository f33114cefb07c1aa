"""All points, side by side in several processes, within a budget of time; what broke, and how to repeat it."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import queue
import random
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.chaos.ground import SCENARIOS, open_ground
from tests.chaos.points import EQUIVALENCES, Fault, Point
from tests.chaos.trial import Trial, attempt, record

_PR_SET_PDEATHSIG: Final = 1
_PROCESSES: Final = multiprocessing.get_context("spawn")
FRESH_AFTER: Final = 120
"""Points that are tried on one laptop's AWS, which keeps what has gone and so gets slower."""


@dataclass
class Result:
    """What a sweep found."""

    seed: int
    planned: list[Point] = field(default_factory=list)
    trials: dict[str, Trial] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """What kept a process from trying its points."""

    @property
    def broken(self) -> list[Trial]:
        return [trial for trial in self.trials.values() if trial.problems]

    @property
    def missed(self) -> list[Trial]:
        """Not struck: the run did not make that call this time."""
        return [trial for trial in self.trials.values() if not trial.struck]

    @property
    def held(self) -> bool:
        """Whether every point that was tried held; too many that no call met would mean that nothing is struck."""
        few = len(self.missed) * 20 <= len(self.trials)
        return bool(self.trials) and few and not self.broken and not self.lost


def sweep(*, seconds: float, seed: int, processes: int, folder: Path | None = None) -> Result:
    """Record every scenario, then try its points until all are tried or the time is up.

    :param seconds: after which no further point is begun.
    :param seed: of the order among points of the same rank.
    """
    until = time.monotonic() + seconds
    with _Workers(processes, folder) as workers:
        recorded = workers.work([("record", name) for name in SCENARIOS], until=float("inf"))
        result = Result(seed, lost=workers.lost)
        result.planned = ordered([point for found in recorded for point in found], seed)
        for number, trial in enumerate(workers.work([("try", each) for each in result.planned], until), 1):
            result.trials[trial.point] = trial
            if trial.problems or number % 25 == 0:
                print(
                    f"  {number} of {len(result.planned)} tried", *map(_broken_line, [trial] if trial.problems else [])
                )
    return result


def ordered(found: Iterable[Point], seed: int) -> list[Point]:
    """The most telling first, by chance among equals: a budget that ends early has then tried the worst."""
    shuffled = sorted(found, key=str)
    random.Random(seed).shuffle(shuffled)  # an order, no secret
    seen: set[tuple[str, str, str]] = set()
    ranks = {}
    for point in shuffled:
        kind = (point.scenario, point.task, point.call.partition("#")[0])
        ranks[point] = 0 if point.fault is not Fault.DENIED else 2 if kind in seen else 1
        if point.fault is Fault.DENIED:
            seen.add(kind)
    return sorted(shuffled, key=ranks.__getitem__)


class _Workers:
    """Processes that each have a laptop's AWS of their own."""

    def __init__(self, number: int, folder: Path | None) -> None:
        self.lost: list[str] = []
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
                    kind, given = job
                    done.put(
                        attempt(ground, given)
                        if kind == "try"
                        else SCENARIOS[given].points(record(ground, SCENARIOS[given]))
                    )
                    job = jobs.get()
                    if job is None:
                        break
    except Exception:
        done.put(traceback.format_exc())


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
    tried = [point for point in result.planned if str(point) in result.trials and result.trials[str(point)].struck]
    print("\nscenario            fault           calls struck  of  points  held")
    for (scenario, fault), planned in _grouped(result.planned).items():
        here = [point for point in tried if (point.scenario, point.fault) == (scenario, fault)]
        held = sum(not result.trials[str(point)].problems for point in here)
        calls, all_calls = sum(point.count for point in here), sum(point.count for point in planned)
        print(f"{scenario:<19} {fault:<14} {calls:>13} {all_calls:>3} {len(here):>7} {held:>5}")
    print("\nnot tried, because something else is the same:")
    for line in EQUIVALENCES:
        print(f"  {line}")
    left = Counter(name for trial in result.trials.values() for name in ["left"] * bool(trial.left))
    print(
        f"\n{len(tried)} of {len(result.planned)} points tried in {seconds:.0f} s, seed {result.seed}; "
        f"{len(tried) - len(result.broken)} held, {len(result.broken)} broke; {len(result.missed)} were not met by a "
        f"call; {left['left']} left an old database to the reaper, after a refusal in retire"
    )
    for trial in result.missed:
        print(f"not met by a call: {trial.point}")
    for trial in result.broken:
        print(_broken_line(trial))
    for line in result.lost:
        print(f"\na process ended:\n{line}")


def _broken_line(trial: Trial) -> str:
    problems = "".join(f"\n    {problem}" for problem in trial.problems)
    story = f"\n    the run: {trial.story}" if trial.story else ""
    return f"\nBROKE {trial.point}{problems}{story}\n    again: python -m tests.chaos --point {trial.point}"


def _grouped(found: Sequence[Point]) -> dict[tuple[str, Fault], list[Point]]:
    groups: dict[tuple[str, Fault], list[Point]] = {}
    for point in sorted(found, key=lambda each: (list(SCENARIOS).index(each.scenario), list(Fault).index(each.fault))):
        groups.setdefault((point.scenario, point.fault), []).append(point)
    return groups
