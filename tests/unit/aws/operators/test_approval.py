"""A person is asked where the environment asks for it, once, and not for a dry run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException

from snaplift.aws.operators.approval import ApprovePlanOperator
from snaplift.promotion.fingerprint import Change
from snaplift.promotion.plan import Plan
from snaplift.promotion.writes import Writes
from tests.unit.promotion.examples import facts, plan, revision
from tests.unit.stacks.examples import TENANT, tenant

ASKING = tenant(
    environments={
        "dev": {"platform": "platform-new"},
        "qa": {"platform": "platform-new", "from": "dev", "approval": {"timeout": "2h", "users": ["ann", "bob"]}},
    }
)


class Task:
    def __init__(self, made: Plan) -> None:
        self.made = made

    def xcom_pull(self, task_ids: str) -> Any:
        assert task_ids == "plan"
        return self.made.model_dump(mode="json", by_alias=True)


def operator() -> ApprovePlanOperator:
    with DAG("xy-0146.promote", default_args={"retries": 3, "retry_delay": timedelta(seconds=5)}):
        return ApprovePlanOperator(task_id="approve")


def execute(asked: ApprovePlanOperator, made: Plan) -> Any:
    context: Any = {"ti": Task(made)}
    return asked.execute(context)


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[ApprovalOperator]:
    """Whoever would have asked a person."""
    asking: list[ApprovalOperator] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, _: asking.append(self))
    return asking


@pytest.mark.parametrize("wants_approval", [True, False])
def test_a_dry_run_ends_with_the_plan_and_asks_nobody(questions: list[Any], *, wants_approval: bool) -> None:
    made = plan(dry_run=True, tenant=ASKING if wants_approval else TENANT)
    with pytest.raises(AirflowSkipException, match="the plan is all"):
        execute(operator(), made)
    assert questions == []


def test_an_environment_that_asks_for_no_approval_goes_on_at_once(questions: list[Any]) -> None:
    assert execute(operator(), plan()) is None
    assert questions == []


def test_an_environment_that_asks_says_whom_and_for_how_long(questions: list[Any]) -> None:
    execute(operator(), plan(tenant=ASKING))
    [asked] = questions
    assert asked.subject == "Promote to xy-0146-qa?"
    assert asked.response_timeout == timedelta(hours=2)
    assert asked.assigned_users == [{"id": "ann", "name": "ann"}, {"id": "bob", "name": "bob"}]


LOST = Writes(database="xy-0146-qa-db", changes=(Change(table="comments", words="3 rows more", now=None),))


def discarding(target_writes: str, lost: Writes = LOST) -> Plan:
    environments = {
        "dev": {"platform": "platform-new"},
        "qa": {"platform": "platform-new", "from": "dev", "target_writes": target_writes},
    }
    return plan("qa", "new", facts(active=revision(), writes=lost), tenant=tenant(environments=environments))


def test_s09_a_person_is_asked_where_writes_would_be_lost_though_no_approval_is_configured(
    questions: list[Any],
) -> None:
    made = discarding("ask")
    assert "approve" not in made.left_out
    execute(operator(), made)
    [asked] = questions
    assert asked.subject == "Promote to xy-0146-qa, and discard what was written there?"
    assert asked.response_timeout == timedelta(hours=12)
    assert asked.assigned_users is None


@pytest.mark.parametrize(
    ("target_writes", "lost"), [("allow", LOST), ("ask", Writes(database="xy-0146-qa-db")), ("ask", None)]
)
def test_s09_nobody_is_asked_where_they_may_be_lost_or_nothing_is(
    questions: list[Any], target_writes: str, lost: Writes
) -> None:
    made = discarding(target_writes, lost)
    assert made.left_out["approve"] == "the environment asks for none"
    execute(operator(), made)
    assert questions == []


def test_a_rejection_fails_the_run_and_is_not_asked_again() -> None:
    asked = operator()
    assert asked.fail_on_reject is True
    assert asked.retries == 0
    assert asked.defaults is None, "no answer is a refusal, not a yes"
