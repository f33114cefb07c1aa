"""``fleet.inventory`` and ``fleet.drift``: look at all that stands. Neither changes anything in AWS."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG

from snaplift.aws.operators.inventory import CollectInventoryOperator, FindDriftOperator, ReportDriftOperator
from snaplift.pipelines import common

INVENTORY_DAG_ID: Final = "fleet.inventory"
DRIFT_DAG_ID: Final = "fleet.drift"

INVENTORY_DOC: Final = """\
Collects what stands where: by namespace the active, previous and candidate revision, databases, snapshots, builds,
who holds the lock, how old things are, and what they cost a month at the prices in `platforms.yaml`. It is kept in
Airflow's variables `snaplift_inventory_<namespace>`, each with the time as of which it is. A promotion renews its own
namespace's at its end. `snaplift status` shows the same, read from AWS at that moment.

Where a listing fails, nothing is written: what was collected last stands, with its time.
"""
DRIFT_DOC: Final = """\
Compares what runs with what the pointers and the configuration say: service and revision, databases, protection,
class, tags, stacks with their templates and parameters, previews' time. `report` fails once for each namespace that is
not as it should be, and says what would mend it. Nothing is mended by itself. A namespace with a promotion under way is
left out; one that cannot be read is reported, and the others are compared.
"""


def inventory_dag(configuration: str) -> DAG:
    """Compose the inventory.

    :param configuration: the folder with ``platforms.yaml``.
    """
    with common.fleet_dag(
        INVENTORY_DAG_ID,
        "Collects what stands where, and what it costs",
        INVENTORY_DOC,
        "17 * * * *",
        switched_on=True,
    ) as dag:
        CollectInventoryOperator(task_id="collect", configuration=configuration)
    return dag


def drift_dag(configuration: str) -> DAG:
    """Compose the search for drift.

    :param configuration: the folder with ``platforms.yaml``.
    """
    with common.fleet_dag(
        DRIFT_DAG_ID, "Finds what is not as pointers and files say", DRIFT_DOC, "37 5 * * *", switched_on=True
    ) as dag:
        found = FindDriftOperator(task_id="find", configuration=configuration)
        ReportDriftOperator.partial(
            task_id="report",
            configuration=configuration,
            map_index_template="{{ task.drift['namespace'] }}",
        ).expand(drift=found.output)
    return dag
