"""``fleet.expire``: take previews away whose time is up."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG

from snaplift.aws.operators.previews import ExpireOperator, FindExpiredOperator
from snaplift.pipelines import common

EXPIRE_DAG_ID: Final = "fleet.expire"

DOC: Final = """\
Every preview's pointer says until when it may stand. `find` lists those whose time is up, over all platforms;
`dismantle` takes one away with all that it has. A preview that was prolonged meanwhile, or that a promotion is at work
on, is left alone. No environment is ever taken away here: no environment has a preview's name.

A red `dismantle` says what could not be removed; the next run tries again.
"""


def expire_dag(configuration: str) -> DAG:
    """Compose the end of all platforms' previews. No file of a tenant is read.

    :param configuration: the folder with ``platforms.yaml``.
    """
    with common.fleet_dag(
        EXPIRE_DAG_ID, "Takes previews away whose time is up", DOC, "*/15 * * * *", switched_on=True
    ) as dag:
        found = FindExpiredOperator(task_id="find", configuration=configuration)
        ExpireOperator.partial(
            task_id="dismantle",
            configuration=configuration,
            map_index_template="{{ task.preview['namespace'] or task.preview['platform'] }}",
        ).expand(preview=found.output)
    return dag
