"""The DAGs of previews through Airflow itself: made by the one, taken away by the other when its time is up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from snaplift import naming
from snaplift.aws.steps.promotion import utc_now
from tests.integration.test_previews import SETTINGS, everything
from tests.support.dag_run import run_dag
from tests.support.installation import TENANT, Installation, write_configuration

pytestmark = pytest.mark.timeout(900)  # a command of Airflow's takes its time on a machine that others use too
NAME = naming.Namespace.parse(f"{TENANT}-pr9")


def test_a_preview_is_made_by_its_dag_and_taken_away_by_fleet_expire(
    installation: Installation, tmp_path: Path
) -> None:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")
    before = everything(installation)
    aws = installation.laptop.environment()
    config = write_configuration(tmp_path / "config", installation.platforms, previews={"like": "qa"})
    conf = {"name": "pr9", "environment": "qa", "release": "tested", "build": "next", "ttl": "2h"}
    log = run_dag(f"{TENANT}.preview", tmp_path / "make", config, aws, conf=conf)
    assert "state=success, run_type=manual" in log, log[-5000:]
    answer = replace(installation, tenant=SETTINGS.with_preview("pr9", "qa")).answer("pr9")
    assert answer is not None
    assert f"{TENANT}-pr9.localhost" in answer
    assert " next " in answer

    ssm = installation.client("ssm")
    past = naming.preview_tags("acme", NAME, "platform-nonprod", utc_now() - timedelta(hours=1))
    tags = [{"Key": key, "Value": value} for key, value in past.items()]
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=NAME.pointer, Tags=tags)
    log = run_dag("fleet.expire", tmp_path / "expire", config, aws)
    assert "state=success, run_type=manual" in log, log[-5000:]
    assert "new_state=deferred" in log
    assert everything(installation) == before
