"""The operators of ``<tenant>.adopt``: show what is found, ask, adopt it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from snaplift.aws.operators.promotion import PLAN, SUMMARY, LockOperator, TenantOperator
from snaplift.promotion.wait import Wait

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.config.tenant import Tenant
    from snaplift.promotion.adopting import Adoption


def planned(context: Context) -> Adoption:
    """The adoption that this run showed."""
    from snaplift.promotion.adopting import Adoption

    return Adoption.model_validate(context["ti"].xcom_pull(task_ids=PLAN))


def _tenant(operator: TenantOperator) -> Tenant:
    from snaplift.config.loading import load_tenant_named

    return load_tenant_named(Path(operator.configuration), operator.tenant, operator.platforms())


class PlanAdoptionOperator(TenantOperator):
    """Look at the site, decide whether it can be adopted as it stands, and show it. Nothing is written to AWS."""

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps.adopt import make_plan
        from snaplift.aws.steps.promotion import Done
        from snaplift.promotion.adopting import AskedFor, as_text, describe

        params = context["params"]
        asked = AskedFor(
            environment=params["environment"], database=params["database"], dry_run=bool(params["dry_run"])
        )
        adoption = make_plan(asked, self.run_of(context), self.platforms(), _tenant(self))
        self.place = adoption.place
        self.log.info("the plan:\n%s", as_text(adoption))
        context["ti"].xcom_push(key=SUMMARY, value=describe(adoption))
        return Done(adoption.model_dump(mode="json"))


class ApproveAdoptionOperator(ApprovalOperator):
    """Show the plan and wait for an answer, where the environment asks for one; a dry run ends here."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="Adopt?",
            body=f"{{{{ ti.xcom_pull(task_ids='{PLAN}', key='{SUMMARY}') }}}}",
            fail_on_reject=True,
            # A rejection that is retried would be asked again.
            retries=0,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        adoption = planned(context)
        if adoption.dry_run:
            raise AirflowSkipException("a dry run: the plan is all")
        approval = adoption.approval
        if approval is None:
            self.log.info("%s asks for no approval", adoption.namespace)
            return None
        self.subject = f"Adopt {adoption.url} as {adoption.namespace}?"
        self.response_timeout = approval.timeout
        self.assigned_users = [{"id": user, "name": user} for user in approval.users] or None
        return super().execute(context)


class AdoptOperator(LockOperator):
    """Adopt the site that was shown; while another run has the namespace's lock, wait for ``lock_wait``."""

    operator_extra_links = ()

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.operators.metadata import this_airflow
        from snaplift.aws.steps.adopt import advance

        adoption = planned(context)
        self.place = adoption.place
        since = datetime.fromtimestamp(self.since or time.time(), UTC)
        return advance(adoption, self.platforms(), _tenant(self), airflow=this_airflow(), since=since)
