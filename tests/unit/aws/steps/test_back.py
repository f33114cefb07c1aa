"""A rollback to a database that stands, cleared and given up at every step, against the model of AWS."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from tests.model.client import Model
from tests.model.invariants import pointer_of, problems
from tests.model.plugged import plugged
from tests.model.references import locks
from tests.model.runs import PROMOTE, Run, drive, standing

STEPS = tuple(step for step in PROMOTE if step != "plan")
REACHED = [
    (reached, cleared)
    for reached in ("database", "smoke", "deploy", "confirm", "activate", "retire")
    for cleared in ("lock", "database", "smoke", "deploy")
    if STEPS.index(cleared) < STEPS.index(reached)
]


@cache
def _two() -> Model:
    """In prod a second release is active, and the database of the first one stands."""
    model = standing("dev", "qa", "prod")
    with plugged(model):
        for number, (environment, release) in enumerate((("qa", "new"), ("prod", "tested")), 101):
            run = Run(model, environment, release, number)
            drive(run)
            assert run.colour == "green", run
    model.world.advance(7200)
    return model


@pytest.fixture
def model() -> Iterator[Model]:
    found = deepcopy(_two())
    with plugged(found):
        yield found


def pointer(model: Model) -> dict[str, Any]:
    found = pointer_of(model.world, "prod")
    assert found is not None
    return found


def assert_sound(model: Model) -> None:
    assert list(problems(model.world, set(), set())) == []
    assert list(locks(model.world)) == []
    assert pointer(model)["candidate"] is None


@pytest.mark.parametrize(("reached", "cleared"), REACHED)
def test_s41_it_goes_on_to_a_good_end_wherever_it_was_when_a_task_was_cleared(
    model: Model, reached: str, cleared: str
) -> None:
    before = pointer(model)
    run = Run(model, "prod", "previous", 1)
    drive(run, until=reached)
    run.clear(cleared)
    drive(run)
    assert run.colour == "green", run
    assert pointer(model)["active"]["database"]["resource_id"] == before["previous"]["database"]["resource_id"]
    assert pointer(model)["previous"] == before["active"]
    assert_sound(model)


@pytest.mark.parametrize("reached", STEPS)
def test_s41_given_up_before_it_is_active_it_leaves_both_databases(model: Model, reached: str) -> None:
    before, databases = pointer(model), set(model.world.instances)
    run = Run(model, "prod", "previous", 1)
    drive(run, until=reached)
    run.mark_failed()
    drive(run)
    if reached == "retire":
        assert run.colour == "green"
    else:
        assert run.colour == "red"
        assert pointer(model) == before
    assert set(model.world.instances) == databases
    assert_sound(model)


def test_i4_the_lock_of_one_that_deployed_is_not_given_back_unless_it_is_undone(model: Model) -> None:
    """It made no database, and what shows that it has begun is the pointer's candidate alone."""
    run = Run(model, "prod", "previous", 1)
    drive(run, until="confirm")
    run.clear("lock")
    model.world.advance(60)
    run.advance()
    assert [namespace for namespace, _, _ in locks(model.world)] == ["xy-0146-prod"]
    drive(run)
    assert run.colour == "green", run
    assert_sound(model)
