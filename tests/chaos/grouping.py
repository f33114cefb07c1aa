"""Which points are struck in one run: those that leave it as it was ride along with the one that ends it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tests.chaos.points import EVERY_READ, KILLS, SQL, WAIT, Fault, Point

LONGEST_CHAIN: Final = 20
"""Refusals of one task in one run, each cleared by a person, where there are not as many runs as points anyhow."""
REPEATED: Final = 15
"""Of calls that botocore repeats, within a try."""
KILLED_TRIES: Final = 7
"""Of kills, after which a task is tried again as long as it has a try left."""
TRIES: Final = 4
"""Of a database's errors, a try each: after more of them a task gives up."""

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
    last = [point for point in points if point.fault is Fault.DENIED]
    last.sort(key=lambda point: -order.index(_task(point)))
    riders = {}
    for number, task in enumerate(order):
        runs = sum(order.index(_task(end)) > number for end in last)
        riders[task] = _riders([point for point in points if _task(point) == task], runs, chance)
    for end in last:
        yield (*_one_each(riders, order[: order.index(_task(end))]), end)
    while run := _one_each(riders, order):
        yield run


def _task(point: Point) -> str:
    """What the triggerer does for a task belongs to it: a try that begins again waits again."""
    return point.task.removesuffix(WAIT)


def _riders(points: Sequence[Point], runs: int, chance: random.Random) -> list[Run]:
    """What is struck in one task of one run each.

    :param runs: those that there are anyhow, and that get further than the task.
    """
    kinds: dict[int, list[Point]] = {}
    for point in points:
        if point.fault is not Fault.DENIED:
            kinds.setdefault(_most(point), []).append(point)
    least = {most: max(math.ceil(len(alike) / most), min(len(alike), 2)) for most, alike in kinds.items()}
    spare = max(0, runs - sum(least.values())) // max(1, len(kinds))
    found = [run for most, alike in kinds.items() for run in _dealt(alike, min(len(alike), least[most] + spare))]
    chance.shuffle(found)
    return found


def _most(point: Point) -> int:
    """How many of its kind are struck in one task of one run."""
    if point.fault is Fault.CLEARED:
        return LONGEST_CHAIN
    if point.fault in KILLS:
        return KILLED_TRIES
    return TRIES if point.call.startswith(f"{SQL}:") else REPEATED


def _dealt(points: Sequence[Point], hands: int) -> list[Run]:
    """So many parts, whose points keep their order and are far apart: no call is struck twice."""
    return [tuple(points[number::hands]) for number in range(hands)]


def _one_each(riders: dict[str, list[Run]], tasks: Sequence[str]) -> Run:
    return tuple(point for task in tasks if riders[task] for point in riders[task].pop())
