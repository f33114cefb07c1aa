"""What Airflow finds in dags/: the policy that every DAG keeps, and what parsing may not do."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from typer.testing import CliRunner

from snaplift.cli.app import app
from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import tenant_names
from snaplift.pipelines.loading import SHARDS, shard_of
from tests.unit.config.conftest import PLATFORMS, TENANT

REPOSITORY = Path(__file__).parents[3]
DAGS = REPOSITORY / "dags"
FILES = sorted(DAGS.glob("*.py"))
SHARD_FILES = [DAGS / f"promote_{number:02}.py" for number in range(SHARDS)]


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    """Every DAG of the two sample tenants, as the files register them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNAPLIFT_CONFIG", str(REPOSITORY / "config"))
        found: dict[str, DAG] = {}
        for file in FILES:
            found |= {name: each for name, each in runpy.run_path(str(file)).items() if isinstance(each, DAG)}
        return found


FLEET_SCHEDULED = {"fleet.recover", "fleet.expire", "fleet.reap", "fleet.inventory", "fleet.drift"}


def test_every_tenant_has_its_dags(dags: dict[str, DAG]) -> None:
    tenants = tenant_names(REPOSITORY / "config")
    kinds = ("change", "nightly", "promote", "provision", "refresh")
    fleet = {"platform.change", "platform.provision", "fleet.offboard"} | FLEET_SCHEDULED
    previews = {"xy-0146.preview", "xy-0146.preview_remove"}
    assert set(dags) == fleet | previews | {f"{tenant}.{kind}" for tenant in tenants for kind in kinds}


def test_every_dag_has_an_owner_docs_a_description_and_tags(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        assert dag.default_args["owner"], dag.dag_id
        assert dag.doc_md, dag.dag_id
        assert dag.description, dag.dag_id
        assert {"snaplift", dag.dag_id.partition(".")[2]} <= set(dag.tags), dag.dag_id
        assert all(len(tag) <= 100 for tag in dag.tags), dag.dag_id


def test_every_tenants_dag_is_found_by_its_tenant_and_the_tenants_own_tags(dags: dict[str, DAG]) -> None:
    assert {"xy-0146", "wordpress"} <= set(dags["xy-0146.promote"].tags)
    assert {"ab-0200", "records"} <= set(dags["ab-0200.nightly"].tags)


def test_every_task_is_retried_unless_it_asks_or_triggers(dags: dict[str, DAG]) -> None:
    never = {task.task_id for dag in dags.values() for task in dag.tasks if not task.retries}
    assert {name for name in never if not name.startswith("promote_to_")} == {"approve"}


def test_nothing_but_the_nightly_dags_and_the_fleets_runs_by_itself(dags: dict[str, DAG]) -> None:
    scheduled = {dag.dag_id for dag in dags.values() if dag.schedule is not None}
    assert scheduled == FLEET_SCHEDULED | {"ab-0200.nightly", "xy-0146.nightly"}


def test_only_the_recovery_the_end_of_previews_and_what_only_reads_are_switched_on_without_a_person(
    dags: dict[str, DAG],
) -> None:
    switched_on = {name for name, dag in dags.items() if dag.is_paused_upon_creation is False}
    assert switched_on == {"fleet.recover", "fleet.expire", "fleet.inventory", "fleet.drift"}


# -- the files -------------------------------------------------------------------------------------------------


def test_there_is_a_file_for_each_shard_and_all_are_alike() -> None:
    assert [file for file in FILES if file.name.startswith("promote_")] == SHARD_FILES
    assert len({file.read_text() for file in SHARD_FILES}) == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_airflows_safe_mode_does_not_skip_it(file: Path) -> None:
    text = file.read_text().lower()
    assert "dag" in text
    assert "airflow" in text


_PARSE = """
import datetime, json, random, runpy, socket, sys, time, uuid
import airflow.sdk, airflow.providers.amazon.aws.hooks.base_aws
before = set(sys.modules)

def refused(*_, **__):
    raise AssertionError("parsing a file asks the network, the clock or chance")

sys.addaudithook(lambda event, _: refused() if event.startswith(("socket.connect", "socket.getaddrinfo")) else None)
uuid.uuid4 = refused
file = sys.argv[1]
runpy.run_path(file)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def modules_of(file: Path) -> set[str]:
    """What parsing a file imports beside Airflow and the provider's base, in a process of its own."""
    environment = {**os.environ, "SNAPLIFT_CONFIG": str(REPOSITORY / "config"), "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", _PARSE, str(file)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", [f"promote_{shard_of('xy-0146'):02}.py", "fleet.py", "config_errors.py"])
def test_parsing_asks_no_network_and_imports_nothing_heavy(name: str) -> None:
    found = {module.partition(".")[0] for module in modules_of(DAGS / name)}
    assert not found & {"boto3", "botocore", "aiobotocore", "troposphere", "pymysql", "cfnlint"}


def test_parsing_twice_gives_the_same_dags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each parse would be a new version of every DAG."""
    from airflow.serialization.serialized_objects import DagSerialization

    monkeypatch.setenv("SNAPLIFT_CONFIG", str(REPOSITORY / "config"))
    file = SHARD_FILES[shard_of("xy-0146")]

    def serialized() -> dict[str, Any]:
        found = runpy.run_path(str(file))
        return {name: DagSerialization.to_dict(each) for name, each in found.items() if isinstance(each, DAG)}

    assert json.dumps(serialized()) == json.dumps(serialized())


# -- the configuration's errors --------------------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tenants with errors, and one without."""
    folder = tmp_path / "config"
    (folder / "tenants").mkdir(parents=True)
    (folder / "platforms.yaml").write_text(PLATFORMS)
    texts = {"xy-0146": TENANT, "ab-0200": TENANT.replace("cpu: 256", "cpu: 300"), "cd-0300": "tenant: ["}
    for name, text in texts.items():
        (folder / "tenants" / f"{name}.yaml").write_text(text.replace("xy-0146", name))
    monkeypatch.setenv("SNAPLIFT_CONFIG", str(folder))
    return folder


def test_every_error_is_one_import_error_in_the_words_of_validate(broken: Path) -> None:
    with pytest.raises(InvalidConfiguration) as shown:
        runpy.run_path(str(DAGS / "config_errors.py"))
    said = CliRunner().invoke(app, ["validate", "--config", str(broken)])
    assert said.exit_code == 1
    lines = str(shown.value).splitlines()
    assert len(lines) >= 2
    assert [line for line in lines if line not in said.stderr] == []
    assert {"ab-0200.yaml", "cd-0300.yaml"} <= {line.split(":")[0].rpartition("/")[2] for line in lines}


def test_without_an_error_there_is_no_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAPLIFT_CONFIG", str(REPOSITORY / "config"))
    runpy.run_path(str(DAGS / "config_errors.py"))
