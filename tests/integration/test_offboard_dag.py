"""fleet.offboard through Airflow's own processes: it finds, asks those who may say yes, and takes what was shown."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local.airflow import server
from local.airflow.client import Airflow, AirflowError, Run
from local.airflow.settings import USER, Settings
from local.programs import Programs

from tests.support.installation import TENANT, Installation, write_configuration
from tests.support.installed import installed

pytestmark = pytest.mark.timeout(900)  # all of Airflow starts, on a machine that others use too
DAG, ASKING = "fleet.offboard", ("awaiting_input", "deferred")
STANDING = ("dev", "prod")

# The others of the fleet would begin at once, and look at what goes.
_ALONE = """\
import os
from airflow.sdk import DAG
from snaplift.pipelines.offboard import offboard_dag

dag = offboard_dag(os.environ["SNAPLIFT_CONFIG"])
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Of the tenant's environments two stand: all of them go."""
    with installed(tmp_path_factory.mktemp("installation"), environments=STANDING) as made:
        yield made


@pytest.fixture(scope="module")
def configuration(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return approved_by(installation, tmp_path_factory.mktemp("configuration"), {})


def approved_by(installation: Installation, folder: Path, users: dict[str, str]) -> Path:
    """Say in the tenant's file who approves, by environment."""
    environments: dict[str, Any] = installation.tenant.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )["environments"]
    for name, user in users.items():
        environments[name]["approval"] = {"users": [user]}
    number = len(list(folder.iterdir()))
    return write_configuration(folder / f"config-{number}", installation.platforms, environments=environments)


@pytest.fixture(scope="module")
def airflow(
    installation: Installation, configuration: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airflow]:
    root = tmp_path_factory.mktemp("airflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "dags").mkdir()
    (root / "dags" / "offboard.py").write_text(_ALONE)
    settings = Settings(
        home=root / "home",
        port=port,
        aws=installation.laptop.environment(),
        config=configuration,
        dags=root / "dags",
        more={"AIRFLOW__CORE__PARALLELISM": "2"},
    )
    programs = Programs(root)
    try:
        server.start(programs, settings)
        server.wait_until_healthy(programs, settings, 240, print)
        found = Airflow(settings.url, USER, settings.password)
        found.wait_for_dags([DAG], 180)
        yield found
        found.close()
    finally:
        programs.stop(*server.PROCESSES, grace=2)


def ask(airflow: Airflow, environment: str) -> Run:
    """Start an offboarding, and wait until a person is asked."""
    run = airflow.trigger(DAG, {"tenant": TENANT, "environment": environment, "confirm": TENANT})
    airflow.wait_for_task(run, "approve", ASKING, 180)
    return run


def file_of(configuration: Path) -> Path:
    return configuration / "tenants" / f"{TENANT}.yaml"


def test_only_who_is_named_may_approve_and_what_was_shown_goes(
    installation: Installation, configuration: Path, airflow: Airflow, tmp_path: Path
) -> None:
    tidy = file_of(configuration).read_text()
    file_of(configuration).write_text(file_of(approved_by(installation, tmp_path, {"prod": "ann"})).read_text())
    run = ask(airflow, "prod")
    with pytest.raises(AirflowError, match="answered 403"):
        airflow.answer(run, "approve", "Approve")
    airflow.mark(run, "failed")
    assert airflow.wait(run, 60).states()["dismantle"] != "success"
    assert all(installation.pointer(name)[1] for name in STANDING)

    named = approved_by(installation, tmp_path, {"prod": USER})
    file_of(configuration).write_text(file_of(named).read_text())
    run = ask(airflow, "all")
    shown = airflow.xcom(run, "find", "summary")
    assert f"`{TENANT}-dev-db`" in shown
    airflow.answer(run, "approve", "Approve")
    ended = airflow.wait(run, 400)
    assert (ended.state, airflow.failures(run)) == ("success", {})
    done = airflow.xcom(run, "dismantle")
    assert sorted(done["dismantled"]) == sorted(f"{TENANT}-{name}" for name in STANDING)
    [kept] = done["kept"]
    assert kept.startswith(f"{TENANT}-dev-final-")
    assert installation.client("rds").describe_db_instances()["DBInstances"] == []
    parameters = installation.client("ssm").describe_parameters()["Parameters"]
    assert [each["Name"] for each in parameters if each["Name"].startswith(f"/snaplift/{TENANT}/")] == []
    file_of(configuration).write_text(tidy)


def test_when_all_has_gone_nobody_is_asked_any_more(airflow: Airflow) -> None:
    run = airflow.trigger(DAG, {"tenant": TENANT, "environment": "all", "confirm": TENANT})
    assert airflow.wait(run, 180).state == "failed"
    assert f"nothing of {TENANT} (all) stands" in airflow.failures(run)["find"]
