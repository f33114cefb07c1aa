"""Which points are struck in one run: those that leave it as it was ride along with the one that ends it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tests.chaos.points import EVERY_READ, REFUSALS, TEARDOWN, WAIT, Fault, Point

LONGEST_CHAIN: Final = 10
"""Refusals of one task in one run, each cleared by a person."""
TRIES: Final = 4
"""Points in `finish` that one run is struck at, a try each: nothing else of its scenarios is struck."""

Run = tuple[Point, ...]
"""Points of one scenario, in the order in which they are struck."""


def grouped(found: Iterable[Point], seed: int) -> list[Run]:
    """All points in as few runs as they need, those with the most points first, by chance among equals.

    A run that is killed, throttled, or cleared by a person goes on as if nothing had been, which is looked at in the
    end: so it can be struck in each of its tasks. A refusal that nobody clears ends it, so there is one at most, the
    last.
    """
    chance = random.Random(f"runs {seed}")  # an order, no secret
    scenarios: dict[str, list[Point]] = {}
    for point in found:
        scenarios.setdefault(point.scenario, []).append(point)
    runs = [run for points in scenarios.values() for run in _of_scenario(points, chance)]
    chance.shuffle(runs)
    return sorted(runs, key=len, reverse=True)


def _of_scenario(points: Sequence[Point], chance: random.Random) -> Iterator[Run]:
    order = list(dict.fromkeys(_task(point) for point in points if point.call != EVERY_READ))
    riders = {task: _riders([point for point in points if _task(point) == task], chance) for task in order}
    last = [point for point in points if point.fault is Fault.DENIED]
    for end in sorted(last, key=lambda point: -order.index(_task(point))):
        yield (*_one_each(riders, order[: order.index(_task(end))]), end)
    while run := _one_each(riders, order):
        yield run


def _task(point: Point) -> str:
    """What the triggerer does for a task belongs to it: a try that begins again waits again."""
    return point.task.removesuffix(WAIT)


def _riders(points: Sequence[Point], chance: random.Random) -> list[Run]:
    """What can be struck in one task of one run."""
    cleared = [point for point in points if point.fault is Fault.CLEARED]
    singles = [point for point in points if point.fault not in REFUSALS]
    tries = TRIES if singles and _task(singles[0]) == TEARDOWN else 1
    found = [*_dealt(cleared, LONGEST_CHAIN), *_dealt(singles, tries)]
    chance.shuffle(found)
    return found


def _dealt(points: Sequence[Point], most: int) -> list[Run]:
    """Parts of at most so many, whose points keep their order and are far from each other."""
    hands = math.ceil(len(points) / most)
    return [tuple(points[number::hands]) for number in range(hands)]


def _one_each(riders: dict[str, list[Run]], tasks: Sequence[str]) -> Run:
    return tuple(point for task in tasks if riders[task] for point in riders[task].pop())
