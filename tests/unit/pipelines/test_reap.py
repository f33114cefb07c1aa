"""fleet.reap: every night, one task a thing, and no tenant's file can break it or be touched by it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import AirflowFailException

from snaplift import naming
from snaplift.aws.operators import reap as operators
from snaplift.aws.steps import reap as step
from snaplift.pipelines import common
from snaplift.pipelines.loading import fleet_dags
from snaplift.pipelines.reap import CAP, REAP_DAG_ID, reap_dag
from tests.unit.promotion.estates import NOW, Estate, fleet, marked_instances, release, serving


@pytest.fixture
def dag() -> DAG:
    return reap_dag(None, "/nowhere")


def test_it_runs_every_night_one_run_at_a_time_and_is_switched_on_by_a_person(dag: DAG) -> None:
    assert isinstance(dag.timetable, CronTriggerTimetable)
    assert dag.timetable.expression == "30 4 * * *"
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is not False


def test_each_thing_has_a_task_of_its_own_that_is_retried(dag: DAG) -> None:
    reap = dag.get_task("reap")
    assert isinstance(reap, MappedOperator)
    assert reap.upstream_task_ids == {"find"}
    assert reap.retries == common.RETRIES["retries"]
    assert dag.get_task("report").upstream_task_ids == {"reap"}


def test_it_goes_everywhere_for_real_with_a_cap_unless_it_is_told_otherwise(dag: DAG) -> None:
    assert {name: dag.params[name] for name in dag.params} == {"platform": "", "dry_run": False, "cap": CAP}


@pytest.mark.parametrize("text", ["", "tenant: [", "\x00"])
def test_s37_no_file_of_a_tenant_can_break_it(root: Path, text: str) -> None:
    for file in (root / "tenants").iterdir():
        file.write_text(text)
    assert REAP_DAG_ID in fleet_dags("/dags/fleet.py")


def test_s37_a_tenant_whose_file_is_broken_is_told_from_one_that_is_gone(root: Path) -> None:
    (root / "tenants" / "xy-0146.yaml").write_text("tenant: [")
    found = operators.FindOrphansOperator(task_id="find", configuration=str(root)).fleet()
    assert found.broken == {"xy-0146"}
    assert len(found.tenants) == 1


def test_it_can_be_serialized(dag: DAG) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == REAP_DAG_ID


# -- what the tasks do -------------------------------------------------------------------------------------------


class Pushed(dict[str, Any]):
    def xcom_push(self, key: str, value: Any) -> None:
        self[key] = value


def find(monkeypatch: pytest.MonkeyPatch, made: Estate, **params: Any) -> tuple[Any, Pushed, list[Any]]:
    """Run the task over an estate: its XCom, what it pushed beside, and what was marked."""
    marked: list[Any] = []
    monkeypatch.setattr(operators._ReapingOperator, "fleet", lambda self: fleet())
    monkeypatch.setattr(step, "survey", lambda platforms, now: (made.survey(),))
    monkeypatch.setattr(step, "utc_now", lambda: NOW)
    monkeypatch.setattr(step, "mark", lambda *given: marked.append(given))
    monkeypatch.setattr(step.find, "__defaults__", (lambda: NOW,))
    pushed = Pushed()
    operator = operators.FindOrphansOperator(task_id="find", configuration="/nowhere")
    context: Any = {"params": {"platform": "", "dry_run": False, "cap": CAP, **params}, "ti": pushed}
    return operator.execute(context), pushed, marked


def test_only_what_goes_is_passed_on_and_never_more_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    made = serving()
    orphans = marked_instances(made, 7)
    things, pushed, marked = find(monkeypatch, made, cap=5)
    assert [each["thing"]["name"] for each in things] == sorted(each.name for each in orphans)[:5]
    assert len(marked) == 1
    assert "more than this run's cap or on another platform** (2)" in pushed["summary"]
    assert step.Departure.model_validate(things[0]).thing.resource_id.startswith("db-")


def test_a_dry_run_tells_and_marks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = serving()
    [orphan] = marked_instances(made, 1)
    made.instance(naming.Namespace.parse("xy-0146-qa"), release(9), "33334444")
    things, pushed, marked = find(monkeypatch, made, dry_run=True)
    assert (things, marked) == ([], [])
    assert "**Would go** (1)" in pushed["summary"]
    assert "**Would be marked: nothing refers to it** (1)" in pushed["summary"]
    assert " now" not in pushed["summary"]
    assert f"| instance | `{orphan.name}` | nothing refers to it since " in pushed["summary"]


def test_what_goes_can_be_limited_to_a_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    made = serving()
    [orphan] = marked_instances(made, 1)
    things, pushed, _ = find(monkeypatch, made, platform="platform-existing")
    assert things == []
    # It is told all the same.
    assert "on another platform** (1)" in pushed["summary"]
    assert f"| instance | `{orphan.name}` | " in pushed["summary"]
    things, pushed, _ = find(monkeypatch, made, platform="platform-new")
    assert len(things) == 1
    assert "on another platform" not in pushed["summary"]


def report(wanted: list[str] | None, results: Any) -> Any:
    """:param wanted: what was to go, in order; so far as they have results, those are of the first."""
    given = None if wanted is None else [dict(zip(("kind", "name"), each.split(), strict=True)) for each in wanted]
    told = (
        None
        if results is None
        else [{**each, "thing": of.replace("_", " ")} for each, of in zip(results, wanted or [], strict=False)]
    )
    found = {"find": None if given is None else [{"thing": each} for each in given], "reap": told}

    def pull(task_ids: str | list[str]) -> Any:
        """As Airflow does: the only result of a single task id comes by itself."""
        if task_ids == "find":
            return found["find"]
        results = found["reap"] or [None]
        return results[0] if isinstance(task_ids, str) and len(results) == 1 else results

    ti = SimpleNamespace(xcom_pull=pull, xcom_push=lambda **_: None)
    operator = operators.ReportOperator(task_id="report", configuration="/nowhere")
    context: Any = {"ti": ti}
    return operator.execute(context)


def test_the_report_says_what_went() -> None:
    results = [{"removed": "instance a"}, {"skipped": "it is used"}]
    assert report(["instance a", "instance b"], results) == {"gone": ["instance a"]}


def test_the_report_says_what_went_alone() -> None:
    assert report(["instance a"], [{"removed": "instance a"}]) == {"gone": ["instance a"]}


def test_the_report_says_what_the_removal_saves() -> None:
    results = [
        {"removed": "instance a", "cost": {"amount": 16.6, "currency": "USD", "at_most": False}},
        {"removed": "snapshot b", "cost": {"amount": 10, "currency": "USD", "at_most": True}},
        {"removed": "secret c"},
        {"skipped": "it is used"},
    ]
    assert report(["instance a", "snapshot b", "secret c", "secret d"], results) == {
        "gone": ["instance a", "snapshot b", "secret c"],
        "saved": "at most 26.60 USD",
    }


def test_one_that_failed_makes_the_run_red_when_all_others_are_through_and_is_named() -> None:
    with pytest.raises(AirflowFailException, match="1 of 2 things could not be taken away: log group b"):
        report(["instance a", "log_group b"], [{"removed": "instance a"}])


def test_s14_a_listing_that_failed_makes_the_run_red() -> None:
    with pytest.raises(AirflowFailException, match="nothing was concluded"):
        report(None, None)


def test_nothing_to_do_is_green() -> None:
    assert report([], []) == {"gone": []}
