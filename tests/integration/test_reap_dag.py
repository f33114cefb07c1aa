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


def test_what_was_marked_goes_and_the_report_says_so(installation: Installation, tmp_path: Path) -> None:
    retention = {"grace": "0s", "snapshots": 30, "final_snapshots": 30}
    client, tags = installation.client("secretsmanager"), naming.tags("acme", QA, release=OLD, run="0a1b2c3d")
    names = [f"{QA.application_secret(OLD, f'{number:08x}')}/{STACK}" for number in range(2)]
    for name in names:
        client.create_secret(
            Name=name, SecretString="{}", Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )
    of = Fleet(platforms=installation.platforms, tenants={TENANT: tenant(retention=retention)})
    reap.mark(of, *reap.find(of, lambda: datetime.now(UTC) - timedelta(hours=1)))
    config = write_configuration(tmp_path / "config", installation.platforms, retention=retention)
    log = run_dag("fleet.reap", tmp_path / "airflow", config, installation.laptop.environment())
    assert "**Goes now** (2)" in log
    for name in names:
        assert f"gone: secret {name}" in log
        assert "DeletedDate" in client.describe_secret(SecretId=name)
    assert log.count("state=success, run_type=manual") == 1
