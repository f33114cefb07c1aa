"""``<tenant>.nightly``: on the tenant's schedule, promote to one environment after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowSkipException

from snaplift import naming
from snaplift.config.tenant import Nightly, Tenant
from snaplift.pipelines import common
from snaplift.promotion.schedule import lateness

if TYPE_CHECKING:
    from airflow.sdk import Context


DEADLINE: Final = timedelta(hours=20)
"""Of a whole night, so that one that hangs keeps no other away. The promotion that it waits for goes on by itself."""


class StartInTimeOperator(BaseOperator):
    """Skip a scheduled start that comes too late; a start by hand always counts.

    :param start_within: seconds.
    """

    def __init__(self, *, start_within: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_within = start_within

    def execute(self, context: Context) -> None:
        run: Any = context["dag_run"]
        if run.run_type != "scheduled":
            return
        planned = run.run_after
        if why := lateness(planned, datetime.now(UTC), timedelta(seconds=self.start_within)):
            raise AirflowSkipException(f"skipped: {why}")


def nightly_dag(tenant: Tenant, nightly: Nightly) -> DAG:
    """Compose a tenant's nightly promotions."""
    name = naming.Tenant.parse(tenant.tenant)
    way = " → ".join(nightly.environments)
    with DAG(
        name.nightly_dag_id,
        dag_display_name=f"{name} nightly",
        description=f"{tenant.description}: promote to {way}",
        doc_md=f"Promotes to {way}, each only after the one before it succeeded. A start that comes more than the "
        "tenant's `start_within` after its time is skipped.",
        schedule=CronTriggerTimetable(nightly.schedule, timezone=nightly.timezone),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=DEADLINE,
        allowed_run_types=common.SCHEDULED_OR_BY_HAND,
        tags=common.tags(tenant.tenant, "nightly", tenant),
        default_args={"owner": tenant.owner, **common.RETRIES},
    ) as dag:
        last: BaseOperator = StartInTimeOperator(
            task_id="start_in_time", start_within=nightly.start_within.total_seconds()
        )
        for environment in nightly.environments:
            step = _promote_to(tenant, environment)
            last >> step
            last = step
    return dag


def _promote_to(tenant: Tenant, environment: str) -> BaseOperator:
    new = tenant.environments[environment].promoted_from == tenant.first
    return TriggerDagRunOperator(
        task_id=f"promote_to_{environment}",
        trigger_dag_id=naming.Tenant.parse(tenant.tenant).promote_dag_id,
        # Named after this run, so that a try after a lost answer does not start a second promotion.
        # (Airflow keeps ids that begin with "scheduled" to itself.)
        trigger_run_id=f"nightly__{{{{ run_id }}}}__{environment}",
        conf={
            "environment": environment,
            "release": "new" if new else "tested",
            "build": "",
            "dry_run": False,
        },
        wait_for_completion=True,
        deferrable=True,
        # A promotion that nothing would run must not keep this night, and with it every later one, waiting.
        fail_when_dag_is_paused=True,
        poke_interval=30,
        allowed_states=["success"],
        failed_states=["failed"],
        retries=0,
    )
