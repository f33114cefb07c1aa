"""``<tenant>.change`` through Airflow itself: it shows and forgets, or locks, applies and ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.dag_run import run_dag
from tests.support.installation import TENANT, Installation, write_configuration

pytestmark = pytest.mark.timeout(900)  # a command of Airflow's takes its time on a machine that others use too

# As after a person's yes.
_AGREED = f"""\
import os
from pathlib import Path
from airflow.sdk import DAG, BaseOperator
from snaplift.config.loading import load_platforms, load_tenant_named
from snaplift.pipelines import change

class Agreed(BaseOperator):
    def __init__(self, tenant, configuration, **kwargs):
        super().__init__(**kwargs)

    def execute(self, context):
        return None

change.ApproveChangesOperator = Agreed
root = os.environ["SNAPLIFT_CONFIG"]
tenant = load_tenant_named(Path(root), "{TENANT}", load_platforms(Path(root)))
dag = change.change_dag("{TENANT}", tenant, root)
"""


@pytest.fixture(scope="module")
def installation(fresh_installation: Installation) -> Installation:
    return fresh_installation


def interval(installation: Installation) -> int:
    groups = installation.client("elbv2").describe_target_groups()["TargetGroups"]
    arn = next(
        output["OutputValue"]
        for output in installation.client("cloudformation").describe_stacks(StackName=f"{TENANT}-dev")["Stacks"][0][
            "Outputs"
        ]
        if output["OutputKey"] == "TargetGroupArn"
    )
    return next(int(group["HealthCheckIntervalSeconds"]) for group in groups if group["TargetGroupArn"] == arn)


def test_it_shows_first_and_applies_what_was_agreed_to(installation: Installation, tmp_path: Path) -> None:
    before, asked_every = installation.standing("dev"), interval(installation)
    service = installation.tenant.model_dump(mode="json", by_alias=True, exclude_none=True)["service"]
    service["health_check"]["interval"] = f"{asked_every + 4}s"
    folder = write_configuration(tmp_path / "config", installation.platforms, service=service)
    aws = installation.laptop.environment()

    log = run_dag(f"{TENANT}.change", tmp_path / "shown", folder, aws)
    assert "Modify  TargetGroup (AWS::ElasticLoadBalancingV2::TargetGroup)" in log
    assert log.count("state=success, run_type=manual") == 1, log[-3000:]
    assert interval(installation) == asked_every
    summaries = installation.client("cloudformation").list_change_sets(StackName=f"{TENANT}-dev")["Summaries"]
    assert [each for each in summaries if each["ExecutionStatus"] == "AVAILABLE"] == []

    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "agreed.py").write_text(_AGREED)
    log = run_dag(f"{TENANT}.change", tmp_path / "applied", folder, aws, dags=tmp_path / "dags")
    assert log.count("state=success, run_type=manual") == 1, log[-3000:]
    assert interval(installation) == asked_every + 4
    after = installation.standing("dev")
    assert (after.pointer, after.service, after.databases) == (before.pointer, before.service, before.databases)
    assert not after.locked
