"""fleet.recover through Airflow itself: what it asks Airflow, what it maps over, and that it waits deferred."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from snaplift.aws.operators.metadata import AIRFLOW
from snaplift.aws.steps import lock
from snaplift.aws.steps.finish import Aborted
from tests.support.dag_run import run_dag
from tests.support.installation import TENANT, Installation
from tests.unit.promotion import examples

BARE = f"{TENANT}-bare"
pytestmark = pytest.mark.timeout(900)  # a command of Airflow's takes its time on a machine that others use too


@pytest.fixture(scope="module")
def config(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """platforms.yaml, and a tenant's file that nobody can read."""
    folder = tmp_path_factory.mktemp("config")
    text = yaml.safe_dump(installation.platforms.model_dump(mode="json", by_alias=True, exclude_none=True))
    (folder / "platforms.yaml").write_text(text)
    (folder / "tenants").mkdir()
    (folder / "tenants" / f"{TENANT}.yaml").write_text("tenant: [")
    return folder


def test_s48_another_airflows_lock_is_left_alone_and_a_run_that_this_one_no_longer_has_is_undone(
    installation: Installation, config: Path, tmp_path: Path
) -> None:
    before = installation.standing("bare")
    driver, elsewhere = installation.driver("bare"), installation.driver("qa")
    lock.advance(elsewhere.plan("new"), airflow="another-airflow")
    lock.advance(driver.plan("new"), airflow="this-airflow")
    driver.step("snapshot")
    driver.step("database")

    aws = installation.laptop.environment()
    log = run_dag("fleet.recover", tmp_path / "airflow", config, aws, variables={AIRFLOW: "this-airflow"})
    assert "left alone, its run is in another Airflow, or in one whose database was lost; its lease lasts until" in log
    assert installation.lock_phase("qa") == "promoting"
    with pytest.raises(Aborted):
        elsewhere.finish()
    assert f"{BARE} is locked by run {driver.run} since " in log
    assert f"its run no longer exists; aborted, nothing is active in {BARE}, as before." in log
    assert "new_state=deferred" in log
    assert log.count("state=success, run_type=manual") == 1
    assert installation.standing("bare") == before


_ASKING = """\
from airflow.sdk import DAG, BaseOperator
from snaplift.aws.operators.metadata import asking, this_airflow
from snaplift.promotion.lock import Lock

class Ask(BaseOperator):
    def execute(self, context):
        lock = Lock.model_validate_json({lock!r})
        record = lock.record
        for run_id in (context["run_id"], "another"):
            run = record.plan.run.model_copy(update={{"dag_id": self.dag_id, "run_id": run_id}})
            changed = record.model_copy(update={{"plan": record.plan.model_copy(update={{"run": run}})}})
            of = lock.model_copy(update={{"airflow": this_airflow(), "kept": changed}})
            print("ASKED", run_id == "another", asking(context["ti"], lambda: ["xy-0146"])(of).model_dump_json())

with DAG("asking"):
    Ask(task_id="ask") >> BaseOperator(task_id="finish")
"""


def test_s17_airflow_says_that_a_run_goes_on_and_that_another_is_not_there(
    installation: Installation, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "asking.py").write_text(_ASKING.format(lock=examples.lock().model_dump_json(by_alias=True)))
    log = run_dag("asking", tmp_path / "airflow", config, installation.laptop.environment(), dags=tmp_path / "dags")
    [this, another] = [line.partition("ASKED ")[2].split(" ")[:2] for line in log.splitlines() if "ASKED " in line]
    assert this == ["False", '{"run":"running","finish":null,"paused":true,"stale":false}']
    assert another == ["True", '{"run":null,"finish":null,"paused":false,"stale":false}']
