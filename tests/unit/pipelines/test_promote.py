"""The promotion's DAG: its way, its end, its form."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk import DAG, AssetAlias
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from snaplift.aws.operators import retrying
from snaplift.pipelines.promote import GROUPS, promote_dag
from snaplift.pipelines.provision import provision_dag
from tests.unit.stacks.examples import TENANT, tenant

WAY = [
    "begin", "plan", "approve", "lock",
    "snapshot", "database", "credentials", "adapt",
    "register", "smoke", "deploy", "confirm", "activate",
    "retire", "finish",
]  # fmt: skip
DIGEST = "sha256:" + "a" * 64
TASK = "_AIRFLOW_PARSING_CONTEXT_TASK_ID"


def promote(of: Any = TENANT) -> DAG:
    return promote_dag("xy-0146", of, "/config")


def test_the_way_of_a_promotion_is_one_line_from_its_begin_to_its_end() -> None:
    dag = promote()
    assert sorted(dag.task_ids) == sorted(WAY)
    for earlier, later in pairwise(WAY):
        assert later in dag.get_task(earlier).downstream_task_ids


def test_s48_finish_is_the_one_teardown_and_comes_after_every_step() -> None:
    """Behind any other wiring, some endings of a run would skip it."""
    dag = promote()
    teardowns = [task.task_id for task in dag.tasks if task.is_teardown]
    setups = {task.task_id for task in dag.tasks if task.is_setup}
    finish = dag.get_task("finish")
    assert (teardowns, setups) == (["finish"], {"begin", "lock"})
    assert finish.on_failure_fail_dagrun
    assert finish.upstream_task_ids == set(WAY) - {"finish"}
    assert finish.downstream_task_ids == set()


@pytest.mark.parametrize("compose", [promote_dag, provision_dag])
def test_s49_tasks_are_the_same_for_every_tenant_and_for_one_whose_file_is_broken(compose: Any) -> None:
    full = tenant(adapt=[{"sql": ["DELETE FROM x"]}], smoke=[{"path": "/"}], setup={"command": ["setup"]})
    shapes = {
        frozenset((task.task_id, frozenset(task.downstream_task_ids)) for task in compose("xy-0146", each, "/c").tasks)
        for each in (TENANT, full, None)
    }
    assert len(shapes) == 1


def test_the_graph_is_grouped_as_the_steps_are_told() -> None:
    children: Any = promote().task_group.children
    groups = {name: set(group.children) for name, group in children.items() if name in GROUPS}
    assert groups == {name: set(steps) for name, steps in GROUPS.items()}


def test_the_lock_is_the_mutex_and_not_airflow() -> None:
    assert promote().max_active_runs > 1


@pytest.mark.parametrize("compose", [promote_dag, provision_dag])
def test_s08_a_backfill_cannot_promote_todays_data_under_another_days_name(compose: Any) -> None:
    dag: DAG = compose("xy-0146", TENANT, "/config")
    assert dag.allowed_run_types == {"manual", "operator_triggered"}
    assert dag.schedule is None


# -- params ----------------------------------------------------------------------------------------------------


def rejected(dag: DAG, **given: Any) -> bool:
    try:
        dag.params.update(given)
        dag.params.validate()
    except ParamValidationError:
        return True
    return False


def test_a_form_offers_the_environments_that_are_promoted_to() -> None:
    environment: Any = promote().params.get_param("environment")
    assert environment.schema["enum"] == ["qa", "prod"]
    assert rejected(promote(), environment="dev")
    assert not rejected(promote(), environment="prod")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "release",
            ["new", "tested", "active", "previous", "20261123t020000z"],
            ["", "newest", "20261123", "origin", "previous2"],
        ),
        ("build", ["", "v7", DIGEST], ["-x", "a b", "sha256:abc", "x" * 129]),
        ("dry_run", [True, False], ["yes", 1]),
    ],
)
def test_a_form_refuses_what_means_nothing(name: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if rejected(promote(), **{name: value})] == []
    assert [value for value in bad if not rejected(promote(), **{name: value})] == []


def test_every_field_of_the_forms_explains_itself() -> None:
    for dag in (promote(), provision_dag("xy-0146", TENANT, "/config")):
        for name in dag.params:
            param: Any = dag.params.get_param(name)
            assert param.schema["title"], name
            assert param.schema["description_md"], name


def test_s49_at_a_tasks_start_nothing_is_refused_that_was_taken_when_the_run_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An environment that was removed in the middle of a run would keep the teardown from starting."""
    monkeypatch.setenv(TASK, "finish")
    dag = promote()
    assert not rejected(dag, environment="removed", release="odd", build="-odd")
    for name in dag.params:
        assert not {"enum", "pattern"} & set(dag.params.get_param(name).schema), name


def test_a_broken_tenants_form_offers_nothing_and_its_runs_can_end() -> None:
    dag = promote(None)
    assert not rejected(dag, environment="qa")


def test_params_are_the_dags_alone() -> None:
    """Copied into every task, they were most of what a DAG takes to parse and to store."""
    for dag in (promote(), provision_dag("xy-0146", TENANT, "/config")):
        assert [task.task_id for task in dag.tasks if list(task.params)] == []
        assert list(dag.params)


# -- retries ---------------------------------------------------------------------------------------------------


def test_every_step_is_retried_and_a_question_is_asked_once() -> None:
    retries = {task.task_id: task.retries for task in promote().tasks}
    assert retries.pop("approve") == 0
    assert set(retries.values()) == {retrying.RETRIES}


def test_s27_the_delays_that_are_left_to_airflow_grow() -> None:
    """Airflow multiplies by it: True, which older versions took, is 1, and every delay is the first."""
    for task in promote().tasks:
        assert not isinstance(task.retry_exponential_backoff, bool), task.task_id
        assert task.retry_exponential_backoff > 1, task.task_id


def test_what_went_wrong_decides_how_often_a_step_is_tried() -> None:
    assert all(isinstance(task.retry_policy, retrying.ByError) for task in promote().tasks)


# -- assets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [TENANT, None])
def test_a_promotion_takes_and_gives_the_tenants_data_through_its_alias_alone(of: Any) -> None:
    """A static asset would be told of every environment at every run."""
    dag = promote(of)
    alias = [AssetAlias("xy-0146")]
    assert {task.task_id: task.inlets for task in dag.tasks if task.inlets} == {"snapshot": alias}
    assert {task.task_id: task.outlets for task in dag.tasks if task.outlets} == {"activate": alias}


def test_airflow_draws_what_is_given_to_an_alias_and_not_what_is_taken_from_one() -> None:
    """So the event says what a run took. An Airflow that draws it is worth an alias for each environment."""
    drawn = DagSerialization.to_dict(promote())["dag"]["dag_dependencies"]
    assert [(each["source"], each["target"], each["dependency_id"]) for each in drawn] == [
        ("xy-0146.promote", "asset-alias", "xy-0146")
    ]
