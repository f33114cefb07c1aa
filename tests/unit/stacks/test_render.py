"""Every stack as YAML."""

from __future__ import annotations

import json

from cfn_flip import to_json  # type: ignore[import-untyped]  # it has no types

from snaplift.stacks.policy import orchestrator_policies
from snaplift.stacks.render import render
from tests.unit.stacks.examples import ACCOUNT, PLATFORMS, STACKS, TENANT, tenant

FILES = render(PLATFORMS, [TENANT, tenant("ab-0200")])


def test_each_stack_has_a_file() -> None:
    namespaces = [f"{name}-{stage}" for name in ("xy-0146", "ab-0200") for stage in ("dev", "qa", "prod")]
    assert set(FILES) == {
        *(f"{platform}.yaml" for platform in PLATFORMS.platforms),
        *(f"{namespace}{kind}.yaml" for namespace in namespaces for kind in ("", "-db", "-service")),
        "orchestrator-adoption.json",
        "orchestrator-data.json",
        "orchestrator-deployments.json",
    }


def test_a_file_is_the_template_that_would_be_sent() -> None:
    for name in ("platform-new", "platform-existing", "platform-plain"):
        assert json.loads(to_json(FILES[f"{name}.yaml"])) == STACKS[name].template
    assert json.loads(to_json(FILES["xy-0146-qa.yaml"])) == STACKS["namespace"].template
    assert json.loads(to_json(FILES["xy-0146-qa-service.yaml"])) == STACKS["service"].template


def test_a_database_has_the_shape_of_its_environment() -> None:
    assert "Engine: mariadb" in FILES["xy-0146-dev-db.yaml"]
    assert "DBSnapshotIdentifier" not in FILES["xy-0146-dev-db.yaml"]
    assert "DBSnapshotIdentifier" in FILES["xy-0146-qa-db.yaml"]
    assert "Engine:" not in FILES["xy-0146-qa-db.yaml"]


def test_the_header_says_what_is_given_beside_the_template() -> None:
    header = [line for line in FILES["xy-0146-qa-db.yaml"].splitlines() if line.startswith("#")]
    assert "#   KeyArn: <KeyArn of platform-new>" in header
    assert "#   SnapshotIdentifier: <the release's snapshot>" in header
    assert "#   snaplift:namespace: xy-0146-qa" in header
    assert any("Update:Replace" in line for line in header)
    assert "# Termination protection: on" in FILES["platform-new.yaml"].splitlines()


def test_values_of_other_stacks_are_placeholders_and_only_in_the_header() -> None:
    for name, text in FILES.items():
        body = [line for line in text.splitlines() if not line.startswith("#")]
        assert not [line for line in body if "<" in line], name
    assert "#   KeyArn: <KeyArn of platform-new>" in FILES["platform-plain.yaml"].splitlines()


def test_the_policies_are_there_for_every_account() -> None:
    for part, policy in orchestrator_policies(PLATFORMS, ACCOUNT).items():
        assert json.loads(FILES[f"orchestrator-{part}.json"]) == policy
    other = PLATFORMS.platforms["platform-existing"].model_copy(update={"account": "210987654321"})
    two = PLATFORMS.model_copy(update={"platforms": {**PLATFORMS.platforms, "platform-existing": other}})
    found = {name for name in render(two, []) if name.startswith("orchestrator")}
    parts = ("data", "deployments", "adoption")
    assert found == {f"orchestrator-{part}-{account}.json" for part in parts for account in (ACCOUNT, "210987654321")}
