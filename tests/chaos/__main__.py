"""Command line: ``python -m tests.chaos`` sweeps, with ``--point`` it tries points, ``all`` is ``make chaos``."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.parts import whole
from tests.chaos.points import Point
from tests.chaos.sweep import sweep, tell
from tests.support.totals import hand_over


def main() -> int:
    """Run one of them. Returns the exit status: 0 if all that was tried held."""
    options = _parser().parse_args()
    if options.what == "all":
        return whole(seed=options.seed, sample=_sample())
    if options.point:
        return _again(options.point)
    began = time.monotonic()
    print(f"the sweep: at most {options.seconds} s, seed {options.seed} (CHAOS_SECONDS, CHAOS_SEED)", flush=True)
    result = sweep(seconds=options.seconds, seed=options.seed, processes=options.processes)
    tell(result, time.monotonic() - began)
    hand_over(
        planned=result.total,
        tried=result.tried,
        held=result.held,
        missed=len(result.missed),
        orphans=result.orphans,
        lost_writes=result.lost_writes,
    )
    return 0 if result.good else 1


def _again(points: Sequence[Point]) -> int:
    """Try one run again, with all its logs on the screen."""
    from tests.chaos.ground import open_ground
    from tests.chaos.trial import attempt

    with tempfile.TemporaryDirectory() as folder, open_ground(Path(folder)) as ground:
        trial = attempt(ground, *points)
    for point in points:
        print(f"\n{point}: {'not met by a call' if point in trial.missed else 'broke' if trial.problems else 'held'}")
    for problem in trial.problems:
        print(f"  {problem}")
    print(f"  the run: {trial.story or 'went well'}")
    return 1 if trial.problems or trial.missed else 0


def _sample() -> float | None:
    """Seconds for the sweep, if somebody has said how many."""
    given = os.environ.get("CHAOS_SECONDS")
    return float(given) if given else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("sweep", "all"), default="sweep")
    parser.add_argument(
        "--point",
        type=Point.parse,
        nargs="+",
        help="scenario/task/call/fault, as a sweep prints it; several are struck in one run",
    )
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("CHAOS_SECONDS", "1080")))
    seed = os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10_000)
    parser.add_argument("--seed", type=int, default=int(seed))
    return parser


if __name__ == "__main__":
    sys.exit(main())
