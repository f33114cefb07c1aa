"""fleet.reap through Airflow itself: what it passes on, that one failure stops nothing else, and how it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snaplift import naming
from snaplift.aws.steps import reap
from snaplift.promotion.reaping import Fleet
from tests.support.dag_run import run_dag
from tests.support.installation import TENANT, Installation, tenant, write_configuration

QA = naming.Namespace.parse(f"{TENANT}-qa")
OLD = naming.Release("20200101t000000z")
STACK = "11111111-2222-3333-4444-555555555555"
pytestmark = pytest.mark.timeout(900)  # a command of Airflow's takes its time on a machine that others use too


@pytest.fixture(scope="module")
def installation(fresh_installation: Installation) -> Installation:
    return fresh_installation


def leave_secrets(installation: Installation, config: Path, first: int) -> list[str]:
    """Two that nothing has referred to for an hour, and a configuration that gives no grace."""
    retention = {"grace": "0s", "snapshots": 30, "final_snapshots": 30}
    tags = naming.tags("acme", QA, release=OLD, run="0a1b2c3d")
    names = [f"{QA.application_secret(OLD, f'{number:08x}')}/{STACK}" for number in (first, first + 1)]
    for name in names:
        installation.client("secretsmanager").create_secret(
            Name=name, SecretString="{}", Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )
    of = Fleet(platforms=installation.platforms, tenants={TENANT: tenant(retention=retention)})
    reap.mark(of, *reap.find(of, lambda: datetime.now(UTC) - timedelta(hours=1)))
    write_configuration(config, installation.platforms, retention=retention)
    return names


def gone(installation: Installation, names: list[str]) -> list[str]:
    client = installation.client("secretsmanager")
    return [name for name in names if "DeletedDate" in client.describe_secret(SecretId=name)]


def test_what_was_marked_goes_and_the_report_says_so(installation: Installation, tmp_path: Path) -> None:
    config = tmp_path / "config"
    names = leave_secrets(installation, config, 0)
    log = run_dag("fleet.reap", tmp_path / "airflow", config, installation.laptop.environment())
    assert "**Goes now** (2)" in log
    assert gone(installation, names) == names
    for name in names:
        assert f"gone: secret {name}" in log
    assert log.count("state=success, run_type=manual") == 1


def test_one_that_cannot_be_taken_away_stops_no_other_and_makes_the_run_red(
    installation: Installation, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    names = leave_secrets(installation, config, 2)
    denied = {"action": "deny", "service": "secretsmanager", "operation": "DeleteSecret", "nth": 1, "times": 1}
    installation.laptop.set_faults(denied)
    try:
        log = run_dag("fleet.reap", tmp_path / "airflow", config, installation.laptop.environment())
    finally:
        installation.laptop.set_faults()
    [went] = gone(installation, names)
    [stays] = set(names) - {went}
    assert f"gone: secret {went}" in log
    assert f"1 of 2 things could not be taken away: secret {stays}. See the red tasks of 'reap'" in " ".join(
        log.split()
    )
    assert log.count("state=failed, run_type=manual") == 1
    assert "state=success, run_type=manual" not in log
