"""The inventory and drift, of what really stands; a promotion keeps its own part; the command prints it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from snaplift.aws.steps.drift import find_drift
from snaplift.aws.steps.inventory import collect, look
from snaplift.cli.app import app
from snaplift.cli.output import OUTPUT
from snaplift.promotion.inventory import Holding
from tests.support.installation import TENANT, Installation, write_configuration

QA = f"{TENANT}-qa"


@pytest.fixture(scope="module")
def configuration(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")
    return write_configuration(tmp_path_factory.mktemp("configuration"), installation.platforms)


def of_qa(found: list[Holding]) -> Holding:
    [holding] = [each for each in found if each.namespace == QA]
    return holding


def test_it_has_what_stands_with_what_the_pointer_says_of_it(installation: Installation, configuration: Path) -> None:
    found = of_qa(collect(configuration))
    pointer, _ = installation.pointer("qa")
    assert pointer.active is not None
    assert pointer.active.database is not None
    assert found.pointer == pointer
    assert found.service is not None
    assert found.service.revision == pointer.active.task_definition
    roles = {each.resource_id: each.role for each in found.databases}
    assert roles[pointer.active.database.resource_id] == "active"


def test_a_promotions_own_look_says_the_same(installation: Installation, configuration: Path) -> None:
    plan = installation.driver("qa").plan("new")
    own, whole = look(plan), of_qa(collect(configuration))
    assert own.model_copy(update={"as_of": whole.as_of}) == whole


def test_nothing_has_drifted_until_somebody_changes_something_by_hand(
    installation: Installation, configuration: Path
) -> None:
    assert [str(each) for each in find_drift(configuration) if each.namespace == QA] == []
    active = installation.pointer("qa")[0].active
    assert active is not None
    assert active.database is not None
    rds, name = installation.client("rds"), active.database.name
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    try:
        [found] = [each for each in find_drift(configuration) if each.namespace == QA]
    finally:
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=True, ApplyImmediately=True)
    assert (found.expected, found.found) == ("deletion protection", "none")
    assert name in found.mend


def test_what_the_file_says_otherwise_than_a_stack_is_told_with_the_dag_that_mends_it(
    installation: Installation, tmp_path: Path
) -> None:
    service = installation.tenant.model_dump(mode="json", by_alias=True, exclude_none=True)["service"]
    service["health_check"]["interval"] = "9s"
    changed = write_configuration(tmp_path / "changed", installation.platforms, service=service)
    [found] = [each for each in find_drift(changed) if each.namespace == QA]
    assert (found.thing, found.expected) == (f"stack {QA}", "as the configuration says")
    assert f"Run {TENANT}.change for qa" in found.mend


def test_s14_a_listing_that_is_refused_makes_neither(installation: Installation, configuration: Path) -> None:
    laptop = installation.laptop
    laptop.set_faults({"action": "deny", "service": "rds", "operation": "DescribeDBInstances", "times": 1000})
    try:
        for read in (collect, find_drift):
            with pytest.raises(Exception, match="AccessDenied"):
                read(configuration)
    finally:
        laptop.set_faults()


def test_the_command_prints_it(
    installation: Installation, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OUTPUT, "width", 400)
    runner = CliRunner()
    told = runner.invoke(app, ["status", TENANT, "--config", str(configuration)])
    active = installation.pointer("qa")[0].active
    assert active is not None
    assert told.exit_code == 0, told.output
    assert QA in told.output
    assert str(active.release) in told.output
    printed = runner.invoke(app, ["status", QA, "--json", "--config", str(configuration)]).stdout
    lines = [line for line in printed.splitlines() if line.startswith("{")]  # Airflow, imported before, logs here too
    [holding] = [Holding.model_validate(json.loads(line)) for line in lines]
    assert holding.pointer == installation.pointer("qa")[0]


def test_the_command_says_when_there_is_nothing_of_that_name(configuration: Path) -> None:
    told = CliRunner().invoke(app, ["status", "zz-9999", "--config", str(configuration)])
    assert told.exit_code == 1
    assert "nothing stands of zz-9999" in told.output
