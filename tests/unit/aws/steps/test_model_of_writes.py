"""The model finds writes that are given up unsaid: what it is told of by the product would otherwise prove nothing."""

from __future__ import annotations

from unittest.mock import patch

from tests.model import people
from tests.model.plugged import plugged
from tests.model.runs import Run, drive, standing


def test_s09_the_model_notices_a_promotion_that_does_not_look_for_writes() -> None:
    model = standing("dev", "qa", "prod")
    with plugged(model), patch("snaplift.aws.steps.deploy.check_writes", return_value=None):
        drive(Run(model, "qa", "new", 1))
        run = Run(model, "prod", "tested", 2)
        drive(run, until="deploy")
        people.visit(model, "prod")
        drive(run, until="confirm")
    assert [violation.partition(":")[0] for violation in model.world.violations] == ["I7"]


def test_s09_writes_that_come_during_a_promotion_end_it_where_they_may_not_be_lost() -> None:
    model = standing("dev", "qa", "prod")
    with plugged(model):
        drive(Run(model, "qa", "new", 1))
        run = Run(model, "prod", "tested", 2)
        drive(run, until="deploy")
        people.visit(model, "prod")
        drive(run)
    assert run.colour == "red"
    assert "writes have come since the plan" in run.why
    assert model.world.violations == []
