"""The tasks of previews and of offboarding: what they ask the steps for, and what they do when those fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from snaplift.aws.errors import StepFailed
from snaplift.aws.operators.offboard import ApproveRemovalOperator, FindOffboardedOperator, OffboardOperator
from snaplift.aws.operators.previews import (
    ExpireOperator,
    FindExpiredOperator,
    PlanPreviewOperator,
    PreviewNamespaceOperator,
    RemovePreviewOperator,
)
from snaplift.aws.steps.offboard import Target
from snaplift.aws.steps.previews import Lead
from snaplift.aws.steps.promotion import Done
from tests.unit.config.conftest import PLATFORMS, TENANT
from tests.unit.promotion.examples import plan

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LEAD = Lead(platform="platform-nonprod", namespace="xy-0146-pr42", why="its time was up")
SHOWN = {"namespaces": [Target(namespace="xy-0146-qa", platform="platform-nonprod").model_dump()]}
YES = {"chosen_options": ["Approve"]}


class Task:
    """The task instance: its XComs."""

    def __init__(self, **xcoms: Any) -> None:
        self.xcoms = xcoms

    def xcom_pull(self, task_ids: str, key: str = "") -> Any:
        return self.xcoms.get(task_ids)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


def context(ti: Task | None = None, **params: Any) -> Any:
    given = {"name": "pr42", "environment": "qa", "release": "tested", "build": "", "ttl": "", **params}
    run = type("Run", (), {"run_after": NOW})
    return {"run_id": "manual__1", "ti": ti or Task(), "params": given, "dag_run": run}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "platforms.yaml").write_text(PLATFORMS)
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "xy-0146.yaml").write_text(f"{TENANT}previews:\n  like: qa\n")
    monkeypatch.setattr("snaplift.aws.operators.metadata.this_airflow", lambda: "this-airflow")
    return {"configuration": str(tmp_path)}


OF_TENANT: dict[str, Any] = {"tenant": "xy-0146", "named_by": "name"}


@pytest.mark.parametrize(("release", "shown"), [("tested", "prod"), ("20261123t020000z", "prod"), ("new", "dev")])
def test_a_preview_shows_what_is_asked_for_and_new_data_come_from_where_they_are_authored(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, release: str, shown: str
) -> None:
    seen: list[Any] = []

    def make_plan(request: Any, run: Any, platforms: Any, tenant: Any) -> Any:
        seen.append((request.environment, request.release, tenant.environments["pr42"].promoted_from))
        return plan()

    monkeypatch.setattr("snaplift.aws.steps.plan.make_plan", make_plan)
    PlanPreviewOperator(task_id="plan", **OF_TENANT, **given).execute(context(environment="prod", release=release))
    assert seen == [("pr42", release, shown)]


@pytest.mark.parametrize(("asked", "ttl"), [("", timedelta(days=3)), ("5h", timedelta(hours=5))])
def test_its_namespace_is_made_with_its_time(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, asked: str, ttl: timedelta
) -> None:
    seen: list[Any] = []

    def provision(platforms: Any, tenant: Any, name: str, found: timedelta, run: Any) -> Done:
        seen.append((name, name in tenant.environments, found))
        return Done({"stack": "id"})

    monkeypatch.setattr("snaplift.aws.steps.previews.provision_preview", provision)
    PreviewNamespaceOperator(task_id="namespace", **OF_TENANT, **given).execute(context(ttl=asked))
    assert seen == [("pr42", True, ttl)]


def test_s49_a_preview_that_cannot_be_is_said_once(given: dict[str, Any]) -> None:
    for operator in (PreviewNamespaceOperator, PlanPreviewOperator):
        with pytest.raises(AirflowFailException, match="'prod' is no preview"):
            operator(task_id="x", **OF_TENANT, **given).execute(context(name="prod"))


def test_what_is_expired_is_a_list_to_map_over(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snaplift.aws.steps.previews.find_expired", lambda _: [LEAD])
    found = FindExpiredOperator(task_id="find", **given).execute(context())
    assert [Lead.model_validate(each) for each in found] == [LEAD]


def removals(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "snaplift.aws.steps.previews.remove_preview": RemovePreviewOperator(
            task_id="dismantle", tenant="xy-0146", named_by="name", **given
        ),
        "snaplift.aws.steps.previews.remove_expired": ExpireOperator(
            task_id="dismantle", preview=LEAD.model_dump(), **given
        ),
        "snaplift.aws.steps.offboard.advance": OffboardOperator(task_id="dismantle", **given),
    }


@pytest.mark.parametrize("step", sorted(removals({"configuration": ""})))
@pytest.mark.parametrize(
    ("error", "given_back"), [(StepFailed("stays"), True), (ConnectionError("passes"), False), (KeyError("odd"), False)]
)
def test_an_error_that_stays_gives_the_lock_back_and_one_that_is_tried_again_does_not(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, *, given_back: bool
) -> None:
    back: list[str] = []

    def fails(*_: Any) -> Done:
        raise error

    monkeypatch.setattr(step, fails)
    monkeypatch.setattr("snaplift.aws.steps.dismantle.give_back", lambda _, namespace, __: back.append(namespace))
    with pytest.raises((AirflowFailException, ConnectionError, KeyError)):
        removals(given)[step].execute(context(Task(approve=YES, find=SHOWN)))
    wanted = "xy-0146-qa" if "offboard" in step else "xy-0146-pr42"
    assert back == ([wanted] if given_back else [])


@pytest.mark.parametrize("step", sorted(removals({"configuration": ""})))
@pytest.mark.parametrize("told", [True, False])
def test_what_is_gone_is_in_no_inventory_and_what_cannot_be_told_fails_nothing(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, step: str, *, told: bool
) -> None:
    gone: list[str] = []

    def delete(key: str) -> None:
        gone.append(key)
        if not told:
            raise ConnectionError("the API server is away")

    monkeypatch.setattr(step, lambda *_: Done({"dismantled": "it"}))
    monkeypatch.setattr("snaplift.aws.operators.inventory.Variable.delete", delete)
    result = removals(given)[step].execute(context(Task(approve=YES, find=SHOWN)))
    assert result == {"dismantled": "it"}
    assert gone == [f"snaplift_inventory_{'xy-0146-qa' if 'offboard' in step else 'xy-0146-pr42'}"]


def test_s50_offboarding_takes_nothing_that_nobody_approved(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snaplift.aws.steps.offboard.advance", lambda *_: pytest.fail("it was begun"))
    monkeypatch.setattr("snaplift.aws.steps.dismantle.give_back", lambda *_: None)
    with pytest.raises(AirflowFailException, match="nobody has approved this"):
        OffboardOperator(task_id="dismantle", **given).execute(context(Task(find=SHOWN)))


def test_s51_offboarding_takes_what_was_shown_and_no_more(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def advance(_: Any, targets: list[Target], *__: Any) -> Done:
        seen.extend(targets)
        return Done({"kept": []})

    monkeypatch.setattr("snaplift.aws.steps.offboard.advance", advance)
    OffboardOperator(task_id="dismantle", **given).execute(context(Task(approve=YES, find=SHOWN)))
    assert [target.namespace for target in seen] == ["xy-0146-qa"]


def test_a_name_that_was_not_typed_again_ends_it_before_anything_is_looked_at(given: dict[str, Any]) -> None:
    asked = context(tenant="xy-0146", environment="all", confirm="xy-0147")
    with pytest.raises(AirflowFailException, match="'xy-0147' was typed to confirm, not 'xy-0146'"):
        FindOffboardedOperator(task_id="find", **given).execute(asked)


@pytest.mark.parametrize("users", [[], ["ann"]])
def test_who_may_approve_in_the_environments_that_go_is_asked(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, users: list[str]
) -> None:
    path = Path(given["configuration"]) / "tenants" / "xy-0146.yaml"
    said = f"    from: dev\n    approval: {{timeout: 2h, users: [{', '.join(users)}]}}\n"
    path.write_text(path.read_text().replace("    from: dev\n", said, 1))
    asked: list[ApprovalOperator] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, _: asked.append(self))
    with DAG("fleet.offboard"):
        operator = ApproveRemovalOperator(task_id="approve", **given)
    operator.execute(context(Task(find=SHOWN), tenant="xy-0146", environment="all"))
    [found] = asked
    assert found.assigned_users == ([{"id": user, "name": user} for user in users] or None)
    assert found.response_timeout == timedelta(hours=2)
