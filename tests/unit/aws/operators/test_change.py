"""A person is asked before a change is made, and nobody where nothing is to be made."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from snaplift.aws.operators.change import ApproveChangesOperator, LockChangeOperator, ShowChangesOperator
from snaplift.aws.steps import change as step
from snaplift.aws.steps import layers
from snaplift.aws.steps.change import Shown
from snaplift.promotion.changes import Change
from tests.unit.config.conftest import PLATFORMS, TENANT
from tests.unit.promotion.examples import RUN, before, revision
from tests.unit.promotion.test_changes import PLACE, TOLD


class Task:
    def __init__(self, change: Change) -> None:
        self.change = change
        self.pushed: dict[str, str] = {}

    def xcom_pull(self, task_ids: str) -> Any:
        assert task_ids == "show"
        return {"change": self.change.model_dump(mode="json", by_alias=True), "stack": "arn:stack"}

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value


def change(*stacks: Any, platform: bool = False) -> Change:
    found = None if platform else before(revision())
    return Change(run=RUN, name="platform-new" if platform else "xy-0146-qa", place=PLACE, stacks=stacks, before=found)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "platforms.yaml").write_text(PLATFORMS)
    (tmp_path / "tenants" / "xy-0146.yaml").write_text(TENANT)
    return tmp_path


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[ApprovalOperator]:
    """Whoever would have asked a person."""
    asking: list[ApprovalOperator] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, _: asking.append(self))
    return asking


def approve(root: Path, made: Change, changes: str) -> None:
    tenant = "" if made.before is None else "xy-0146"
    with DAG("xy-0146.change", default_args={"retries": 3, "retry_delay": timedelta(seconds=5)}):
        asked = ApproveChangesOperator(task_id="approve", tenant=tenant, configuration=str(root))
    params = {"changes": changes, **({"environment": "qa"} if tenant else {"platform": "platform-new"})}
    context: Any = {"ti": Task(made), "params": params}
    asked.execute(context)


def test_showing_asks_nobody_and_ends_there(root: Path, questions: list[Any]) -> None:
    with pytest.raises(AirflowSkipException, match="start it with 'apply'"):
        approve(root, change(TOLD), "show")
    assert questions == []


def test_where_nothing_differs_nobody_is_asked(root: Path, questions: list[Any]) -> None:
    with pytest.raises(AirflowSkipException, match="everything is as the configuration says"):
        approve(root, change(), "apply")
    assert questions == []


@pytest.mark.parametrize("platform", [True, False])
def test_whoever_applies_is_asked_also_where_no_approval_is_set(
    root: Path, questions: list[Any], platform: bool
) -> None:
    approve(root, change(TOLD, platform=platform), "apply")
    [asked] = questions
    assert asked.subject == "Change xy-0146-qa?"
    assert asked.assigned_users is None
    assert asked.response_timeout == timedelta(hours=12)
    assert asked.retries == 0


def test_the_environments_approval_says_who_and_how_long(root: Path, questions: list[Any]) -> None:
    path = root / "tenants" / "xy-0146.yaml"
    path.write_text(
        path.read_text().replace("    from: dev\n", "    from: dev\n    approval: {timeout: 2h, users: [ann]}\n", 1)
    )
    approve(root, change(TOLD), "apply")
    assert questions[0].assigned_users == [{"id": "ann", "name": "ann"}]
    assert questions[0].response_timeout == timedelta(hours=2)


def show(monkeypatch: pytest.MonkeyPatch, root: Path, reasons: list[str]) -> tuple[Task, Any]:
    found = layers.Layers("xy-0146-qa", PLACE, [])
    monkeypatch.setattr(layers, "layers_of_namespace", lambda *_: found)
    monkeypatch.setattr(step, "show", lambda *_: Shown(change(TOLD), reasons))
    with DAG("xy-0146.change"):
        operator = ShowChangesOperator(task_id="show", tenant="xy-0146", configuration=str(root))
    task = Task(change(TOLD))
    context: Any = {"ti": task, "params": {"environment": "qa"}, "run_id": "manual__1"}
    return task, lambda: operator.execute(context)


def test_what_is_shown_is_what_the_lock_takes(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    task, execute = show(monkeypatch, root, [])
    assert Change.model_validate(execute()["change"]) == change(TOLD)
    assert "| Modify | Instance |" in task.pushed["summary"]


def test_what_is_refused_is_shown_all_the_same_and_fails(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    task, execute = show(monkeypatch, root, ["Instance would be replaced"])
    with pytest.raises(AirflowFailException, match=r"refused: Instance would be replaced\. Nothing was changed"):
        execute()
    assert "**Refused:**\n\n- Instance would be replaced" in task.pushed["summary"]


def test_a_platform_is_locked_by_its_own_name(root: Path) -> None:
    with DAG("platform.change"):
        operator = LockChangeOperator(task_id="lock", tenant="", configuration=str(root))
    context: Any = {"params": {"platform": "platform-new"}}
    assert operator.namespace(context) == "platform-new"
