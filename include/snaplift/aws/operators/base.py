"""What all of snaplift's operators do alike: advance, defer while AWS works, fail with a sentence."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from snaplift.aws.triggers.wait import WaitTrigger
from snaplift.promotion.wait import Wait

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.config.platform import Platforms
    from snaplift.promotion.plan import Place, Plan
    from snaplift.promotion.run import Run


class AdvancingOperator(BaseOperator):
    """Advance until there is nothing left to wait for.

    The work is in :mod:`snaplift.aws.steps`, usable without Airflow. Here each wait is a deferral, so that no worker
    slot is held, and after it the step begins again and finds what it made.

    :param configuration: the folder with ``platforms.yaml``, as this process sees it.
    """

    ui_color = "#eef3f7"
    plan: Plan | None = None
    """What is carried out, once it is known; the links to what was made need it."""
    place: Place | None = None
    """Where that is made, for a task without a plan."""

    def __init__(self, *, configuration: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configuration = configuration

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        """Run, or go on after a wait.

        :raises AirflowFailException: it cannot succeed, however often it is tried.
        """
        # boto3 takes a second to import: not while DAGs are parsed.
        from snaplift.aws import fence
        from snaplift.aws.failures import explain, is_permanent

        fence.parent()  # a task that has lost it by the first write has lost it since now
        try:
            if event is not None and event["verdict"] != "done":
                self.explain(context, event)
            outcome = self.advance(context)
        except Exception as error:
            self.on_failure(context, error)
            permanent, said = is_permanent(error), explain(error)
            if permanent or said != str(error):
                # On a line of its own: a traceback is cut where the screen ends.
                self.log.error("%s", said)
            if permanent:
                raise AirflowFailException(said) from error
            raise
        self._link(context, outcome)
        if isinstance(outcome, Wait):
            self.log.info("waiting for %s, at most %.0f min", outcome, outcome.timeout / 60)
            self.defer(
                trigger=WaitTrigger(outcome.model_dump_json(), time.time() + outcome.timeout),
                method_name="execute",
                kwargs=self.kept(),
                # The trigger keeps the deadline and says what it saw; this only catches a triggerer that hangs.
                timeout=timedelta(seconds=outcome.timeout + 600),
            )
        if outcome.skipped:
            self.log.info("nothing to do: %s", outcome.skipped)
        return {**outcome.result, **({"skipped": outcome.skipped} if outcome.skipped else {})}

    def advance(self, context: Context) -> Wait | Done:
        """Do the next thing that is missing."""
        raise NotImplementedError

    def kept(self) -> dict[str, Any]:
        """What ``execute`` is given again after a wait."""
        return {}

    def _link(self, context: Context, outcome: Wait | Done) -> None:
        """Write down where the outcome is seen: the links are there while a step waits. It never fails a task."""
        from snaplift.aws.links.outcome import Scene, persist

        try:
            if isinstance(outcome, Wait) or outcome.result:
                plan = self.plan_to_show(context)
                place = plan.place if plan else self.place
                persist(context, self, outcome, place, Scene.of(plan) if plan else None)
        except Exception as error:
            self.log.warning("the task has no links: %s", error)

    def plan_to_show(self, context: Context) -> Plan | None:  # noqa: ARG002  # for those that look it up
        """The plan whose things the task links to."""
        return self.plan

    def explain(self, context: Context, event: dict[str, str]) -> None:
        """A wait went wrong. Here the step is asked once more: it knows better why than a state does."""
        from snaplift.aws.errors import WaitFailed

        outcome = self.advance(context)
        if isinstance(outcome, Wait):
            raise WaitFailed(f"{outcome} is {event['state']}: {event['detail'] or 'no reason is given'}")

    def on_failure(self, context: Context, error: Exception) -> None:
        """Note why, where somebody will look."""

    def platforms(self) -> Platforms:
        """Read what the installation is."""
        from snaplift.config.loading import load_platforms

        return load_platforms(Path(self.configuration))

    def run_of(self, context: Context) -> Run:
        """Say which run this is, the same at every retry."""
        from snaplift.promotion.run import Run

        return Run(
            installation=self.platforms().installation,
            dag_id=self.dag_id,
            run_id=str(context["run_id"]),
        )
