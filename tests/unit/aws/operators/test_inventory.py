"""The tasks of fleet.inventory and fleet.drift: what they write down, what they forget, what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from snaplift.aws.operators import inventory
from snaplift.aws.operators.inventory import (
    MOST,
    CollectInventoryOperator,
    FindDriftOperator,
    ReportDriftOperator,
)
from snaplift.aws.steps.survey import NothingStands
from snaplift.promotion.drift import Deviation
from snaplift.promotion.inventory import HeldSnapshot, Holding

NOW = datetime(2026, 11, 24, 6, 17, tzinfo=UTC)


class Variables:
    """Airflow's variables, as they are stored."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {"snaplift_airflow": "this-airflow"}

    def set(self, key: str, value: Any, description: str, *, serialize_json: bool) -> None:
        assert serialize_json
        assert description
        self.stored[key] = json.dumps(value)

    def get(self, key: str, default: Any = None, *, deserialize_json: bool = False) -> Any:
        return json.loads(self.stored[key]) if key in self.stored else default

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.stored if key.startswith(prefix)]

    def delete(self, key: str) -> None:
        del self.stored[key]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    found = Variables()
    monkeypatch.setattr(inventory, "Variable", found)
    return found


def holding(namespace: str, monthly: float | None = None, currency: str = "USD", as_of: datetime = NOW) -> Holding:
    snapshot = HeldSnapshot(
        name=f"{namespace}-snapshot", release=None, state="available", size=20, since=None, monthly=monthly
    )
    given = {"namespace": namespace, "platform": "platform-nonprod", "as_of": as_of, "pointer": None}
    return Holding.model_validate({**given, "snapshots": (snapshot,), "currency": currency})


def answering(*found: Any) -> Callable[[Any], list[Any]]:
    """A look that finds these, or fails with the first of them that is an error."""

    def look(_: Any) -> list[Any]:
        for each in found:
            if isinstance(each, Exception):
                raise each
        return list(found)

    return look


def collect(monkeypatch: pytest.MonkeyPatch, *found: Holding | Exception) -> Any:
    monkeypatch.setattr("snaplift.aws.steps.inventory.collect", answering(*found))
    monkeypatch.setattr("snaplift.aws.steps.promotion.utc_now", lambda: NOW)
    context: Any = {"run_id": "scheduled__1"}
    return CollectInventoryOperator(task_id="collect", configuration="/nowhere").execute(context)


def test_each_namespace_has_a_variable_and_the_costs_are_summed_by_currency(
    monkeypatch: pytest.MonkeyPatch, variables: Variables
) -> None:
    found = (holding("xy-0146-qa", 1.25), holding("xy-0146-prod", 2.5), holding("ab-0200-uat", 4, "EUR"))
    unpriced = holding("ab-0200-dev", None)
    assert collect(monkeypatch, *found, unpriced) == {"namespaces": 4, "a_month": {"USD": 3.75, "EUR": 4.0}}
    kept = {key: value for key, value in variables.stored.items() if key.startswith("snaplift_inventory_")}
    assert {key: Holding.model_validate_json(value) for key, value in kept.items()} == {
        f"snaplift_inventory_{each.namespace}": each for each in (*found, unpriced)
    }


def test_what_is_gone_is_forgotten_and_what_has_come_meanwhile_is_not(
    monkeypatch: pytest.MonkeyPatch, variables: Variables
) -> None:
    inventory.keep(holding("xy-0146-pr1", as_of=NOW - timedelta(hours=1)))
    inventory.keep(holding("xy-0146-pr2", as_of=NOW + timedelta(seconds=1)))
    variables.stored["snaplift_inventory_xy-0146-pr3"] = '"of another version"'
    collect(monkeypatch, holding("xy-0146-qa"))
    assert sorted(variables.stored) == [
        "snaplift_airflow",
        "snaplift_inventory_xy-0146-pr2",
        "snaplift_inventory_xy-0146-qa",
    ]


def test_s14_a_listing_that_fails_writes_nothing_and_forgets_nothing(
    monkeypatch: pytest.MonkeyPatch, variables: Variables
) -> None:
    inventory.keep(holding("xy-0146-qa", as_of=NOW - timedelta(hours=1)))
    before = dict(variables.stored)
    for error in (ConnectionError("no answer"), NothingStands("no platform stands")):
        with pytest.raises((ConnectionError, AirflowFailException)):
            collect(monkeypatch, error)
    assert variables.stored == before


def test_before_anything_was_ever_there_nothing_has_failed(
    monkeypatch: pytest.MonkeyPatch, variables: Variables
) -> None:
    assert collect(monkeypatch, NothingStands("no platform stands")) == {"skipped": "no platform stands"}
    assert find(monkeypatch, NothingStands("no platform stands")) == []
    assert list(variables.stored) == ["snaplift_airflow"]


# -- drift ---------------------------------------------------------------------------------------------------------


def deviation(namespace: str, thing: str = "service") -> Deviation:
    return Deviation(namespace=namespace, thing=thing, expected="one", found="none", mend="Mend it")


def find(monkeypatch: pytest.MonkeyPatch, *found: Deviation | Exception) -> Any:
    monkeypatch.setattr("snaplift.aws.steps.drift.find_drift", answering(*found))
    context: Any = {"run_id": "scheduled__1"}
    return FindDriftOperator(task_id="find", configuration="/nowhere").execute(context)


def test_what_has_drifted_is_a_list_of_namespaces_to_map_over_each_with_all_of_it(
    monkeypatch: pytest.MonkeyPatch, variables: Variables
) -> None:
    found = find(monkeypatch, deviation("xy-0146-qa"), deviation("ab-0200-uat"), deviation("xy-0146-qa", "stack"))
    assert found == [
        {"namespace": "ab-0200-uat", "said": ["service: expected one, found none. Mend it"]},
        {
            "namespace": "xy-0146-qa",
            "said": ["service: expected one, found none. Mend it", "stack: expected one, found none. Mend it"],
        },
    ]
    assert find(monkeypatch) == []


def test_no_more_are_reported_than_airflow_maps_over(monkeypatch: pytest.MonkeyPatch, variables: Variables) -> None:
    assert len(find(monkeypatch, *(deviation(f"xy-{number:04}-qa") for number in range(MOST + 1)))) == MOST


def test_s14_a_drift_that_could_not_be_looked_for_is_no_empty_list(
    monkeypatch: pytest.MonkeyPatch, variables: Variables
) -> None:
    with pytest.raises(ConnectionError):
        find(monkeypatch, ConnectionError("no answer"))


def test_the_report_of_a_namespace_is_red_and_says_all_of_it() -> None:
    drift = {"namespace": "xy-0146-qa", "said": ["one thing", "another"]}
    report = ReportDriftOperator(task_id="report", configuration="/nowhere", drift=drift)
    context: Any = {"run_id": "scheduled__1"}
    with pytest.raises(AirflowFailException) as failed:
        report.execute(context)
    assert str(failed.value) == "xy-0146-qa is not as it should be:\n  - one thing\n  - another"
