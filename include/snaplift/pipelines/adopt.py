"""``<tenant>.adopt``: a site that was set up without snaplift becomes an environment's first active revision."""

from __future__ import annotations

from typing import Any, Final

from airflow.sdk import DAG
from airflow.sdk.definitions.param import Param

from snaplift import naming
from snaplift.aws.operators.adopt import AdoptOperator, ApproveAdoptionOperator, PlanAdoptionOperator
from snaplift.aws.operators.provision import NamespaceOperator
from snaplift.config.tenant import Tenant
from snaplift.pipelines import common

DATABASE_PATTERN: Final = "^[a-z][a-z0-9-]{0,62}$"

DOC: Final = """\
Makes a database and a service that stand already an environment's first active revision, as they are: nothing is
restarted, nothing is copied. The tenant's file names the service (`existing`); this form names the database.

`plan` looks at both and shows what is found, or every reason why it cannot be; a **dry run** ends there. `namespace`
makes what promotions need beside the service. `adopt` puts tags on what is there and writes the pointer.
"""


def adopt_dag(name: str, tenant: Tenant | None, configuration: str) -> DAG:
    """Compose the adoption of a tenant's environment.

    :param tenant: None: its file is broken, as in :func:`~snaplift.pipelines.promote.promote_dag`.
    """
    dag = DAG(
        naming.Tenant.parse(name).adopt_dag_id,
        dag_display_name=f"{name} adopt",
        description=f"{tenant.description}: take over a site that stands" if tenant else common.BROKEN,
        doc_md=DOC,
        schedule=None,
        allowed_run_types=common.BY_HAND,
        tags=common.tags(name, "adopt", tenant),
        default_args={"owner": common.owner(tenant), **common.RETRIES},
    )
    given: dict[str, Any] = {"tenant": name, "configuration": configuration}
    with dag:
        plan = PlanAdoptionOperator(task_id="plan", **given)
        approve = ApproveAdoptionOperator(task_id="approve")
        namespace = NamespaceOperator(task_id="namespace", **given)
        adopt = AdoptOperator(task_id="adopt", **given)
        plan >> approve >> namespace >> adopt
    common.set_params(dag, _params(tenant))
    return dag


def _params(tenant: Tenant | None) -> dict[str, Param]:
    named = [name for name, settings in tenant.environments.items() if settings.existing] if tenant else []
    return {
        "environment": common.environment_param(
            named, "Which one the site is, of those whose `existing` names a service."
        ),
        "database": common.text_param(
            "",
            title="Database",
            pattern=DATABASE_PATTERN,
            description="The identifier of the RDS instance that the service uses.",
        ),
        "dry_run": Param(
            False, type="boolean", title="Dry run", description_md="Only look at the site, and show what is found."
        ),
    }
