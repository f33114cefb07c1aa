"""A preview's DAGs, the end of previews, and offboarding: their ways, their ends, their forms."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.definitions.mappedoperator import MappedOperator

from snaplift.pipelines import common
from snaplift.pipelines.expire import EXPIRE_DAG_ID, expire_dag
from snaplift.pipelines.offboard import offboard_dag
from snaplift.pipelines.preview import preview_dag, preview_remove_dag
from tests.unit.config.test_previews import PREVIEWING
from tests.unit.pipelines.test_promote import DIGEST, TASK, WAY, rejected

PREVIEW_WAY = ["begin", "namespace", "plan", "lock", *WAY[WAY.index("lock") + 1 :]]


def preview(of: Any = PREVIEWING) -> DAG:
    return preview_dag("xy-0146", of, "/config")


def test_a_preview_goes_the_way_of_a_promotion_once_it_has_a_namespace() -> None:
    dag = preview()
    assert sorted(dag.task_ids) == sorted(PREVIEW_WAY)
    for earlier, later in pairwise(PREVIEW_WAY):
        assert later in dag.get_task(earlier).downstream_task_ids


def test_s48_finish_is_the_one_teardown_and_comes_after_every_step() -> None:
    dag = preview()
    finish = dag.get_task("finish")
    assert [task.task_id for task in dag.tasks if task.is_teardown] == ["finish"]
    assert {task.task_id for task in dag.tasks if task.is_setup} == {"begin", "lock"}
    assert finish.on_failure_fail_dagrun
    assert finish.upstream_task_ids == set(PREVIEW_WAY) - {"finish"}


def test_every_task_knows_the_preview_by_its_name() -> None:
    context: Any = {"params": {"name": "pr42", "environment": "qa"}}
    tasks: list[Any] = [task for task in preview().tasks if task.task_id != "begin"]
    assert {task.namespace(context) for task in tasks} == {"xy-0146-pr42"}


@pytest.mark.parametrize("compose", [preview_dag, preview_remove_dag])
def test_s49_tasks_are_the_same_for_a_tenant_whose_file_is_broken(compose: Any) -> None:
    shapes = [
        {(task.task_id, frozenset(task.downstream_task_ids)) for task in compose("xy-0146", each, "/c").tasks}
        for each in (PREVIEWING, None)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("name", ["pr1", "pr123456789"], ["", "qa", "prod", "pr", "pr1x", "pr1234567890"]),
        ("environment", ["qa", "dev", "prod"], ["uat", ""]),
        ("release", ["tested", "new", "20261123t020000z"], ["", "origin", "newest"]),
        ("build", ["", "v7", DIGEST], ["-x", "a b"]),
        ("ttl", ["", "36h", "5d"], ["1w", "h", "36", "1.5h"]),
    ],
)
def test_a_form_refuses_what_means_nothing(name: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if rejected(preview(), **{name: value})] == []
    assert [value for value in bad if not rejected(preview(), **{name: value})] == []


def test_what_is_shown_is_at_first_what_a_preview_is_like() -> None:
    assert preview().params["environment"] == "qa"


def test_the_form_says_how_long_a_preview_stands() -> None:
    ttl: Any = preview().params.get_param("ttl")
    assert "Empty: 3d; at most 14d." in ttl.schema["description_md"]


@pytest.mark.parametrize("name", ["qa", "prod", "pr", ""])
def test_s13_only_a_preview_can_be_named_for_removal(name: str) -> None:
    assert rejected(preview_remove_dag("xy-0146", PREVIEWING, "/config"), name=name)


def test_s49_at_a_tasks_start_nothing_is_refused_that_was_taken_when_the_run_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(TASK, "finish")
    for dag in (preview(), preview_remove_dag("xy-0146", PREVIEWING, "/config"), offboard_dag("/config")):
        for name in dag.params:
            assert not {"enum", "pattern"} & set(dag.params.get_param(name).schema), name


def test_every_field_of_the_forms_explains_itself_and_is_the_dags_alone() -> None:
    for dag in (preview(), preview_remove_dag("xy-0146", PREVIEWING, "/config"), offboard_dag("/config")):
        assert [task.task_id for task in dag.tasks if list(task.params)] == []
        for name in dag.params:
            param: Any = dag.params.get_param(name)
            assert param.schema["title"], name
            assert param.schema["description_md"], name


# -- fleet.expire, fleet.offboard ------------------------------------------------------------------------------


def test_previews_end_by_themselves_every_quarter_of_an_hour_from_the_beginning() -> None:
    dag = expire_dag("/nowhere")
    assert isinstance(dag.timetable, CronTriggerTimetable)
    assert dag.timetable.expression == "*/15 * * * *"
    assert (dag.is_paused_upon_creation, dag.catchup, dag.max_active_runs) == (False, False, 1)
    assert dag.max_consecutive_failed_dag_runs == 0, "Airflow would switch it off"


def test_each_preview_goes_in_a_task_of_its_own_that_is_retried() -> None:
    dismantle = expire_dag("/nowhere").get_task("dismantle")
    assert isinstance(dismantle, MappedOperator)
    assert dismantle.upstream_task_ids == {"find"}
    assert dismantle.retries == common.RETRIES["retries"]


def test_a_person_is_asked_before_a_tenant_goes_once() -> None:
    dag = offboard_dag("/nowhere")
    assert dag.get_task("approve").upstream_task_ids == {"find"}
    assert dag.get_task("dismantle").upstream_task_ids == {"approve"}
    approve: Any = dag.get_task("approve")
    assert (approve.retries, approve.fail_on_reject, approve.ignore_downstream_trigger_rules) == (0, True, False)
    assert dag.schedule is None


def test_a_form_that_nobody_filled_in_takes_nothing_away() -> None:
    dag = offboard_dag("/nowhere")
    assert (dag.params["tenant"], dag.params["confirm"]) == ("", "")
    assert rejected(offboard_dag("/nowhere"), tenant="xy")


@pytest.mark.parametrize("compose", [expire_dag, offboard_dag])
def test_they_can_be_serialized(compose: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in (compose("/nowhere"), preview(), preview_remove_dag("xy-0146", PREVIEWING, "/config")):
        assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == dag.dag_id
    assert EXPIRE_DAG_ID == "fleet.expire"
