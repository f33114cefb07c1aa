"""A rolling deployment never leaves its bounds and always arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local.aws.ecs.rollout import Bounds, Step, Tasks, breaker_threshold, next_step

NOTHING = Tasks(0, 0)


def test_bounds_are_rounded_as_aws_rounds_them() -> None:
    bounds = Bounds(desired=3, minimum_percent=50, maximum_percent=150)
    assert (bounds.minimum, bounds.maximum) == (2, 4)


def test_new_tasks_start_beside_the_old_ones() -> None:
    assert next_step(Bounds(2), NOTHING, Tasks(2, 2)) == Step(start=2, stop_new=0, stop_old=0)


def test_an_old_task_goes_for_each_new_one_that_is_healthy() -> None:
    assert next_step(Bounds(2), Tasks(2, 1), Tasks(2, 2)) == Step(0, 0, 1)
    assert next_step(Bounds(2), Tasks(2, 2), Tasks(1, 1)) == Step(0, 0, 1)


def test_old_tasks_that_are_not_healthy_go_at_once() -> None:
    assert next_step(Bounds(2), NOTHING, Tasks(2, 1)) == Step(2, 0, 1)


def test_one_that_fell_ill_is_replaced_first_and_goes_when_enough_are_healthy() -> None:
    assert next_step(Bounds(2), NOTHING, NOTHING, ill=2) == Step(2, 0, 0)
    assert next_step(Bounds(2), Tasks(2, 1), NOTHING, ill=2) == Step(0, 0, 0, stop_ill=1)
    assert next_step(Bounds(2), Tasks(2, 2), NOTHING, ill=1) == Step(0, 0, 0, stop_ill=1)


def test_new_ones_that_fell_ill_beside_healthy_old_ones_go_at_once() -> None:
    assert next_step(Bounds(2), NOTHING, Tasks(2, 2), ill=2) == Step(0, 0, 0, stop_ill=2)


def test_without_room_for_a_replacement_one_that_fell_ill_goes_first() -> None:
    assert next_step(Bounds(1), NOTHING, NOTHING, ill=2) == Step(0, 0, 0, stop_ill=1)
    assert next_step(Bounds(2, 100, 100), NOTHING, NOTHING, ill=2) == Step(0, 0, 0, stop_ill=1)


def test_without_room_above_old_tasks_go_first() -> None:
    tight = Bounds(1, minimum_percent=0, maximum_percent=100)
    assert next_step(tight, NOTHING, Tasks(1, 1)) == Step(0, 0, 1)
    assert next_step(tight, NOTHING, NOTHING) == Step(1, 0, 0)


def test_nothing_is_desired() -> None:
    assert next_step(Bounds(0), Tasks(2, 2), Tasks(1, 1)) == Step(0, 2, 1)


def counts(most: int = 6) -> st.SearchStrategy[Tasks]:
    return st.integers(0, most).flatmap(lambda live: st.builds(Tasks, st.just(live), st.integers(0, live)))


@given(desired=st.integers(0, 6), new=counts(), old=counts(), lowest=st.integers(0, 100), highest=st.integers(100, 200))
def test_no_step_leaves_the_bounds(desired: int, new: Tasks, old: Tasks, lowest: int, highest: int) -> None:
    bounds = Bounds(desired, lowest, highest)
    step = next_step(bounds, new, old)
    assert 0 <= step.stop_old <= old.live
    assert 0 <= step.stop_new <= new.live
    assert step.start == 0 or new.live + old.live + step.start <= bounds.maximum
    healthy_stopped = max(0, step.stop_old - (old.live - old.healthy))
    if healthy_stopped:
        assert min(new.healthy, desired) + old.healthy - healthy_stopped >= bounds.minimum


@given(desired=st.integers(0, 6), old=st.integers(0, 8), lowest=st.integers(0, 100), highest=st.integers(100, 200))
def test_a_deployment_whose_tasks_become_healthy_arrives(desired: int, old: int, lowest: int, highest: int) -> None:
    bounds = Bounds(desired, lowest, highest)
    if bounds.minimum >= bounds.maximum and desired:
        return  # AWS's deadlock: it may neither start nor stop one
    new = 0
    for _ in range(100):
        step = next_step(bounds, Tasks(new, new), Tasks(old, old))
        new, old = new + step.start - step.stop_new, old - step.stop_old
    assert (new, old) == (desired, 0)


@pytest.mark.parametrize(
    ("configuration", "desired", "threshold"),
    [
        (None, 1, 3),
        (None, 10, 5),
        (None, 25, 13),
        (None, 1000, 200),
        ({"type": "COUNT", "value": 1}, 10, 1),
        ({"type": "UNBOUNDED_PERCENT", "value": 50}, 2, 1),
        ({"type": "BOUNDED_PERCENT", "value": 100}, 2, 3),
    ],
)
def test_the_breakers_threshold(configuration: dict[str, object] | None, desired: int, threshold: int) -> None:
    assert breaker_threshold({"thresholdConfiguration": configuration}, desired) == threshold
