"""The operators of ``fleet.reap``: find what nothing refers to, take each thing away, and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowFailException

from snaplift.aws.operators.base import AdvancingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.promotion.reaping import Fleet
    from snaplift.promotion.wait import Wait

FIND: Final = "find"
REAP: Final = "reap"
SUMMARY: Final = "summary"
"""The XCom with what goes, what was marked, what is kept and why, and what it costs a month, in Markdown."""


class _ReapingOperator(AdvancingOperator):
    """Reads the whole configuration; a tenant whose file is broken is quarantined, and no other is."""

    def fleet(self) -> Fleet:
        from snaplift.config.loading import load_configuration, tenant_names
        from snaplift.promotion.reaping import Fleet

        root = Path(self.configuration)
        found = load_configuration(root)
        broken = frozenset(tenant_names(root)) - found.tenants.keys()
        return Fleet(platforms=found.platforms, tenants=dict(found.tenants), broken=broken)


class FindOrphansOperator(_ReapingOperator):
    """List everything of ours, mark what nothing refers to, and say what is to go; that is the task's XCom."""

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        return super().execute(context, event)["things"]

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps import reap
        from snaplift.aws.steps.promotion import Done
        from snaplift.promotion.describe_reap import describe
        from snaplift.promotion.reaping import within

        params, fleet = context["params"], self.fleet()
        surveys, verdicts = reap.find(fleet)
        going, rest = within(verdicts, int(params["cap"]), params["platform"])
        bill, dry_run = reap.bill(fleet, surveys), bool(params["dry_run"])
        self.log.info("%s", describe(verdicts, going, rest, bill, most=None, dry_run=dry_run))
        context["ti"].xcom_push(key=SUMMARY, value=describe(verdicts, going, rest, bill, dry_run=dry_run))
        if dry_run:
            self.log.info("a dry run: nothing is marked, and nothing goes")
            return Done({"things": []})
        reap.mark(fleet, surveys, verdicts)
        return Done({"things": [reap.Departure.of(each, bill).model_dump(mode="json") for each in going]})


class ReapOperator(_ReapingOperator):
    """Take one thing away, if it still is what nothing refers to.

    :param thing: one of what :class:`FindOrphansOperator` found.
    """

    def __init__(self, *, thing: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.thing = thing

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        return {**super().execute(context, event), "thing": _named(self.thing)}

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.operators.metadata import this_airflow
        from snaplift.aws.steps import reap

        departure = reap.Departure.model_validate(self.thing)
        return reap.advance(self.fleet(), departure, self.run_of(context), airflow=this_airflow())


class ReportOperator(AdvancingOperator):
    """Say what went, and fail when something that should have gone did not: the tasks before it do not end the run."""

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps.promotion import Done
        from snaplift.promotion.costs import Cost, total

        ti = context["ti"]
        wanted = ti.xcom_pull(task_ids=FIND)
        if wanted is None:
            raise AirflowFailException("nothing was concluded, and nothing went: see why in the log of 'find'")
        # As a list, also of one: Airflow gives the only result of a single task id by itself.
        results = [each for each in ti.xcom_pull(task_ids=[REAP]) or [] if each]
        for each in results:
            self.log.info("%s", f"gone: {each['removed']}" if "removed" in each else f"stays: {each['skipped']}")
        told = [each["thing"] for each in results]
        if missing := [name for name in map(_named, wanted) if name not in told]:
            raise AirflowFailException(
                f"{len(missing)} of {len(wanted)} things could not be taken away: {', '.join(missing)}. See the red "
                f"tasks of '{REAP}'. Nothing else is affected, and the next run tries again"
            )
        gone = [each for each in results if "removed" in each]
        costs = [Cost.model_validate(each["cost"]) for each in gone if "cost" in each]
        saved = {"saved": total(costs)} if costs else {}
        if costs:
            self.log.info("a month this saves %s, less the final snapshots taken of databases", saved["saved"])
        return Done({"gone": [each["removed"] for each in gone], **saved})


def _named(departure: dict[str, Any]) -> str:
    """Name what goes, and its kind, as :class:`Thing` does."""
    thing = departure["thing"]
    return f"{thing['kind'].replace('_', ' ')} {thing['name']}"
