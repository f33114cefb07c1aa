"""The model finds a promotion that goes by what was confirmed a while ago, and one that does not wait for old tasks."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest

from tests.model import people
from tests.model.client import Model
from tests.model.plugged import plugged
from tests.model.runs import Run, drive, standing


@pytest.mark.parametrize("somebody", [people.deploy, people.put_back])
def test_s01_the_model_notices_an_activation_that_does_not_look_at_what_runs(
    somebody: Callable[[Model, str], None],
) -> None:
    model = standing("dev", "qa")
    with plugged(model), patch("snaplift.promotion.deployment.confirm", return_value=None):
        run = Run(model, "qa", "new", 1)
        drive(run, until="activate")
        somebody(model, "qa")
        drive(run, 5)
    assert any("moves to" in violation and "was deployed" in violation for violation in model.world.violations)


@pytest.mark.parametrize("somebody", [people.deploy, people.put_back])
def test_s06_what_is_deployed_once_it_was_confirmed_ends_the_promotion(
    somebody: Callable[[Model, str], None],
) -> None:
    model = standing("dev", "qa")
    with plugged(model):
        run = Run(model, "qa", "new", 1)
        drive(run, until="activate")
        somebody(model, "qa")
        drive(run)
    assert run.colour == "red"
    assert "failed: activate: NotConfirmed: the service runs" in run.why
    assert model.world.violations == []


def test_s07_the_model_notices_a_database_that_goes_while_old_tasks_are_stopping() -> None:
    model = standing("dev", "qa")
    with plugged(model), patch("snaplift.aws.steps.retire.wait_unused", return_value=None):
        run = Run(model, "qa", "new", 1)
        drive(run)
    assert run.colour == "green"
    assert any(line.startswith("I3") and "is STOPPING on it" in line for line in model.world.violations)


def test_s07_old_tasks_are_stopping_when_the_old_database_is_to_go_and_are_waited_for() -> None:
    model = standing("dev", "qa")
    with plugged(model):
        run = Run(model, "qa", "new", 1)
        drive(run, until="retire")
        assert any(task.status == "STOPPING" for task in model.world.tasks.values())
        drive(run)
    assert run.colour == "green"
    assert model.world.violations == []
