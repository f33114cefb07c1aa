"""adapt: make a copy of another environment's data this environment's own, before anybody can reach it."""

from __future__ import annotations

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks import mysql
from snaplift.aws.steps import marks
from snaplift.aws.steps.credentials import master, server
from snaplift.aws.steps.job import run_command
from snaplift.aws.steps.promotion import Done, Promotion
from snaplift.config.tenant import AdaptCommand, AdaptSql
from snaplift.promotion.values import values
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
    for number, item in enumerate(plan.tenant.adapt):
        if isinstance(outcome := _apply(promotion, number, item), Wait):
            return outcome
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


def _apply(promotion: Promotion, number: int, item: AdaptSql | AdaptCommand) -> Wait | None:
    instance = marks.candidate(promotion)
    begun, done = f"{number}-begun", f"{number}-done"
    mark = instance.tags.get(marks.ADAPT, "")
    if marks.is_past(mark, number):
        return None
    if isinstance(item, AdaptCommand):  # finding its task again is no repetition
        promotion.aws.databases.tag(instance, {marks.ADAPT: begun})
        if isinstance(outcome := run_command(promotion, f"adapt-{number}", item), Wait):
            return outcome
    else:
        if mark == begun and not item.repeatable:
            raise StepFailed(
                f"statement group {number} of adapt was interrupted and may not be repeated: promote again, "
                "from a fresh restore (or declare it repeatable)"
            )
        promotion.aws.databases.tag(instance, {marks.ADAPT: begun})
        plan = promotion.plan
        found = values(plan.platforms, plan.tenant, plan.environment, plan.release)
        mysql.run(server(promotion), master(promotion), item.sql, found, promotion.fence.check)
    promotion.aws.databases.tag(instance, {marks.ADAPT: done})
    return None
