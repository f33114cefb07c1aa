"""What the DAGs have in common: a tenant's, and the fleet's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from airflow.sdk import DAG, CronTriggerTimetable, get_parsing_context
from airflow.sdk.definitions.param import Param, ParamsDict

from snaplift.aws.operators import retrying
from snaplift.config.tenant import Tenant

# A step that is retried finds what it made. How often, the policy says by what went wrong; a worker that died is not
# asked, so its task is tried as often as the longest. The delays are for what the policy leaves to Airflow.
RETRIES: Final[dict[str, Any]] = {
    "retries": retrying.RETRIES,
    "retry_policy": retrying.ByError(),
    "retry_delay": retrying.FIRST,
    "retry_exponential_backoff": 2,  # a factor: True would be 1, and no backoff at all
    "max_retry_delay": retrying.LONGEST,
}

# No backfill: it would promote today's data under the name of another day.
BY_HAND: Final[Any] = frozenset({"manual", "operator_triggered"})
SCHEDULED_OR_BY_HAND: Final[Any] = BY_HAND | {"scheduled"}


BROKEN: Final = "This tenant's file is broken"


def tags(tenant: str, purpose: str, settings: Tenant | None) -> list[str]:
    """Tags by which a tenant's DAGs are found in the UI."""
    return sorted({"snaplift", purpose, tenant, *(settings.tags if settings else ())})


def owner(settings: Tenant | None) -> str:
    """Who is asked about a DAG."""
    return settings.owner if settings else "snaplift"


def fleet_dag(dag_id: str, description: str, doc: str, cron: str, *, switched_on: bool = False) -> DAG:
    """Begin one of the fleet's DAGs: it runs by the clock (UTC), one run at a time, and makes up for none.

    :param switched_on: from the beginning; otherwise as Airflow is set, which is paused unless somebody said so.
    """
    return DAG(
        dag_id,
        dag_display_name=dag_id.replace(".", " "),
        description=description,
        doc_md=doc,
        schedule=CronTriggerTimetable(cron, timezone="UTC"),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False if switched_on else None,
        allowed_run_types=SCHEDULED_OR_BY_HAND,
        tags=sorted([*dag_id.split("."), "snaplift"]),
        default_args={"owner": "snaplift", **RETRIES},
    )


def set_params(dag: DAG, params: dict[str, Param]) -> None:
    """Give a DAG its params, after its tasks: before, they would be copied into every task."""
    dag.params = ParamsDict(params)


def environment_param(names: Iterable[str], description: str) -> Param:
    """The environment, as a choice.

    While a task starts there is no list of choices: one that was removed from the configuration in the middle of a
    run would keep every later task from starting, the teardown too.
    """
    choices = list(names)
    free = get_parsing_context().task_id is not None or not choices
    checked: dict[str, Any] = {} if free else {"enum": choices}
    return Param(
        choices[0] if choices else "",
        type="string",
        title="Environment",
        description_md=description,
        **checked,
    )


def text_param(default: str, *, title: str, description: str, pattern: str) -> Param:
    """A text that the form checks; a task's start does not."""
    checked: dict[str, Any] = {} if get_parsing_context().task_id is not None else {"pattern": pattern}
    return Param(default, type="string", title=title, description_md=description, **checked)
