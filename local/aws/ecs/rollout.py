"""The decisions of a rolling deployment: how many tasks to start and to stop, and when it has failed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_THRESHOLD_PERCENT = 50
_THRESHOLD_MIN, _THRESHOLD_MAX = 3, 200


@dataclass(frozen=True)
class Bounds:
    """``desired`` tasks, and how far a deployment may go below and above it, in percent of it."""

    desired: int
    minimum_percent: int = 100
    maximum_percent: int = 200

    @property
    def minimum(self) -> int:
        """Healthy tasks that have to stay; AWS rounds up."""
        return math.ceil(self.desired * self.minimum_percent / 100)

    @property
    def maximum(self) -> int:
        """Tasks that may run at a time; AWS rounds down."""
        return self.desired * self.maximum_percent // 100


@dataclass(frozen=True)
class Tasks:
    """How many tasks are meant to run, and how many of them are healthy."""

    live: int
    healthy: int


@dataclass(frozen=True)
class Step:
    """What to do next."""

    start: int
    stop_new: int
    """Of the tasks of the deployment that is rolled out."""
    stop_old: int
    """Of all others' tasks, those that are not healthy first."""
    stop_ill: int = 0


def next_step(bounds: Bounds, new: Tasks, old: Tasks, ill: int = 0) -> Step:
    """What brings the service nearer to ``desired`` new tasks without leaving the bounds.

    Old tasks that are not healthy yet serve nobody, so they go at once; a healthy one goes as soon as enough
    healthy tasks stay without it. One that fell ill is replaced first where there is room for that, and goes last:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html

    :param ill: tasks of any deployment whose checks fail, which are neither among ``new`` nor among ``old``.
    """
    stop_new = max(0, new.live - bounds.desired)
    missing = max(0, bounds.desired - new.live)
    room = bounds.maximum - new.live - old.live - ill
    start = max(0, min(missing, room))
    stop_ill = max(0, min(ill, new.healthy + old.healthy + ill - bounds.minimum))
    if missing and room <= 0:
        stop_ill = max(stop_ill, min(ill, 1))
    healthy_new = min(new.healthy, bounds.desired)
    spare = max(0, min(old.healthy, healthy_new + old.healthy - bounds.minimum))
    return Step(start, stop_new, old.live - old.healthy + spare, stop_ill)


def breaker_threshold(breaker: Mapping[str, Any], desired: int) -> int:
    """The failed tasks that trigger the deployment circuit breaker.

    Half of the desired count between 3 and 200, unless ``thresholdConfiguration`` says otherwise:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    configuration = breaker.get("thresholdConfiguration") or {}
    kind = configuration.get("type", "BOUNDED_PERCENT")
    value = int(configuration.get("value", _THRESHOLD_PERCENT))
    if kind == "COUNT":
        return max(1, value)
    share = math.ceil(desired * value / 100)
    if kind == "UNBOUNDED_PERCENT":
        return max(1, share)
    return min(_THRESHOLD_MAX, max(_THRESHOLD_MIN, share))
