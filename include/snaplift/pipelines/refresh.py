"""``<tenant>.refresh``: data of an environment brought down to one below it, masked before anybody can reach them."""

from __future__ import annotations

from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup
from airflow.sdk.definitions.param import Param

from snaplift import naming
from snaplift.aws.operators.approval import ApprovePlanOperator
from snaplift.aws.operators.promotion import LockOperator
from snaplift.aws.operators.refresh import PlanRefreshOperator
from snaplift.config.tenant import Tenant
from snaplift.pipelines import common, promote
from snaplift.pipelines.promote import BUILD_PATTERN, add_finish, add_steps

GROUPS: Final = {**promote.GROUPS, "data": ("snapshot", "database", "credentials", "mask", "adapt")}
"""A promotion's steps, and the one that masks: nothing is done with the copy before, and nobody else reaches it."""

FROM_PATTERN: Final = r"^(|[a-z][a-z0-9]{0,10})$"

DOC: Final = """\
Brings the data of an environment down to one below it: a snapshot of what is active above, taken now, is restored
beside what serves here, masked as the tenant's `masking` says, checked, made this environment's own, and only then
deployed. What is active here goes, as by a promotion.

`mask` works on a copy that only the orchestrator and one-off tasks reach, and of which no backup and no snapshot is
kept before it has ended. Until `activate` has ended, a failure undoes everything. `finish` always runs.
"""


def refresh_dag(name: str, tenant: Tenant | None, configuration: str) -> DAG:
    """Compose a tenant's refresh.

    :param tenant: None: its file is broken, as in :func:`~snaplift.pipelines.promote.promote_dag`.
    """
    dag = DAG(
        naming.Tenant.parse(name).refresh_dag_id,
        dag_display_name=f"{name} refresh",
        description=f"{tenant.description}: bring data down, masked" if tenant else common.BROKEN,
        doc_md=DOC,
        schedule=None,
        max_active_runs=16,  # the lock is the mutex
        allowed_run_types=common.BY_HAND,
        tags=common.tags(name, "refresh", tenant),
        default_args={"owner": common.owner(tenant), **common.RETRIES},
    )
    given: dict[str, Any] = {"tenant": name, "configuration": configuration}
    with dag:
        with TaskGroup("prepare", prefix_group_id=False):
            begin = EmptyOperator(task_id="begin")
            plan = PlanRefreshOperator(task_id="plan", **given)
            approve = ApprovePlanOperator(task_id="approve")
            lock = LockOperator(task_id="lock", **given)
            begin >> plan >> approve >> lock
        steps = add_steps(lock, GROUPS, given)
        add_finish(begin, lock, [plan, approve, lock, *steps], given)
    common.set_params(dag, _params(tenant))
    return dag


def _params(tenant: Tenant | None) -> dict[str, Param]:
    targets = [name for name in tenant.environments if tenant.above(name)] if tenant else []
    # Where data are authored comes last, and is not the default.
    targets = [*targets[1:], *targets[:1]] if tenant and targets and targets[0] == tenant.first else targets
    way = " → ".join(tenant.environments) if tenant else "?"
    return {
        "environment": common.environment_param(
            targets, f"What gets the data. They come down against the way of promotions: {way}."
        ),
        "from": common.text_param(
            "",
            title="From",
            pattern=FROM_PATTERN,
            description="Whose data: an environment that this one's data go on to. Empty: the farthest, mostly `prod`.",
        ),
        "build": common.text_param(
            "",
            title="Build",
            pattern=BUILD_PATTERN,
            description="A tag or a `sha256:…` digest. Empty: the build that is active here.",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description_md="Only plan, and show the plan."),
    }
