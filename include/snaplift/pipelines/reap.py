"""``fleet.reap``: take away what nothing refers to any more."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, TriggerRule
from airflow.sdk.definitions.param import Param

from snaplift.aws.operators.reap import FIND, REAP, FindOrphansOperator, ReapOperator, ReportOperator
from snaplift.config.platform import Platforms
from snaplift.pipelines import common

REAP_DAG_ID: Final = "fleet.reap"
CAP: Final = 20
"""Things that go in one run."""
MOST: Final = 200

DOC: Final = """\
`find` reads everything of this installation on every platform, with its tags, and all that may refer to it: pointers,
tasks and deployments, live locks, what a rollback goes back to, retention. What nothing refers to is *marked*; when its
grace is over, `reap` looks at it once more under the lock of its namespace and takes it away, a database after a final
snapshot. A listing that fails stops all of it. A tenant that left the configuration, or whose file is broken, is
reported and never touched.

Run it with `dry_run` to see what would go and why.
"""


def reap_dag(platforms: Platforms | None, configuration: str) -> DAG:
    """Compose the reap of all platforms.

    :param platforms: None: the file cannot be read; the task fails with what is wrong.
    :param configuration: the folder with ``platforms.yaml``; tenants' files are read while the tasks run.
    """
    with common.fleet_dag(
        REAP_DAG_ID, "Takes away what nothing refers to any more, after its grace", DOC, "30 4 * * *"
    ) as dag:
        found = FindOrphansOperator(task_id=FIND, configuration=configuration)
        reaped = ReapOperator.partial(
            task_id=REAP,
            configuration=configuration,
            map_index_template="{{ task.thing['thing']['name'] }}",
        ).expand(thing=found.output)
        reaped >> ReportOperator(task_id="report", configuration=configuration, trigger_rule=TriggerRule.ALL_DONE)
    choices = ["", *(platforms.platforms if platforms else ())]
    common.set_params(
        dag,
        {
            "platform": Param("", type="string", title="Platform", enum=choices, description_md="Where things go. "
                              "Empty: everywhere. All platforms are looked at in any case."),
            "dry_run": Param(False, type="boolean", title="Dry run",
                             description_md="Only say what would go, and why. Nothing is marked either."),
            "cap": Param(CAP, type="integer", minimum=0, maximum=MOST, title="Cap",
                         description_md="The most that goes in this run; the rest goes with the next."),
        },
    )  # fmt: skip
    return dag
