"""What every operator does alike: advance, defer, go on, fail with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from snaplift.aws.errors import StepFailed
from snaplift.aws.operators.base import AdvancingOperator
from snaplift.aws.operators.promotion import StepOperator
from snaplift.aws.steps.promotion import Done, HeldLock
from snaplift.aws.triggers.wait import WaitTrigger
from snaplift.pipelines.promote import promote_dag
from snaplift.promotion.deployment import NotConfirmed
from snaplift.promotion.plan import Place
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from tests.unit.aws.conftest import client_error
from tests.unit.promotion import examples
from tests.unit.stacks.examples import TENANT

WAIT = Wait(connection="", region="eu-central-1", kind="stack", name="stack/1", done=("CREATE_COMPLETE",), timeout=5400)
DONE = Done({"stack": "stack/1"})
Outcome = Wait | Done | Exception


class Scripted(AdvancingOperator):
    """Does what it is told, and remembers what went wrong."""

    def __init__(self, *, outcomes: list[Outcome], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outcomes = outcomes
        self.failures: list[str] = []

    def advance(self, context: Any) -> Wait | Done:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def on_failure(self, context: Any, error: Exception) -> None:
        self.failures.append(str(error))


def scripted(*outcomes: Outcome) -> Scripted:
    return Scripted(task_id="database", configuration="/nowhere", outcomes=list(outcomes))


FAILED = {"verdict": "failed", "state": "ROLLBACK_COMPLETE", "detail": "Instance: quota"}
CONTEXT: Any = {"run_id": "manual__1", "params": {"environment": "qa"}}


def test_a_step_that_is_done_returns_what_it_says() -> None:
    assert scripted(DONE).execute(CONTEXT) == {"stack": "stack/1"}


def test_a_step_that_had_nothing_to_do_says_why() -> None:
    assert scripted(Done(skipped="no adapt")).execute(CONTEXT) == {"skipped": "no adapt"}


def test_a_wait_is_a_deferral_that_holds_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snaplift.aws.operators.base.time.time", lambda: 1000.0)
    with pytest.raises(TaskDeferred) as deferred:
        scripted(WAIT).execute(CONTEXT)
    trigger = deferred.value.trigger
    assert isinstance(trigger, WaitTrigger)
    assert Wait.model_validate_json(trigger.wait) == WAIT
    assert trigger.until == 1000 + 5400
    assert deferred.value.method_name == "execute"
    timeout: Any = deferred.value.timeout
    assert timeout.total_seconds() > WAIT.timeout, "the trigger's own deadline comes first: it says what it saw"


def test_after_a_wait_the_step_begins_again() -> None:
    operator = scripted(DONE)
    assert operator.execute(CONTEXT, {"verdict": "done", "state": "CREATE_COMPLETE", "detail": ""}) == DONE.result


def test_a_step_may_wait_for_one_thing_after_the_other() -> None:
    with pytest.raises(TaskDeferred):
        scripted(WAIT).execute(CONTEXT, {"verdict": "done", "state": "CREATE_COMPLETE", "detail": ""})


def test_a_wait_that_failed_is_explained_by_the_step() -> None:
    operator = scripted(StepFailed("stack x is ROLLBACK_COMPLETE: Instance: quota"))
    with pytest.raises(AirflowFailException, match="stack x is ROLLBACK_COMPLETE: Instance: quota"):
        operator.execute(CONTEXT, FAILED)
    assert operator.failures == ["stack x is ROLLBACK_COMPLETE: Instance: quota"]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (FAILED, "stack stack/1 is ROLLBACK_COMPLETE: Instance: quota"),
        ({"verdict": "absent", "state": "absent", "detail": ""}, "stack stack/1 is absent: no reason is given"),
    ],
)
def test_a_wait_that_failed_and_that_the_step_cannot_explain_fails_with_what_was_seen(
    event: dict[str, str], said: str
) -> None:
    operator = scripted(WAIT)
    with pytest.raises(AirflowFailException, match=said):
        operator.execute(CONTEXT, event)
    assert operator.failures == [said]


def test_a_wait_that_failed_while_the_thing_came_to_be_after_all_is_no_failure() -> None:
    assert scripted(DONE, DONE).execute(CONTEXT, FAILED) == DONE.result


def test_what_cannot_succeed_is_not_retried() -> None:
    with pytest.raises(AirflowFailException, match="AccessDenied"):
        scripted(client_error("AccessDenied")).execute(CONTEXT)


@pytest.mark.parametrize("error", [client_error("Throttling"), NotConfirmed("1 of 2 tasks run"), TimeoutError("slow")])
def test_what_may_succeed_is_left_to_the_tasks_retries(error: Exception) -> None:
    operator = scripted(error)
    with pytest.raises(type(error)):
        operator.execute(CONTEXT)
    assert operator.failures == [str(error)]


def test_a_skip_stays_a_skip() -> None:
    with pytest.raises(AirflowSkipException):
        scripted(AirflowSkipException("a dry run")).execute(CONTEXT)


# -- the note with the lock ------------------------------------------------------------------------------------

PLACE = Place(platform="platform-nonprod", connection="", region="eu-central-1", account="1", lock_table="locks")


@contextmanager
def step(monkeypatch: pytest.MonkeyPatch, notes: list[tuple[str, ...]], found: Any) -> Iterator[StepOperator]:
    class Locks:
        def note_failure(self, *said: str) -> None:
            notes.append(said)

    run = Run(installation="acme", dag_id="xy-0146.promote", run_id="manual__1")
    held: Any = HeldLock
    monkeypatch.setattr(
        "snaplift.aws.steps.promotion.find_lock", lambda *_: held(object(), PLACE, Locks()) if found() else None
    )
    monkeypatch.setattr(StepOperator, "platforms", lambda _: None)
    monkeypatch.setattr(StepOperator, "run_of", lambda *_: run)
    with DAG("xy-0146.promote"):
        yield StepOperator(task_id="smoke", tenant="xy-0146", configuration="/nowhere")


def test_why_a_step_failed_is_noted_with_the_lock_for_the_abort_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[tuple[str, ...]] = []
    with step(monkeypatch, notes, lambda: True) as operator:
        operator.on_failure(CONTEXT, StepFailed("check 2 gave 0"))
    assert notes == [("locks", "xy-0146-qa", "acme|xy-0146.promote|manual__1", "smoke: check 2 gave 0")]


def test_a_run_without_the_lock_notes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[tuple[str, ...]] = []
    with step(monkeypatch, notes, lambda: False) as operator:
        operator.on_failure(CONTEXT, StepFailed("lost"))
    assert notes == []


def test_a_reason_that_cannot_be_noted_does_not_hide_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise TimeoutError("no network")

    with step(monkeypatch, [], unreachable) as operator:
        operator.on_failure(CONTEXT, StepFailed("check 2 gave 0"))


# -- assets ----------------------------------------------------------------------------------------------------


class Told:
    """What Airflow's assets are told, by alias."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __getitem__(self, alias: AssetAlias) -> Told:
        assert alias.name == "xy-0146"
        return self

    def add(self, asset: Asset, extra: dict[str, Any]) -> None:
        self.events.append((asset.uri, extra))


def activate(monkeypatch: pytest.MonkeyPatch, outcome: Outcome, context: dict[str, Any]) -> Any:
    plan = examples.decided()
    monkeypatch.setattr("snaplift.aws.steps.promotion.resume", lambda *_: SimpleNamespace(plan=plan))
    monkeypatch.setattr("snaplift.aws.steps.activate.advance", lambda _: outcome)
    monkeypatch.setattr(StepOperator, "platforms", lambda _: None)
    monkeypatch.setattr(StepOperator, "run_of", lambda *_: None)
    operator = promote_dag("xy-0146", TENANT, "/config").get_task("activate")
    given: Any = {"params": {"environment": "qa"}, **context}
    return cast("StepOperator", operator).advance(given)


def test_the_asset_of_the_environment_at_hand_alone_is_told_what_became_active(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told()
    activate(monkeypatch, Done({}), {"outlet_events": told})
    [(uri, extra)] = told.events
    assert uri == "snaplift://xy-0146/qa"
    assert (extra["release"], extra["source"]) == (examples.NEW, "xy-0146-dev")


def test_no_asset_is_told_while_the_step_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    activate(monkeypatch, WAIT, {"outlet_events": told})
    assert told.events == []


def test_assets_that_cannot_be_told_fail_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert activate(monkeypatch, Done({"pointer": "p"}), {}) == Done({"pointer": "p"})
