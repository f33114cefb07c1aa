"""``fleet.offboard``: take a tenant away, after a person said yes."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG

from snaplift import naming
from snaplift.aws.operators.offboard import ApproveRemovalOperator, FindOffboardedOperator, OffboardOperator
from snaplift.pipelines import common

OFFBOARD_DAG_ID: Final = "fleet.offboard"
TENANT_PATTERN: Final = f"^(|{naming.CUSTOMER}-{naming.PROJECT})$"
ENVIRONMENT_PATTERN: Final = f"^{naming.ENVIRONMENT}$"

DOC: Final = """\
Takes a tenant's environments away, or one of them: service, tasks, databases, secrets, logs, roles, pointer. Of each
database a final snapshot is kept. What is to go is shown, and a person says yes, before anything is touched.

It can be started again at any time, and goes on where it came to. Remove the tenant's file afterwards, not before.
"""


def offboard_dag(configuration: str) -> DAG:
    """Compose offboarding. One DAG for all tenants: it is seldom needed, and costs each nothing to load.

    :param configuration: the folder with the tenants' files, of which one is read when it runs.
    """
    with DAG(
        OFFBOARD_DAG_ID,
        dag_display_name="fleet offboard",
        description="Takes a tenant away, and keeps final snapshots",
        doc_md=DOC,
        schedule=None,
        allowed_run_types=common.BY_HAND,
        tags=["fleet", "offboard", "snaplift"],
        default_args={"owner": "snaplift", **common.RETRIES},
    ) as dag:
        found = FindOffboardedOperator(task_id="find", configuration=configuration)
        approve = ApproveRemovalOperator(task_id="approve", configuration=configuration)
        dismantle = OffboardOperator(task_id="dismantle", configuration=configuration)
        found >> approve >> dismantle
    common.set_params(
        dag,
        {
            "tenant": common.text_param(
                "", title="Tenant", pattern=TENANT_PATTERN, description="Which tenant goes, like `xy-0146`."
            ),
            "environment": common.text_param(
                "all",
                title="Environment",
                pattern=ENVIRONMENT_PATTERN,
                description="`all`, previews too, or the name of one environment.",
            ),
            "confirm": common.text_param(
                "", title="Type the tenant's name again", pattern=TENANT_PATTERN, description="To confirm."
            ),
        },
    )
    return dag
