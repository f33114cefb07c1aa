"""A thousand tenants through the path of Airflow's own DAG processor."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from snaplift.config.loading import load_tenant_named
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.pipelines import loading
from tests.support.dag_processor import Parsed, parse
from tests.support.figures import Note
from tests.unit.config.conftest import PLATFORMS, TENANT

pytestmark = pytest.mark.timeout(600)
DAGS = Path(__file__).parents[2] / "dags"
NAMES = [f"t{number % 26:02}-{number:04}" for number in range(1000)]
KINDS = ("change", "nightly", "promote", "provision")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "tenants").mkdir()
    (folder / "platforms.yaml").write_text(PLATFORMS)
    for name in NAMES:
        (folder / "tenants" / f"{name}.yaml").write_text(TENANT.replace("xy-0146", name))
    return folder


@pytest.fixture(scope="module")
def parsed(configuration: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Parsed]:
    return list(parse(sorted(DAGS.glob("*.py")), tmp_path_factory.mktemp("airflow"), configuration))


def test_every_dag_of_a_thousand_tenants_is_registered(parsed: list[Parsed], note: Note) -> None:
    note("\n".join(_lines(parsed)))
    assert {error for each in parsed for error in each.errors.items()} == set()
    assert sorted(dag for each in parsed for dag in each.dags) == sorted(
        [
            *(f"fleet.{each}" for each in ("drift", "expire", "inventory", "offboard", "reap", "recover")),
            "platform.change",
            "platform.provision",
            *(f"{name}.{kind}" for name in NAMES for kind in KINDS),
        ]
    )


def test_no_file_holds_many_more_tenants_than_another(parsed: list[Parsed]) -> None:
    shares = [len(each.dags) // len(KINDS) for each in parsed if each.file.startswith("promote_")]
    assert len(shares) == loading.SHARDS
    assert sum(shares) == len(NAMES)
    assert max(shares) <= 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_tasks_start_reads_its_own_tenants_file_only(
    configuration: Path, monkeypatch: pytest.MonkeyPatch, note: Note, kind: str
) -> None:
    read: list[str] = []

    def load(root: Path, name: str, platforms: Platforms) -> Tenant:
        read.append(name)
        return load_tenant_named(root, name, platforms)

    monkeypatch.setattr(loading, "load_tenant_named", load)
    monkeypatch.setenv("SNAPLIFT_CONFIG", str(configuration))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", f"{NAMES[500]}.{kind}")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "plan")
    begun = time.monotonic()
    found = loading.tenant_dags(str(DAGS / f"promote_{loading.shard_of(NAMES[500]):02}.py"))
    note(f"a task of {kind} composes its DAGs in {1000 * (time.monotonic() - begun):.0f} ms")
    assert read == [NAMES[500]]
    assert f"{NAMES[500]}.{kind}" in found
    assert {dag_id.partition(".")[0] for dag_id in found} == {NAMES[500]}


def _lines(parsed: list[Parsed]) -> list[str]:
    lines = [f"{'file':18} {'DAGs':>5} {'s':>6} {'MB':>5} {'stored kB':>10}"]
    lines += [
        f"{each.file:18} {len(each.dags):5} {each.seconds:6.1f} {each.megabytes:5.0f} {each.bytes / 1000:10.0f}"
        for each in parsed
    ]
    seconds, stored = sum(each.seconds for each in parsed), sum(each.bytes for each in parsed)
    count = sum(len(each.dags) for each in parsed)
    most = max(each.megabytes for each in parsed)
    return [*lines, f"{'in all':18} {count:5} {seconds:6.1f} {most:5.0f} {stored / 1000:10.0f}"]
