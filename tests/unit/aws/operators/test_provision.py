"""<tenant>.provision makes one environment's stack and pointer; with the first one's those of the others too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from snaplift.aws.errors import StepFailed
from snaplift.aws.operators.provision import NamespaceOperator
from snaplift.aws.steps.promotion import Done
from snaplift.promotion.wait import Wait

WAIT = Wait(connection="", region="eu-central-1", kind="stack", name="x", done=("CREATE_COMPLETE",), timeout=60)


def provision(monkeypatch: pytest.MonkeyPatch, root: Path, outcomes: dict[str, Any], **params: Any) -> Any:
    """Run the task. Returns what it says and the environments that were made, in their order."""
    made: list[str] = []

    def provision_namespace(_: Any, __: Any, environment: str, ___: Any) -> Any:
        made.append(environment)
        outcome = outcomes.get(environment, Done({"stack": f"id-{environment}"}))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr("snaplift.aws.steps.provision.provision_namespace", provision_namespace)
    operator = NamespaceOperator(task_id="namespace", tenant="xy-0146", configuration=str(root))
    context: Any = {"run_id": "manual__1", "params": {"environment": "dev", "others": True, **params}}
    return operator.execute(context), made


def test_the_first_environments_run_makes_all_of_them(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    said, made = provision(monkeypatch, root, {})
    assert made == ["dev", "qa", "prod"]
    assert said == {"stack": "id-dev", "others": ["qa", "prod"]}


@pytest.mark.parametrize("params", [{"others": False}, {"environment": "qa"}])
def test_otherwise_one_is_made_alone(monkeypatch: pytest.MonkeyPatch, root: Path, params: dict[str, Any]) -> None:
    wanted = params.get("environment", "dev")
    assert provision(monkeypatch, root, {}, **params) == ({"stack": f"id-{wanted}"}, [wanted])


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_each_is_waited_for(monkeypatch: pytest.MonkeyPatch, root: Path, environment: str) -> None:
    with pytest.raises(TaskDeferred):
        provision(monkeypatch, root, {environment: WAIT})


def test_what_keeps_another_from_being_made_is_said_with_the_way_around(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    with pytest.raises(AirflowFailException, match=r"platform-prod does not stand.*xy-0146-prod: .* 'others' off"):
        provision(monkeypatch, root, {"prod": StepFailed("platform-prod does not stand")})
