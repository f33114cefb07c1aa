"""adapt: make a copy of another environment's data this environment's own, before anybody can reach it."""

from __future__ import annotations

from snaplift.aws.steps import marks
from snaplift.aws.steps.applying import Series, apply
from snaplift.aws.steps.job import run_command
from snaplift.aws.steps.promotion import Done, Promotion
from snaplift.promotion.wait import Wait


def advance(promotion: Promotion) -> Wait | Done:
    """Apply what the configuration has, one after the other; for the first environment its setup.

    :raises StepFailed: one went wrong, or one that may not be repeated was interrupted.
    """
    plan = promotion.plan
    if plan.mode == "origin":
        return _set_up(promotion)
    if "adapt" in plan.left_out:
        return Done(skipped=plan.left_out["adapt"])
    marks.check_masked(promotion, marks.candidate(promotion))
    for number, item in enumerate(plan.tenant.adapt):
        if wait := apply(promotion, Series("adapt", marks.ADAPT), number, item):
            return wait
    return Done({"applied": len(plan.tenant.adapt)})


def _set_up(promotion: Promotion) -> Wait | Done:
    if promotion.plan.tenant.setup is None:
        return Done(skipped="the tenant's configuration has no setup: the database stays empty")
    instance = marks.candidate(promotion)
    if marks.is_past(instance.tags.get(marks.ADAPT, ""), 0):
        return Done(skipped="the setup has run")
    if isinstance(outcome := run_command(promotion, "setup", promotion.plan.tenant.setup), Wait):
        return outcome
    promotion.aws.databases.tag(instance, {marks.ADAPT: "0-done"})
    return Done({"task": outcome.arn})
