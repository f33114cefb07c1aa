"""``<tenant>.preview`` and ``<tenant>.preview_remove``: a short-lived environment from any release, and its end."""

from __future__ import annotations

from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup
from airflow.sdk.definitions.param import Param

from snaplift import naming
from snaplift.aws.operators.previews import PlanPreviewOperator, PreviewNamespaceOperator, RemovePreviewOperator
from snaplift.aws.operators.promotion import LockOperator
from snaplift.config.fields import format_duration
from snaplift.config.tenant import Tenant
from snaplift.pipelines import common
from snaplift.pipelines.promote import BUILD_PATTERN, GROUPS, add_finish, add_steps

RELEASE_PATTERN: Final = f"^(tested|new|{naming.RELEASE})$"
NAME_PATTERN: Final = f"^{naming.PREVIEW}$"
TTL_PATTERN: Final = "^(|[0-9]{1,4}[smhd])$"

DOC: Final = """\
Brings a release up beside the tenant's environments: with a database, a service, a host name and credentials of its
own. What is there already under this name gets the release as an environment does by a promotion, and more time.

`namespace` makes what the preview stands in and notes until when it may stand; the rest is a promotion. If it fails
nothing else is touched, and what was made goes when the time is up (`fleet.expire`), or with `preview_remove`.
"""
DOC_REMOVE: Final = """\
Takes a preview away with all that it has. No snapshot is kept: its release has one. It can be started again at any
time, and goes on where it came to.
"""


def preview_dag(name: str, tenant: Tenant | None, configuration: str) -> DAG:
    """Compose the making of a tenant's previews.

    :param tenant: None: its file is broken, as in :func:`~snaplift.pipelines.promote.promote_dag`.
    """
    dag = DAG(
        naming.Tenant.parse(name).preview_dag_id,
        dag_display_name=f"{name} preview",
        description=f"{tenant.description}: show a release" if tenant else "This tenant's file is broken",
        doc_md=DOC,
        schedule=None,
        max_active_runs=16,  # the lock is the mutex
        allowed_run_types=common.BY_HAND,
        tags=common.tags(name, "preview", tenant),
        default_args={"owner": common.owner(tenant), **common.RETRIES},
    )
    given: dict[str, Any] = {"tenant": name, "configuration": configuration, "named_by": "name"}
    with dag:
        with TaskGroup("prepare", prefix_group_id=False):
            begin = EmptyOperator(task_id="begin")
            namespace = PreviewNamespaceOperator(task_id="namespace", **given)
            plan = PlanPreviewOperator(task_id="plan", **given)
            lock = LockOperator(task_id="lock", **given)
            begin >> namespace >> plan >> lock
        steps = add_steps(lock, GROUPS, given)
        add_finish(begin, lock, [namespace, plan, lock, *steps], given)
    common.set_params(dag, _params(tenant))
    return dag


def preview_remove_dag(name: str, tenant: Tenant | None, configuration: str) -> DAG:
    """Compose the removal of a tenant's previews. The tenant's file is not read."""
    with DAG(
        naming.Tenant.parse(name).preview_remove_dag_id,
        dag_display_name=f"{name} preview remove",
        description=f"{tenant.description}: take a preview away" if tenant else "This tenant's file is broken",
        doc_md=DOC_REMOVE,
        schedule=None,
        allowed_run_types=common.BY_HAND,
        tags=common.tags(name, "preview_remove", tenant),
        default_args={"owner": common.owner(tenant), **common.RETRIES},
    ) as dag:
        RemovePreviewOperator(task_id="dismantle", tenant=name, configuration=configuration, named_by="name")
    common.set_params(dag, {"name": _name_param("The preview that goes.")})
    return dag


def _name_param(description: str) -> Param:
    return common.text_param(
        "pr1", title="Name", pattern=NAME_PATTERN, description=f"{description} `pr` and a number, like `pr42`."
    )


def _params(tenant: Tenant | None) -> dict[str, Param]:
    previews = tenant.previews if tenant else None
    # The environment that they are like comes first, and is the default.
    names = sorted(tenant.environments, key=lambda each: each != previews.like) if tenant and previews else []
    lasts = f"Empty: {format_duration(previews.ttl)}; at most {format_duration(previews.longest)}." if previews else ""
    return {
        "name": _name_param("Its own, or that of one that stands."),
        "environment": common.environment_param(names, "Whose release is shown."),
        "release": common.text_param(
            "tested",
            title="Release",
            pattern=RELEASE_PATTERN,
            description="`tested`: what is active in the environment above, with its build. `new`: snapshot the data "
            "where it is authored, now. Or a timestamp whose snapshot stands, like `20261123t020000z`.",
        ),
        "build": common.text_param(
            "",
            title="Build",
            pattern=BUILD_PATTERN,
            description="A tag or a `sha256:…` digest. Empty: the tested build, or for other releases the tag that the "
            "tenant's file names.",
        ),
        "ttl": common.text_param(
            "",
            title="Time to live",
            pattern=TTL_PATTERN,
            description=f"From now on, like `36h` or `5d`. {lasts}",
        ),
    }
