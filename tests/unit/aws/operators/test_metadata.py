"""Which Airflow this is, and what it says of the run that holds a lock. What it does not say is never an absence."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Variable

from snaplift.aws.operators.metadata import AIRFLOW, asking, this_airflow
from snaplift.promotion.recovery import Holder
from tests.unit.promotion.examples import RUN, lock

OURS = lock(airflow="a1")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Airflow's variables."""
    kept: dict[str, str] = {}

    def put(key: str, value: str, description: str) -> None:
        assert description
        kept[key] = value

    monkeypatch.setattr(Variable, "get", lambda key, default=None: kept.get(key, default))
    monkeypatch.setattr(Variable, "set", put)
    return kept


class Airflow:
    """Answers a task's questions."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"runs": 1, "state": "running", "finish": None, "paused": False, **answers}

    def get_dr_count(self, dag_id: str, run_ids: list[str]) -> int:
        assert (dag_id, run_ids) == (RUN.dag_id, [RUN.run_id])
        return int(self._answer("runs"))

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        assert (dag_id, run_id) == (RUN.dag_id, RUN.run_id)
        return str(self._answer("state"))

    def get_task_states(self, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert (dag_id, task_ids, run_ids) == (RUN.dag_id, ["finish"], [RUN.run_id])
        finish = self._answer("finish")
        return {RUN.run_id: {"finish": finish}} if finish else {}

    def get_dag(self, dag_id: str) -> Any:
        assert dag_id == RUN.dag_id
        paused = self._answer("paused")
        return type("Dag", (), {"is_paused": paused})

    def _answer(self, name: str) -> Any:
        if isinstance(self.answers[name], Exception):
            raise self.answers[name]
        return self.answers[name]


def asked(tenants: tuple[str, ...] = ("ab-0200", "xy-0146"), of: Any = OURS, **answers: Any) -> Holder | None:
    ti: Any = Airflow(**answers)
    return asking(ti, lambda: list(tenants))(of)


def test_the_first_task_that_asks_names_the_airflow_and_every_later_one_finds_it(variables: dict[str, str]) -> None:
    first = this_airflow()
    assert len(first) == 32
    assert variables == {AIRFLOW: first}
    assert this_airflow() == first
    variables.clear()  # its database was lost: another Airflow
    assert this_airflow() != first


@pytest.mark.parametrize(
    ("answers", "holder"),
    [
        ({"runs": 0}, Holder(run=None)),
        ({}, Holder(run="running")),
        ({"state": "failed", "finish": "skipped"}, Holder(run="failed", finish="skipped")),
        ({"state": "queued", "paused": True}, Holder(run="queued", paused=True)),
        ({"tenants": ("ab-0200",)}, Holder(run="running", stale=True)),
    ],
)
def test_s48_how_a_run_stands_is_told(variables: dict[str, str], answers: dict[str, Any], holder: Holder) -> None:
    variables[AIRFLOW] = "a1"
    assert asked(**answers) == holder


@pytest.mark.parametrize("airflow", ["a2", ""])
def test_another_airflows_run_is_not_asked_for(variables: dict[str, str], airflow: str) -> None:
    variables[AIRFLOW] = "a1"
    assert asked(of=lock(airflow=airflow), runs=AssertionError("it was asked for")) is None


@pytest.mark.parametrize("question", ["runs", "state", "finish", "paused"])
def test_s14_an_answer_that_is_not_given_is_an_error(variables: dict[str, str], question: str) -> None:
    variables[AIRFLOW] = "a1"
    with pytest.raises(ConnectionError):
        asking(Airflow(**{question: ConnectionError("no answer")}), lambda: ["xy-0146"])(OURS)  # type: ignore[arg-type]
