"""The DAGs that bring what stands to the configuration."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from snaplift.pipelines import common
from snaplift.pipelines.change import change_dag, platform_change_dag
from tests.unit.stacks.examples import PLATFORMS, TENANT

WAY = ("begin", "show", "approve", "lock", "apply", "finish")
DAGS: list[Any] = [
    lambda: change_dag("xy-0146", TENANT, "/config"),
    lambda: change_dag("xy-0146", None, "/config"),
    lambda: platform_change_dag(PLATFORMS, "/config"),
    lambda: platform_change_dag(None, "/config"),
]


@pytest.fixture(params=DAGS)
def dag(request: pytest.FixtureRequest) -> DAG:
    made: DAG = request.param()
    return made


def test_it_shows_asks_locks_applies_and_always_ends(dag: DAG) -> None:
    assert sorted(dag.task_ids) == sorted(WAY)
    for earlier, later in pairwise(WAY):
        assert later in dag.get_task(earlier).downstream_task_ids
    finish = dag.get_task("finish")
    assert finish.is_teardown
    assert finish.on_failure_fail_dagrun
    assert finish.upstream_task_ids == set(WAY) - {"finish"}
    assert {task.task_id for task in dag.tasks if task.is_setup} == {"begin", "lock"}


def test_only_showing_is_what_it_does_unasked(dag: DAG) -> None:
    assert dag.params["changes"] == "show"
    with pytest.raises(ParamValidationError):
        dag.params["changes"] = "now"


def test_it_runs_by_hand_only(dag: DAG) -> None:
    assert dag.schedule is None
    assert dag.allowed_run_types == common.BY_HAND


def test_a_question_is_asked_once_and_the_rest_is_retried(dag: DAG) -> None:
    assert {task.task_id: task.retries for task in dag.tasks} == {
        **dict.fromkeys(WAY, common.RETRIES["retries"]),
        "approve": 0,
    }


def test_it_can_be_serialized(dag: DAG) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == dag.dag_id
