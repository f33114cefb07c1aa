"""A step that is cleared, long after it ended: what people do in the UI, against the model of AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model.client import Model
from tests.model.invariants import pointer_of
from tests.model.plugged import plugged
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
