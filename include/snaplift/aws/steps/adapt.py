"""adapt: make a copy of another environment's data this environment's own, before anybody can reach it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from snaplift.aws.steps import credentials, database, marks
from snaplift.aws.steps.applying import Interrupted, Series, apply
from snaplift.aws.steps.job import run_command
from snaplift.aws.steps.promotion import Done, Promotion
from snaplift.aws.steps.removal import remove_database
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)

MOST: Final = 3
"""How often a copy is made afresh: what is interrupted more often has another reason."""


def advance(promotion: Promotion) -> Wait | Done:
    """Apply what the configuration has, one after the other; for the first environment its setup.

    Where one that may not be repeated was interrupted, the copy is given up, and all of it begins with a fresh one.

    :raises Interrupted: that happened again and again, or the copy was to be masked.
    :raises StepFailed: one went wrong.
    """
    if promotion.lock.afresh and (wait := _make_afresh(promotion)):
        return wait
    try:
        return _apply_all(promotion)
    except Interrupted as interrupted:
        if promotion.plan.masking or promotion.lock.afresh >= MOST:
            raise
        log.warning("%s: a fresh copy is made", interrupted)
        promotion.aws.databases.tag(marks.candidate(promotion), {marks.GIVEN_UP: "adapt"})
        lock = promotion.locks.note_afresh(promotion.place.lock_table, promotion.lock)
        return advance(replace(promotion, lock=lock))


def _make_afresh(promotion: Promotion) -> Wait | None:
    """Bring a fresh copy to where ``adapt`` begins. None: it is there, as far as nothing has happened to it since."""
    plan = promotion.plan
    stack, instance = promotion.aws.stacks.find(plan.database), promotion.aws.databases.instance(plan.database)
    given_up = instance is not None and marks.GIVEN_UP in instance.tags
    gone = instance is None and stack is not None and (stack.created or stack.status == "DELETE_IN_PROGRESS")
    if (given_up or gone) and (
        wait := remove_database(promotion, plan.database, resource_id=None, run=plan.run.hash, final_snapshot=None)
    ):
        return wait
    if isinstance(outcome := database.advance(promotion), Wait):
        return outcome
    if marks.CREDENTIALS not in marks.candidate(promotion).tags:
        credentials.advance(promotion)
    return None


def _apply_all(promotion: Promotion) -> Wait | Done:
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
