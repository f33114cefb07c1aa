"""The stacks that stand are compared with what the configuration makes of them, and each keeps what it was made as."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from snaplift import naming
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.aws.steps import layers
from snaplift.promotion.pointer import DatabaseReference, Revision
from snaplift.stacks.database import SNAPSHOT_PARAMETER
from snaplift.stacks.outputs import NamespaceOutputs
from tests.unit.promotion.examples import NAMESPACE, before, revision
from tests.unit.stacks.examples import LISTENER, PLATFORM_OUTPUTS, PLATFORMS, TENANT

NAME = naming.Namespace.parse("xy-0146-qa")
MAKER, ROLLED_BACK_BY = "aaaaaaaa", "bbbbbbbb"


def after_a_rollback() -> Revision:
    """Another run's revision, on the database that an earlier run made."""
    made = revision(run=ROLLED_BACK_BY)
    assert made.database is not None
    database = DatabaseReference(**{**made.database.model_dump(), "run": MAKER})
    return made.model_copy(update={"database": database})


def database_of(monkeypatch: pytest.MonkeyPatch, active: Revision, tags: dict[str, str]) -> layers.Layer:
    """The database's layer, where its stack has these tags."""
    assert active.database is not None
    own = FoundStack("id", NAME.stack, "CREATE_COMPLETE", "", naming.tags("acme", NAME),
                     parameters={"ListenerArn": LISTENER, "Priority": "17"})  # fmt: skip
    stacks = {
        NAME.stack: own,
        active.database.name: FoundStack(
            "id",
            active.database.name,
            "CREATE_COMPLETE",
            "",
            tags,
            parameters={SNAPSHOT_PARAMETER: "xy-0146-dev-snapshot-1"},
        ),
    }
    aws: Any = SimpleNamespace(stacks=SimpleNamespace(find=stacks.get))
    monkeypatch.setattr(layers, "Aws", SimpleNamespace(at=lambda _: aws))
    monkeypatch.setattr(layers, "platform_outputs", lambda *_: PLATFORM_OUTPUTS)
    monkeypatch.setattr(layers, "look_before", lambda *_: (before(active), None))
    monkeypatch.setattr(NamespaceOutputs, "read", lambda *_: NAMESPACE)
    found = layers.layers_of_namespace(PLATFORMS, TENANT, "qa")
    [layer] = [each for each in found.stacks if each.wanted.name == active.database.name]
    return layer


def test_s54_after_a_rollback_a_database_keeps_the_run_that_made_it_also_where_no_tag_says_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = database_of(monkeypatch, after_a_rollback(), naming.tags("acme", NAME))
    assert layer.wanted.tags[naming.RUN_TAG] == MAKER
    assert f"/{MAKER}/" in str(layer.wanted.template)


def test_the_stacks_own_tag_says_which_run_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = database_of(monkeypatch, revision(run="cccccccc"), naming.tags("acme", NAME, run=MAKER))
    assert layer.wanted.tags[naming.RUN_TAG] == MAKER
