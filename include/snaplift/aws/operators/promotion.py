"""The operators that a promotion's DAG is made of, one for each kind of task it has."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from snaplift import naming
from snaplift.aws.links.outcome import links_of_step
from snaplift.aws.operators.base import AdvancingOperator
from snaplift.promotion.wait import Wait

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.promotion.plan import Plan

PLAN = "plan"
"""The plan's task, whose XCom the lock is taken with; from then on the lock's record counts."""
SUMMARY = "summary"
"""The XCom with the plan in Markdown."""


class TenantOperator(AdvancingOperator):
    """A task of one tenant's DAG.

    :param tenant: the tenant's name; its file is read while the task runs, if at all.
    :param named_by: the param with the environment that the run is for.
    """

    def __init__(self, *, tenant: str, named_by: str = "environment", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.named_by = named_by

    def namespace(self, context: Context) -> str:
        """The namespace that the run is for."""
        return str(naming.Namespace(naming.Tenant.parse(self.tenant), str(context["params"][self.named_by])))

    def note(self, context: Context, error: Exception) -> None:
        """Write down with the lock why a step failed, for the abort to tell."""
        from snaplift.aws.failures import explain
        from snaplift.aws.steps.promotion import find_lock

        try:
            run, namespace = self.run_of(context), self.namespace(context)
            if found := find_lock(self.platforms(), namespace, run):
                failure = f"{self.task_id}: {explain(error)}"
                found.locks.note_failure(found.place.lock_table, namespace, run.token, failure)
        except Exception as second:
            self.log.warning("the reason could not be noted with the lock: %s", second)


class PlanOperator(TenantOperator):
    """Decide what the promotion will do, and show it. Nothing is written to AWS.

    :param provisioning: plan the first environment's database, from nothing.
    """

    operator_extra_links = links_of_step("plan")

    def __init__(self, *, provisioning: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.provisioning = provisioning

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps.plan import make_plan
        from snaplift.config.loading import load_tenant_named
        from snaplift.promotion.choosing import PlanRefused, Request

        platforms = self.platforms()
        tenant = load_tenant_named(Path(self.configuration), self.tenant, platforms)
        params = context["params"]
        if self.provisioning and params["environment"] != tenant.first:
            if params.get("snapshot"):
                raise PlanRefused([f"data is authored in {tenant.first}: a snapshot is imported there only"])
            raise AirflowSkipException(f"{self.namespace(context)} gets its first database by a promotion")
        request = Request(
            environment=params["environment"],
            release="origin" if self.provisioning else params["release"],
            build=params["build"] or "",
            dry_run=bool(params.get("dry_run")),
            snapshot=params.get("snapshot") or "",
            asked_at=context["dag_run"].run_after,
        )
        if self.provisioning and self._has_active(context):
            raise AirflowSkipException(f"{self.namespace(context)} has an active database already")
        return self.show(context, make_plan(request, self.run_of(context), platforms, tenant))

    def show(self, context: Context, plan: Plan) -> Done:
        """Tell the plan in the log and to who approves it; the whole of it is the task's result."""
        from snaplift.aws.steps.promotion import Done
        from snaplift.promotion.describe import as_text, describe

        self.plan = plan
        self.log.info("the plan:\n%s", as_text(plan))
        context["ti"].xcom_push(key=SUMMARY, value=describe(plan))
        return Done(plan.model_dump(mode="json", by_alias=True))

    def _has_active(self, context: Context) -> bool:
        from snaplift.aws.aws import Aws
        from snaplift.config.loading import load_tenant_named
        from snaplift.promotion.plan import Place

        platforms = self.platforms()
        settings = load_tenant_named(Path(self.configuration), self.tenant, platforms).environments
        platform = settings[context["params"]["environment"]].platform
        aws = Aws.at(Place.of(platform, platforms.platforms[platform]))
        pointer, _ = aws.pointers.read(naming.Namespace.parse(self.namespace(context)).pointer)
        return pointer.active is not None


def planned(context: Context) -> Plan:
    """The plan that this run made."""
    from snaplift.promotion.plan import Plan

    return Plan.model_validate(context["ti"].xcom_pull(task_ids=PLAN))


class LockOperator(TenantOperator):
    """Take the namespace's lock, with the plan as its record; while another run has it, wait for ``lock_wait``."""

    operator_extra_links = links_of_step("lock")
    since: float | None = None

    def execute(self, context: Context, event: dict[str, str] | None = None, since: float | None = None) -> Any:
        """Run, or go on after a wait.

        :param since: when the first wait began, as Unix time in seconds: all waits together have one limit.
        """
        self.since = since or time.time()
        return super().execute(context, event)

    def kept(self) -> dict[str, Any]:
        return {"since": self.since}

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.operators.metadata import this_airflow
        from snaplift.aws.steps.lock import advance

        self.plan = planned(context)
        since = datetime.fromtimestamp(self.since or time.time(), UTC)
        return advance(self.plan, airflow=this_airflow(), since=since)


class StepOperator(TenantOperator):
    """One step, by the lock's record and AWS.

    :param step: the module of :mod:`snaplift.aws.steps`; the task's id if not said.
    """

    def __init__(self, *, step: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step or self.task_id
        self.operator_extra_links = links_of_step(self.step)

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.promotion import resume

        module = import_module(f"snaplift.aws.steps.{self.step}")
        promotion = resume(self.platforms(), self.namespace(context), self.run_of(context))
        self.plan = promotion.plan
        outcome: Wait | Done = module.advance(promotion)
        if self.outlets and not isinstance(outcome, Wait):
            self._tell_assets(context, promotion.plan)
        return outcome

    def _tell_assets(self, context: Context, plan: Plan) -> None:
        """Say which data have become active, of the environment at hand alone. It never fails a task."""
        from airflow.sdk import Asset

        from snaplift.promotion.lineage import event

        try:
            for alias in self.outlets:
                context["outlet_events"][alias].add(Asset(name=str(plan.name), uri=plan.name.asset), extra=event(plan))
        except Exception as error:
            self.log.warning("Airflow's assets were not told of release %s: %s", plan.release, error)

    def on_failure(self, context: Context, error: Exception) -> None:
        self.note(context, error)


class FinishOperator(TenantOperator):
    """The one teardown: complete or abort, then give the lock back."""

    operator_extra_links = links_of_step("finish")

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.errors import StepFailed
        from snaplift.aws.steps.finish import advance

        try:
            outcome = advance(self.platforms(), self.namespace(context), self.run_of(context))
        except Exception:
            self._keep_inventory(context)
            raise
        if isinstance(outcome, Wait):
            return outcome
        self._keep_inventory(context)
        if outcome.skipped and (failed := self._failed(context)):
            # The teardown's colour is the run's: a plan that was refused must not end green.
            raise StepFailed(f"nothing was promoted: {', '.join(failed)} failed, whose log says why")
        return outcome

    def _keep_inventory(self, context: Context) -> None:
        """Write down what the namespace has now. It never fails a task."""
        try:
            from snaplift.aws.operators.inventory import keep
            from snaplift.aws.steps.inventory import look

            if (plan := self.plan_to_show(context)) is not None:
                keep(look(plan))
        except Exception as error:
            self.log.warning("the inventory was not told how this ended: %s", error)

    def _failed(self, context: Context) -> list[str]:
        states = context["ti"].get_task_states(dag_id=self.dag_id, run_ids=[str(context["run_id"])])
        return sorted(task for task, state in states[str(context["run_id"])].items() if state == "failed")

    def plan_to_show(self, context: Context) -> Plan | None:
        return planned(context) if context["ti"].xcom_pull(task_ids=PLAN) else None
