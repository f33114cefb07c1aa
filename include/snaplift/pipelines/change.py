"""``platform.change`` and ``<tenant>.change``: bring stacks that stand to the configuration, and show it first."""

from __future__ import annotations

from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.definitions.param import Param

from snaplift import naming
from snaplift.aws.operators.change import (
    ApplyChangesOperator,
    ApproveChangesOperator,
    FinishChangeOperator,
    LockChangeOperator,
    ShowChangesOperator,
)
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.pipelines import common

PLATFORM_DAG_ID: Final = "platform.change"

DOC: Final = """\
Brings stacks that stand to what the configuration says now, by CloudFormation's change sets.

`show` makes them and shows what they would do; nothing is changed by that. What would replace or remove anything that
holds data, or put an old revision back, is refused. With **apply**, a person is asked; then `apply` carries out what
was shown, under the lock. `finish` always runs and deletes change sets that were not executed.
"""


def platform_change_dag(platforms: Platforms | None, configuration: str) -> DAG:
    """Compose the change of a platform.

    :param platforms: None: the file cannot be read; the first task fails with what is wrong.
    """
    dag = DAG(
        PLATFORM_DAG_ID,
        dag_display_name="platform change",
        description="Shows what platforms.yaml changes in a platform that stands, and makes it",
        tags=["platform", "change", "snaplift"],
        default_args={"owner": "snaplift", **common.RETRIES},
        **_SETTINGS,
    )
    _add_tasks(dag, "", configuration)
    choice = common.environment_param(list(platforms.platforms) if platforms else [], "From `platforms.yaml`.")
    choice.schema["title"] = "Platform"
    common.set_params(dag, {"platform": choice, "changes": _changes()})
    return dag


def change_dag(name: str, tenant: Tenant | None, configuration: str) -> DAG:
    """Compose the change of a tenant's environment.

    :param tenant: None: its file is broken, as in :func:`~snaplift.pipelines.promote.promote_dag`.
    """
    dag = DAG(
        naming.Tenant.parse(name).change_dag_id,
        dag_display_name=f"{name} change",
        description=f"{tenant.description}: bring an environment to its configuration" if tenant else common.BROKEN,
        tags=common.tags(name, "change", tenant),
        default_args={"owner": common.owner(tenant), **common.RETRIES},
        **_SETTINGS,
    )
    _add_tasks(dag, name, configuration)
    environments = list(tenant.environments) if tenant else []
    choice = common.environment_param(environments, "Whose stacks: its own, its active database's, its service's.")
    common.set_params(dag, {"environment": choice, "changes": _changes()})
    return dag


_SETTINGS: Final[dict[str, Any]] = {"schedule": None, "allowed_run_types": common.BY_HAND, "doc_md": DOC}


def _add_tasks(dag: DAG, tenant: str, configuration: str) -> None:
    given: dict[str, Any] = {"tenant": tenant, "configuration": configuration}
    with dag:
        begin = EmptyOperator(task_id="begin")
        show = ShowChangesOperator(task_id="show", **given)
        approve = ApproveChangesOperator(task_id="approve", **given)
        lock = LockChangeOperator(task_id="lock", **given)
        change = ApplyChangesOperator(task_id="apply", **given)
        begin >> show >> approve >> lock >> change
        finish = FinishChangeOperator(task_id="finish", **given)
        [show, approve, lock, change] >> finish
        finish.as_teardown(setups=[begin, lock], on_failure_fail_dagrun=True)


def _changes() -> Param:
    return Param(
        "show",
        type="string",
        enum=["show", "apply"],
        title="Changes",
        description_md="`show` them only; or `apply` them, after a person said yes to what is shown.",
    )
