"""A step that is cleared, long after it ended: what people do in the UI, against the model of AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model import people
from tests.model.client import Fault, Model
from tests.model.invariants import leftovers, pointer_of, problems
from tests.model.plugged import plugged
from tests.model.references import locks, once_active
from tests.model.runs import Run, drive, standing


@pytest.fixture
def model() -> Iterator[Model]:
    found = standing("dev", "qa")
    with plugged(found):
        yield found


@pytest.mark.parametrize("cleared", ["database", "adapt", "register", "smoke", "deploy"])
def test_s41_a_step_cleared_after_the_activation_leaves_no_candidate_behind(model: Model, cleared: str) -> None:
    run = Run(model, "qa", "new", 1)
    drive(run, until="retire")
    run.clear(cleared)
    drive(run)
    assert run.colour == "green"
    pointer = pointer_of(model.world, "qa")
    assert pointer is not None
    assert pointer["candidate"] is None, "every later plan would be refused"
    following = Run(model, "qa", "new", 2)
    drive(following)
    assert following.colour == "green"


def test_s42_a_run_keeps_its_lock_for_what_it_made_although_a_person_deleted_its_snapshot(model: Model) -> None:
    run = Run(model, "qa", "new", 1)
    drive(run, until="credentials")
    people.DEEDS["a snapshot is deleted"](model, "qa")
    people.DEEDS["the pointer is touched"](model, "qa")
    run.clear("credentials")
    run.advance()
    assert [namespace for namespace, _, _ in locks(model.world)] == ["xy-0146-qa"]
    run.mark_failed()
    drive(run)
    model.world.advance(7200)
    assert list(leftovers(model.world)) == []


def test_s53_a_first_promotion_that_died_before_its_check_takes_no_other_runs_service_away(model: Model) -> None:
    first, second = Run(model, "prod", "tested", 1), Run(model, "prod", "tested", 2)
    for run in (first, second):
        drive(run, until="lock")  # both have found nothing in prod
    drive(first)
    assert first.colour == "green"
    model.fault = Fault("after", 0)
    second.advance()  # killed when the lock is taken, before the plan is compared with what is
    second.mark_failed()
    drive(second)
    assert second.colour == "red"
    assert list(locks(model.world)) == []
    assert model.world.violations == []
    assert model.world.services["xy-0146-prod"].status == "ACTIVE"


def test_s41_a_run_cleared_long_after_its_end_gives_its_lock_back_and_leaves_what_was_active(model: Model) -> None:
    first = Run(model, "prod", "tested", 1)
    drive(first)
    for following in (Run(model, "qa", "new", 2), Run(model, "prod", "tested", 3)):
        drive(following)
        assert following.colour == "green"
    model.fault = Fault("after", 0)
    first.clear("retire")
    first.advance()  # killed when the lock is taken, before the plan is compared with what is
    first.mark_failed()
    drive(first)
    assert first.colour == "red"
    assert list(locks(model.world)) == []
    assert list(problems(model.world, set(), set())) == []


def test_what_was_active_behind_a_pointer_that_somebody_garbled_was_active(model: Model) -> None:
    """Of the model itself: the reaper may take what such a database has left, so it counts as no leftover."""
    run = Run(model, "qa", "new", 1)
    drive(run, until="retire")
    active = pointer_of(model.world, "qa")
    assert active is not None
    people.DEEDS["the pointer is garbled"](model, "qa")
    assert active["active"]["database"]["resource_id"] in once_active(model.world)
