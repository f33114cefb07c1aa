"""``snaplift lock``: who holds a lock is shown, and breaking it says what it does, does it, and says how it ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from snaplift.cli import app
from snaplift.cli.output import OUTPUT
from snaplift.promotion.plan import Plan
from tests.integration.test_recovery import begin
from tests.support.installation import TENANT, Installation
from tests.support.laptop import REPOSITORY

QA = f"{TENANT}-qa"


@pytest.fixture(scope="module")
def config(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with platforms.yaml and a tenant's file that nobody can read."""
    folder = tmp_path_factory.mktemp("config")
    text = yaml.safe_dump(installation.platforms.model_dump(mode="json", by_alias=True, exclude_none=True))
    (folder / "platforms.yaml").write_text(text)
    (folder / "tenants").mkdir()
    (folder / "tenants" / f"{TENANT}.yaml").write_text("tenant: [")
    return folder


@pytest.fixture(scope="module", autouse=True)
def qa_serves(installation: Installation) -> None:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


@pytest.fixture(autouse=True)
def wide_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is broken, whatever screen the tests' own output goes to."""
    monkeypatch.setattr(OUTPUT, "width", 300)


def run(config: Path, *arguments: str, typed: str = "") -> Result:
    quiet = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    return CliRunner(env=quiet).invoke(app, ["lock", *arguments, "--config", str(config)], input=typed)


def lines(result: Result) -> list[str]:
    """What a command says, without the log of the Airflow that the tests had imported before."""
    return [
        line for line in result.stdout.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT\S+Z \[(info|warning) ", line)
    ]


def test_no_lock_is_held(config: Path) -> None:
    assert lines(run(config, "show")) == ["no lock is held"]
    assert lines(run(config, "show", QA)) == [f"nobody holds the lock of {QA}"]
    broken = run(config, "break", QA)
    assert (broken.exit_code, lines(broken)) == (0, [f"nobody holds the lock of {QA}: there is nothing to break"])


def test_a_lock_is_shown_and_broken_and_everything_is_as_it_was(installation: Installation, config: Path) -> None:
    before = installation.standing("qa")
    assert before.service is not None
    assert before.pointer.active is not None
    driver = installation.driver("qa")
    candidate = begin(driver, "deploy")
    driver.note("confirm: it took too long")

    for shown in (run(config, "show"), run(config, "show", QA)):
        assert shown.exit_code == 0
        assert lines(shown)[0].split("  ")[0] == "namespace"
        for word in (QA, str(driver.run), "promoting", "confirm: it took too long"):
            assert word in lines(shown)[1]

    refused = run(config, "break", QA, typed="xy-0146-prod\n")
    assert (refused.exit_code, refused.stderr) == (1, "nothing was done\n")
    assert installation.lock_phase("qa") == "promoting"

    broken = run(config, "break", QA, typed=f"{QA}\n")
    assert broken.exit_code == 0, broken.output
    said = lines(broken)
    assert said[0].startswith(f"{QA} is locked by run {driver.run} since ")
    old = before.service[0].rpartition("/")[2]
    expected = [
        f"  - service {QA} goes back from {QA}:",
        f"  - /snaplift/{TENANT}/qa/pointer forgets its candidate",
        f"  - database {candidate.database} is deleted, after a final snapshot if visitors wrote to it",
        f"  - the lock of {QA} is given back",
    ]
    announced = [line for line in said if line.startswith("  - ")]
    assert [line[: len(wanted)] for line, wanted in zip(announced, expected, strict=True)] == expected
    assert announced[0].endswith(f" to {old}")
    assert said[-2] == (f"aborted, {QA} still serves {before.pointer.active.release}. Why: confirm: it took too long")
    assert said[-1] == f"the lock of {QA} is free"
    assert installation.standing("qa") == before


def test_a_lock_of_a_release_that_is_active_is_given_back_and_the_release_stays(
    installation: Installation, config: Path
) -> None:
    driver = installation.driver("qa")
    candidate: Plan = begin(driver, "activate")
    driver.step("retire")
    before = installation.standing("qa")
    broken = run(config, "break", QA, "--yes")
    assert broken.exit_code == 0, broken.output
    assert lines(broken)[-3:] == [
        f"  - the lock of {QA} is given back, for release {candidate.release} is active already",
        f"release {candidate.release} stays active",
        f"the lock of {QA} is free",
    ]
    after = installation.standing("qa")
    assert (after.pointer, after.service, after.databases) == (before.pointer, before.service, before.databases)


def test_what_could_not_be_put_back_is_said_with_what_is_left_and_it_ends_with_1(
    installation: Installation, config: Path
) -> None:
    before = installation.standing("qa")
    rds = installation.client("rds")
    candidate = begin(installation.driver("qa"), "database")
    rds.modify_db_instance(DBInstanceIdentifier=candidate.database, DeletionProtection=True)
    failed = run(config, "break", QA, "--yes")
    assert failed.exit_code == 1
    assert f"instance {candidate.database} is protected from deletion" in failed.stderr
    assert f"database {candidate.database} is deleted, after a final snapshot if visitors wrote to it" in failed.stderr
    assert candidate.database in installation.standing("qa").databases
    rds.modify_db_instance(DBInstanceIdentifier=candidate.database, DeletionProtection=False)
    assert run(config, "break", QA, "--yes").exit_code == 0
    assert installation.standing("qa") == before


def test_another_installations_lock_is_not_broken(installation: Installation, config: Path, tmp_path: Path) -> None:
    driver = installation.driver("qa")
    begin(driver)
    text = (
        (config / "platforms.yaml")
        .read_text()
        .replace(f"installation: {driver.run.installation}", "installation: other")
    )
    (tmp_path / "platforms.yaml").write_text(text)
    refused = run(tmp_path, "break", QA, "--yes")
    assert refused.exit_code == 1
    assert f"of installation {driver.run.installation}, not other: break it from there" in refused.stderr
    assert installation.lock_phase("qa") == "promoting"
    assert run(config, "break", QA, "--yes").exit_code == 0


def test_a_name_that_is_no_namespace_is_said(config: Path) -> None:
    refused = run(config, "show", "qa")
    assert (refused.exit_code, refused.stderr.partition(":")[0]) == (1, "'qa' is no namespace")


def test_it_needs_no_running_airflow_and_says_nothing_else(config: Path, tmp_path: Path) -> None:
    """As a person has it: a process of its own, whose Airflow has no database."""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "SNAPLIFT_CONFIG": str(config)}
    shown = subprocess.run(
        [sys.executable, "-m", "snaplift", "lock", "show"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stdout) == (0, "no lock is held\n"), shown.stderr
