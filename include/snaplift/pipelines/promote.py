"""``<tenant>.promote``: bring a release to an environment. The way of a promotion, top to bottom."""

from __future__ import annotations

from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, AssetAlias, BaseOperator, TaskGroup
from airflow.sdk.definitions.param import Param

from snaplift import naming
from snaplift.aws.operators.approval import ApprovePlanOperator
from snaplift.aws.operators.promotion import FinishOperator, LockOperator, PlanOperator, StepOperator
from snaplift.config.tenant import Tenant
from snaplift.pipelines import common

GROUPS: Final = {
    "data": ("snapshot", "database", "credentials", "adapt"),
    "release": ("register", "smoke", "deploy", "confirm", "activate"),
    "tidy": ("retire",),
}
"""The steps between the lock and the end, as the graph shows them. A task's id is its step's name alone."""

RELEASE_PATTERN: Final = f"^(new|tested|active|previous|{naming.RELEASE})$"
BUILD_PATTERN: Final = r"^(|sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$"

DOC: Final = """\
Brings one release of the tenant's data, with its build, to an environment.

`plan` decides everything and shows it; a **dry run** ends there. `lock` keeps other promotions of the namespace away.
A new database is made beside the one that serves, made the environment's own, checked, and only then deployed.
Until `activate` has ended, a failure undoes everything: the old service and database go on serving. After it, a
promotion only goes forward. `finish` always runs and says how it ended.
"""


def promote_dag(name: str, tenant: Tenant | None, configuration: str) -> DAG:
    """Compose a tenant's promotion.

    :param tenant: None: its file is broken. The tasks are the same, so that a run under way can end; a new run's
        plan fails with what is wrong.
    :param configuration: the folder with ``platforms.yaml``.
    """
    dag = DAG(
        naming.Tenant.parse(name).promote_dag_id,
        dag_display_name=f"{name} promote",
        description=tenant.description if tenant else "The configuration of this tenant is broken",
        doc_md=DOC,
        schedule=None,
        # The lock is the mutex: a run that waits for an answer must not keep another environment's away.
        max_active_runs=16,
        allowed_run_types=common.BY_HAND,
        tags=common.tags(name, "promote", tenant),
        default_args={"owner": common.owner(tenant), **common.RETRIES},
    )
    given: dict[str, Any] = {"tenant": name, "configuration": configuration}
    with dag:
        with TaskGroup("prepare", prefix_group_id=False):
            begin = EmptyOperator(task_id="begin")
            plan = PlanOperator(task_id="plan", **given)
            approve = ApprovePlanOperator(task_id="approve")
            lock = LockOperator(task_id="lock", **given)
            begin >> plan >> approve >> lock
        steps = add_steps(lock, GROUPS, given)
        add_finish(begin, lock, [plan, approve, lock, *steps], given)
    common.set_params(dag, _params(tenant))
    return dag


def add_steps(lock: BaseOperator, groups: dict[str, tuple[str, ...]], given: dict[str, Any]) -> list[BaseOperator]:
    """Add the steps one after the other, grouped for the reader."""
    steps: list[BaseOperator] = []
    for group, names in groups.items():
        with TaskGroup(group, prefix_group_id=False):
            for name in names:
                step = StepOperator(task_id=name, **_assets(name, given["tenant"]), **given)
                (steps[-1] if steps else lock) >> step
                steps.append(step)
    return steps


def _assets(step: str, tenant: str) -> dict[str, Any]:
    """What Airflow's asset graph draws: a promotion takes the tenant's data and makes them active somewhere.

    Only the run knows in which environment: an alias stands for all of them, and the run adds the one. Airflow 3.3 has
    nothing by which a run could say that of what it takes, and draws no alias that is taken from: the event says where
    the data are from.
    """
    kind = {"snapshot": "inlets", "activate": "outlets"}.get(step)
    return {kind: [AssetAlias(naming.Tenant.parse(tenant).asset_alias)]} if kind else {}


def add_finish(begin: BaseOperator, lock: BaseOperator, steps: list[BaseOperator], given: dict[str, Any]) -> None:
    """Add the one teardown, wired after every step: behind any other, some endings would skip it.

    It fails the run when it aborted. Clearing any step clears both setups and it, so the end is run again.
    """
    finish = FinishOperator(task_id="finish", **given)
    steps >> finish
    finish.as_teardown(setups=[begin, lock], on_failure_fail_dagrun=True)


def _params(tenant: Tenant | None) -> dict[str, Param]:
    targets = [name for name, settings in tenant.environments.items() if settings.promoted_from] if tenant else []
    way = " → ".join(tenant.environments) if tenant else "?"
    return {
        "environment": common.environment_param(
            targets, f"Where the release goes. This tenant's data passes through {way}."
        ),
        "release": common.text_param(
            "new",
            title="Release",
            pattern=RELEASE_PATTERN,
            description="`new`: snapshot the data where it is authored, now. `tested`: what is active one environment "
            "below, with its build. `previous`: back to the revision that served before. `active`: another build on "
            "the database that serves. Or a timestamp, like `20261123t020000z`, whose database or snapshot stands.",
        ),
        "build": common.text_param(
            "",
            title="Build",
            pattern=BUILD_PATTERN,
            description="A tag or a `sha256:…` digest. Empty: the tested build, the one that an earlier release ran "
            "with here, or else the tag that the tenant's file names.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description_md="Only plan, and show the plan.",
        ),
    }
