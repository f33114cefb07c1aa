"""The operators of ``fleet.recover``: find the locks of dead runs, and end what those runs began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from snaplift.aws.operators.base import AdvancingOperator
from snaplift.promotion.wait import Verdict, Wait

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.aws.steps.recover import Ask

MOST: Final = 200
"""Locks that one run recovers: Airflow maps a task over 1,024 things at most, and the next run comes in minutes."""
PATIENCE: Final = 240.0
"""Seconds that a run waits for one thing. The next run goes on where this one stopped, and until this one has ended
nobody looks for other dead locks."""


class _RecoveringOperator(AdvancingOperator):
    """Asks this Airflow how runs stand."""

    def ask(self, context: Context) -> Ask:
        from snaplift.aws.operators.metadata import asking
        from snaplift.config.loading import tenant_names

        return asking(context["ti"], lambda: tenant_names(Path(self.configuration)))  # type: ignore[arg-type]


class FindDeadLocksOperator(_RecoveringOperator):
    """List the locks whose run is dead, over all platforms; the list is the task's XCom."""

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        return super().execute(context, event)["locks"]

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps.promotion import Done
        from snaplift.aws.steps.recover import find

        leads = find(self.platforms(), self.ask(context))
        if len(leads) > MOST:
            self.log.warning("%d locks are to be recovered: this run takes the first %d", len(leads), MOST)
        return Done({"locks": [lead.model_dump() for lead in leads[:MOST]]})


class RecoverOperator(_RecoveringOperator):
    """End the promotion of one dead run, by its lock's record, and give the lock back.

    What takes AWS long (a database that goes) is left to the next runs: each begins again, and finds what was done.

    :param lock: one of what :class:`FindDeadLocksOperator` found.
    """

    def __init__(self, *, lock: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lock = lock

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        if event is not None and event["verdict"] == Verdict.OVERDUE:
            said = f"AWS is still at work ({event['state']}): the next run goes on"
            self.log.info("%s", said)
            return {"skipped": said}
        return super().execute(context, event)

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.recover import Lead, advance

        outcome = advance(self.platforms(), Lead.model_validate(self.lock), self.ask(context))
        if isinstance(outcome, Wait):
            return outcome.model_copy(update={"timeout": min(outcome.timeout, PATIENCE)})
        return outcome
