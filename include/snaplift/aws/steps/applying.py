"""What the configuration has done to a copy, one thing after the other, each remembered on the copy itself."""

from __future__ import annotations

from typing import NamedTuple

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks import mysql
from snaplift.aws.steps import marks
from snaplift.aws.steps.credentials import master, server
from snaplift.aws.steps.job import run_command
from snaplift.aws.steps.promotion import Promotion
from snaplift.config.tenant import AdaptCommand, AdaptSql
from snaplift.promotion.values import values_of
from snaplift.promotion.wait import Wait


class Interrupted(StepFailed):
    """Something that may not be repeated was begun, and nobody knows how far it came."""


class Series(NamedTuple):
    """Things that are done in their order."""

    step: str
    tag: str
    """In which it is remembered how far they have come."""
    prefix: str = ""
    """Of the tag's value: what another run has written there counts for nothing."""

    def state(self, mark: str) -> str:
        """Read ``<number>-begun`` or ``<number>-done`` from a tag's value; empty: nothing is begun."""
        return mark.removeprefix(self.prefix) if mark.startswith(self.prefix) else ""


def apply(promotion: Promotion, series: Series, number: int, item: AdaptSql | AdaptCommand) -> Wait | None:
    """Do one thing of a series, unless it is done.

    :raises Interrupted: it was begun, and may not be repeated.
    :raises StepFailed: it went wrong.
    """
    instance = marks.candidate(promotion)
    begun, done = f"{number}-begun", f"{number}-done"
    state = series.state(instance.tags.get(series.tag, ""))
    if marks.is_past(state, number):
        return None
    if isinstance(item, AdaptCommand):  # finding its task again is no repetition
        promotion.aws.databases.tag(instance, {series.tag: f"{series.prefix}{begun}"})
        if isinstance(outcome := run_command(promotion, f"{series.step}-{number}", item), Wait):
            return outcome
    else:
        if state == begun and not item.repeatable:
            raise Interrupted(
                f"statement group {number} of {series.step} was interrupted and may not be repeated: promote again, "
                "from a fresh restore (or declare it repeatable)"
            )
        promotion.aws.databases.tag(instance, {series.tag: f"{series.prefix}{begun}"})
        found, allowed = values_of(promotion.plan), promotion.fence.check
        mysql.run(server(promotion), master(promotion), item.sql, found, allowed, step=series.step)
    promotion.aws.databases.tag(instance, {series.tag: f"{series.prefix}{done}"})
    return None
