"""A refresh's DAG: its way, its end, its form."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk import DAG

from snaplift.pipelines import common
from snaplift.pipelines.refresh import refresh_dag
from tests.unit.pipelines.test_promote import DIGEST, WAY, rejected
from tests.unit.promotion.test_refreshing import masked

REFRESH_WAY = [*WAY[: WAY.index("adapt")], "mask", *WAY[WAY.index("adapt") :]]


def refresh(of: Any = None) -> DAG:
    return refresh_dag("xy-0146", of or masked(), "/config")


def test_it_masks_after_the_accounts_are_replaced_and_before_anything_else_is_done_with_the_data() -> None:
    dag = refresh()
    assert sorted(dag.task_ids) == sorted(REFRESH_WAY)
    for earlier, later in pairwise(REFRESH_WAY):
        assert later in dag.get_task(earlier).downstream_task_ids


def test_s48_finish_is_the_one_teardown_and_comes_after_every_step() -> None:
    dag = refresh()
    finish = dag.get_task("finish")
    assert [task.task_id for task in dag.tasks if task.is_teardown] == ["finish"]
    assert {task.task_id for task in dag.tasks if task.is_setup} == {"begin", "lock"}
    assert finish.on_failure_fail_dagrun
    assert finish.upstream_task_ids == set(REFRESH_WAY) - {"finish"}


def test_s49_tasks_are_the_same_for_a_tenant_whose_file_is_broken() -> None:
    shapes = [
        {(task.task_id, frozenset(task.downstream_task_ids)) for task in refresh_dag("xy-0146", each, "/c").tasks}
        for each in (masked(), None)
    ]
    assert shapes[0] == shapes[1]


def test_only_what_another_is_above_can_be_refreshed_and_where_data_are_authored_is_not_the_default() -> None:
    param = refresh().params.get_param("environment")
    assert param.schema["enum"] == ["qa", "uat", "dev"]
    assert param.value == "qa"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("environment", ["qa", "dev"], ["prod", "", "nowhere"]),
        ("from", ["", "prod"], ["Prod", "a b", "x" * 12]),
        ("build", ["", "v2", DIGEST], ["a b", "sha256:1"]),
        ("dry_run", [True, False], ["yes"]),
    ],
)
def test_the_form_refuses_what_can_be_nothing(name: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if rejected(refresh(), **{name: value})] == []
    assert [value for value in bad if not rejected(refresh(), **{name: value})] == []


def test_a_person_starts_it() -> None:
    assert refresh().schedule is None
    assert refresh().allowed_run_types == common.BY_HAND
