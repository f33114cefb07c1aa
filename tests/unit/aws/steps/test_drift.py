"""A namespace whose stacks cannot be read is told, and keeps no other from being compared."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.aws.steps import drift
from snaplift.aws.steps.layers import Layer, Layers
from snaplift.config.loading import load_configuration
from snaplift.promotion.drift import Deviation
from snaplift.promotion.estate import SeenPointer, Thing
from snaplift.promotion.plan import Place
from snaplift.promotion.pointer import Pointer
from snaplift.stacks.stack import Stack
from tests.unit.promotion import surveys

QA, PROD = (naming.Namespace.parse(f"xy-0146-{name}") for name in ("qa", "prod"))
WANTED = Stack(name="xy-0146-qa", template={"Resources": {}}, parameters={"Priority": "2"}, tags={})


def found_stack(status: str = "UPDATE_COMPLETE") -> FoundStack:
    return FoundStack(
        id="arn:stack", name="xy-0146-qa", status=status, reason="", tags={}, outputs={}, parameters={"Priority": "1"}
    )


def find(monkeypatch: pytest.MonkeyPatch, root: Path, status: str = "UPDATE_COMPLETE", **seen: Any) -> list[Deviation]:
    """What is found where prod cannot be read, and qa's host rule has another priority."""
    configuration = load_configuration(root)
    place = Place.of("platform-nonprod", configuration.platforms.platforms["platform-nonprod"])

    def layers(_: Any, __: Any, environment: str) -> Layers:
        if environment == "prod":
            raise StepFailed("throttled")
        return Layers("xy-0146-qa", place, [Layer(WANTED, found_stack(status))])

    things = [
        Thing(kind="stack", name=name.stack, arn="arn:stack", state="UPDATE_COMPLETE", tags=naming.tags("acme", name))
        for name in (QA, PROD)
    ]
    pointers = [SeenPointer(namespace=str(name), version=1, pointer=Pointer()) for name in (QA, PROD)]
    places = [Place.of(name, each) for name, each in configuration.platforms.platforms.items()]
    given = {"things": tuple(things), "pointers": tuple(pointers), "places": tuple(places), "services": (), **seen}
    change_sets = SimpleNamespace(template=lambda _: {"Resources": {}})
    monkeypatch.setattr(drift, "Aws", SimpleNamespace(at=lambda _: SimpleNamespace(change_sets=change_sets)))
    monkeypatch.setattr(drift, "layers_of_namespace", layers)
    monkeypatch.setattr(drift, "survey", lambda _: (surveys.survey(**given),))
    return drift.find_drift(root)


def test_a_namespace_that_cannot_be_read_is_told_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    told = {each.namespace: each for each in find(monkeypatch, root)}
    assert "otherwise: Priority: 1 → 2" in told["xy-0146-qa"].found
    assert (told["xy-0146-prod"].thing, told["xy-0146-prod"].found) == ("stacks of xy-0146-prod", "throttled")


def test_a_stack_that_is_at_work_or_failed_is_compared_with_nothing(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    assert [each.namespace for each in find(monkeypatch, root, "UPDATE_IN_PROGRESS")] == ["xy-0146-prod"]


def test_what_was_never_provisioned_is_not_compared(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    assert find(monkeypatch, root, things=(), pointers=()) == []
