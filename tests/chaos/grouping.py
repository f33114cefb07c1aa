"""Which points are struck in one run: those that leave it as it was ride along with the one that ends it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tests.chaos.points import EVERY_READ, KILLS, REFUSALS, WAIT, Fault, Point

LONGEST_CHAIN: Final = 20
"""Refusals of one task in one run, each cleared by a person."""
TRIES: Final = 4
"""Errors of one task in one run, a try each, where there are not as many runs as points anyhow: after more of them a
task gives up."""
KILLED_TRIES: Final = 7
"""And kills, which a task is tried again after as long as it has a try left."""

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
    cleared = [point for point in points if point.fault is Fault.CLEARED]
    killed = [point for point in points if point.fault in KILLS]
    failed = [point for point in points if point.fault not in REFUSALS | KILLS]
    chains = _dealt(cleared, LONGEST_CHAIN)
    least = _dealt(killed, KILLED_TRIES)
    found = [*chains, *_dealt(failed, TRIES, runs - len(chains) - len(least))]
    found += _dealt(killed, KILLED_TRIES, runs - len(found))
    chance.shuffle(found)
    return found


def _dealt(points: Sequence[Point], most: int, hands: int = 0) -> list[Run]:
    """So many parts, or more where each would have too many points, which keep their order and are far apart."""
    hands = max(math.ceil(len(points) / most), min(len(points), hands))
    return [tuple(points[number::hands]) for number in range(hands)]


def _one_each(riders: dict[str, list[Run]], tasks: Sequence[str]) -> Run:
    return tuple(point for task in tasks if riders[task] for point in riders[task].pop())
