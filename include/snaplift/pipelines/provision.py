"""``platform.provision`` and ``<tenant>.provision``: the layers that promotions stand on."""

from __future__ import annotations

from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup
from airflow.sdk.definitions.param import Param

from snaplift import naming
from snaplift.aws.operators.promotion import LockOperator, PlanOperator
from snaplift.aws.operators.provision import NamespaceOperator, PlatformOperator
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.pipelines import common
from snaplift.pipelines.promote import BUILD_PATTERN, add_finish, add_steps

PLATFORM_DAG_ID: Final = "platform.provision"

SNAPSHOT_PATTERN: Final = "^(|(rds:)?[A-Za-z][A-Za-z0-9-]{0,254})$"

GROUPS: Final = {
    "data": ("database", "credentials", "adapt"),
    "release": ("register", "smoke", "deploy", "confirm", "activate"),
}
"""The first environment's database and service are brought up as a promotion's are, from nothing."""


def platform_dag(platforms: Platforms | None, configuration: str) -> DAG:
    """Compose the provisioning of a platform.

    :param platforms: None: the file cannot be read; the task fails with what is wrong.
    """
    with DAG(
        PLATFORM_DAG_ID,
        dag_display_name="platform provision",
        description="Makes what namespaces share: network, cluster, load balancers, key, locks",
        doc_md="Makes a platform's stack. One that stands is left as it is.",
        schedule=None,
        allowed_run_types=common.BY_HAND,
        tags=["platform", "provision", "snaplift"],
        default_args={"owner": "snaplift", **common.RETRIES},
    ) as dag:
        PlatformOperator(task_id="stack", configuration=configuration)
    names = list(platforms.platforms) if platforms else []
    choice = common.environment_param(names, "The platform, from `platforms.yaml`.")
    choice.schema["title"] = "Platform"
    common.set_params(dag, {"platform": choice})
    return dag


def provision_dag(name: str, tenant: Tenant | None, configuration: str) -> DAG:
    """Compose the provisioning of a tenant's environment.

    :param tenant: None: its file is broken, as in :func:`~snaplift.pipelines.promote.promote_dag`.
    """
    dag = DAG(
        naming.Tenant.parse(name).provision_dag_id,
        dag_display_name=f"{name} provision",
        description=f"{tenant.description}: make an environment" if tenant else "This tenant's file is broken",
        doc_md="Makes an environment's stack and pointer; started for the first one, those of all. Where data is "
        "authored, also the service and a database: an empty one, which the tenant's `setup` fills, or one from a "
        "snapshot, which `adapt` makes its own. The other environments get theirs by their first promotion.",
        schedule=None,
        allowed_run_types=common.BY_HAND,
        tags=common.tags(name, "provision", tenant),
        default_args={"owner": common.owner(tenant), **common.RETRIES},
    )
    given: dict[str, Any] = {"tenant": name, "configuration": configuration}
    with dag:
        with TaskGroup("prepare", prefix_group_id=False):
            begin = EmptyOperator(task_id="begin")
            namespace = NamespaceOperator(task_id="namespace", **given)
            plan = PlanOperator(task_id="plan", provisioning=True, **given)
            lock = LockOperator(task_id="lock", **given)
            begin >> namespace >> plan >> lock
        steps = add_steps(lock, GROUPS, given)
        add_finish(begin, lock, [namespace, plan, lock, *steps], given)
    common.set_params(dag, _params(tenant))
    return dag


def _params(tenant: Tenant | None) -> dict[str, Param]:
    return {
        "environment": common.environment_param(tenant.environments if tenant else [], "Which one to make."),
        "others": Param(
            True,
            type="boolean",
            title="The others too",
            description_md="With the first environment: make the stacks and pointers of the tenant's others as well.",
        ),
        "build": common.text_param(
            "",
            title="Build",
            pattern=BUILD_PATTERN,
            description="Where data is authored: a tag or digest. Empty: the tag that the tenant's file names.",
        ),
        "snapshot": common.text_param(
            "",
            title="Snapshot",
            pattern=SNAPSHOT_PATTERN,
            description="Where data is authored: the RDS snapshot, encrypted with the platform's key, that the first "
            "database is made of, instead of an empty one that `setup` fills.",
        ),
    }
