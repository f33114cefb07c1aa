"""What this Airflow says of the run that holds a lock."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.aws.operators import metadata
from snaplift.aws.operators.metadata import asking
from snaplift.promotion.changes import Change
from snaplift.promotion.dismantling import Dismantling
from snaplift.promotion.lock import Errand, Lock, Record, Work
from snaplift.promotion.recovery import Holder
from snaplift.promotion.run import Run
from tests.unit.promotion.estates import PLACES
from tests.unit.promotion.examples import NOW, decided, lock

HERE = "a1"


class Task:
    """The task that asks: of runs that go on."""

    def get_dr_count(self, dag_id: str, run_ids: list[str]) -> int:
        return 1

    def get_task_states(self, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, Any]:
        return {run_ids[0]: {}}

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        return "running"

    def get_dag(self, dag_id: str) -> Any:
        return type("Dag", (), {"is_paused": False})


def run_of(dag_id: str) -> Run:
    return Run(installation="acme", dag_id=dag_id, run_id="r1")


def dismantling(dag_id: str) -> Dismantling:
    given: dict[str, Any] = {"namespace": "xy-0146-pr42", "place": PLACES[0], "cluster": "c", "final_snapshots": False}
    return Dismantling(run=run_of(dag_id), **given)


def held_for(work: Work) -> Lock:
    record = Record(work=work, acquired_at=NOW)
    return lock(namespace=record.name, token=record.token, record=record, airflow=HERE)


def ask(monkeypatch: pytest.MonkeyPatch, work: Work, *tenants: str) -> Holder:
    monkeypatch.setattr(metadata, "this_airflow", lambda: HERE)
    task: Any = Task()
    found = asking(task, lambda: list(tenants))(held_for(work))
    assert found is not None
    return found


CHANGE = Change(run=run_of("xy-0146.change"), name="xy-0146-qa", place=PLACES[0], stacks=())


@pytest.mark.parametrize("work", [decided(), CHANGE, dismantling("xy-0146.preview_remove")])
def test_a_tenants_dag_is_there_as_long_as_its_file_is(monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    assert not ask(monkeypatch, work, "xy-0146").stale
    assert ask(monkeypatch, work, "ab-0200").stale


@pytest.mark.parametrize(
    "work",
    [
        Change(run=run_of("platform.change"), name="platform-new", place=PLACES[0], stacks=()),
        Errand(run=run_of("fleet.reap"), namespace="xy-0146-qa", what="reap instance x", thing="db-X"),
        dismantling("fleet.expire"),
        dismantling("fleet.offboard"),
    ],
    ids=lambda work: str(work.run.dag_id),
)
def test_a_dag_of_the_fleet_or_a_platform_is_never_stale(monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    """Whatever became of the tenant's file meanwhile."""
    assert not ask(monkeypatch, work).stale
