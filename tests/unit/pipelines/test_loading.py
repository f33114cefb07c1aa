"""From the configuration to registered DAGs: sharded, and one broken tenant never hides the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from snaplift.pipelines import loading
from snaplift.pipelines.loading import SHARDS, fleet_dags, shard_of, shard_of_file, tenant_dags
from tests.unit.pipelines.conftest import Load, neighbour_of

XY, AB = "xy-0146", neighbour_of("xy-0146")
DAG_ID, TASK_ID = "_AIRFLOW_PARSING_CONTEXT_DAG_ID", "_AIRFLOW_PARSING_CONTEXT_TASK_ID"


def ids(tenant: str) -> set[str]:
    return {f"{tenant}.{kind}" for kind in ("promote", "provision", "change", "nightly")}


def skeleton(tenant: str) -> set[str]:
    """Whose runs have to end although nobody knows any more what the file said."""
    return {f"{tenant}.{kind}" for kind in ("promote", "provision", "change", "preview", "preview_remove", "refresh")}


def test_a_tenants_shard_is_the_same_on_every_machine_and_in_every_process() -> None:
    assert {name: shard_of(name) for name in ("xy-0146", "ab-0200", "zz-9999")} == {
        "xy-0146": 6,
        "ab-0200": 11,
        "zz-9999": 15,
    }


@pytest.mark.parametrize(("file", "shard"), [("/d/promote_07.py", 7), ("promote_15.py", 15), ("a_b_00.py", 0)])
def test_a_files_shard_is_in_its_name(file: str, shard: int) -> None:
    assert shard_of_file(file) == shard


@pytest.mark.parametrize("file", ["promote.py", "promote_7.py", "promote_007.py", "promote07.py"])
def test_a_file_without_a_shard_is_an_error(file: str) -> None:
    with pytest.raises(ValueError, match="expected a name that ends in two digits"):
        shard_of_file(file)


def test_a_shard_has_its_tenants_dags_and_no_others(load: Load) -> None:
    assert set(load(XY)) == ids(XY) | ids(AB)
    others = {number for number in range(SHARDS) if number != shard_of(XY)}
    assert [tenant_dags(f"/dags/promote_{number:02}.py") for number in others] == [{}] * (SHARDS - 1)


@pytest.mark.parametrize("kind", ["promote", "provision", "change", "nightly"])
def test_a_tasks_start_builds_its_tenant_only(load: Load, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv(DAG_ID, f"{XY}.{kind}")
    monkeypatch.setenv(TASK_ID, "plan")
    assert set(load(XY)) == ids(XY)


def test_s13_a_tenant_whose_name_only_begins_alike_is_not_built(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DAG_ID, f"{XY}7.promote")
    assert tenant_dags(f"/dags/promote_{shard_of(XY):02}.py") == {}


# -- broken files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "tenant: [", "tenant: xy-0146\n", "\x00\x01", "- just\n- a list\n"])
def test_s37_a_broken_tenant_keeps_a_skeleton_and_hides_no_other(root: Path, load: Load, text: str) -> None:
    (root / "tenants" / f"{XY}.yaml").write_text(text)
    found = load(XY)
    assert set(found) == ids(AB) | skeleton(XY)
    assert found[f"{XY}.promote"].schedule is None


def test_s49_the_plan_of_a_broken_tenant_fails_with_what_is_wrong(root: Path, load: Load) -> None:
    path = root / "tenants" / f"{XY}.yaml"
    path.write_text(path.read_text().replace("cpu: 256", "cpu: 300"))
    plan: Any = load(XY)[f"{XY}.promote"].get_task("plan")
    context: Any = {
        "params": {"environment": "qa", "release": "new", "build": "", "dry_run": False},
        "run_id": "manual__1",
    }
    with pytest.raises(AirflowFailException, match=rf"tenants/{XY}.yaml:\d+: service.cpu: 300 is not allowed"):
        plan.execute(context)


def test_s49_a_broken_tenants_run_under_way_can_end(root: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "tenants" / f"{XY}.yaml").write_text("broken")
    monkeypatch.setenv(DAG_ID, f"{XY}.promote")
    monkeypatch.setenv(TASK_ID, "finish")
    assert "finish" in load(XY)[f"{XY}.promote"].task_ids


@pytest.mark.parametrize("text", ["", "installation: [", "\x00"])
def test_s37_broken_platforms_leave_every_tenants_skeleton(root: Path, load: Load, text: str) -> None:
    (root / "platforms.yaml").write_text(text)
    assert set(load(XY)) == skeleton(XY) | skeleton(AB)
    fleet = {f"fleet.{each}" for each in ("drift", "expire", "inventory", "offboard", "reap", "recover")}
    assert set(fleet_dags("/dags/fleet.py")) == {"platform.provision", "platform.change"} | fleet


@pytest.mark.parametrize("composer", ["promote_dag", "nightly_dag"])
def test_s37_a_dag_that_cannot_be_composed_is_left_out_alone(
    load: Load, monkeypatch: pytest.MonkeyPatch, composer: str
) -> None:
    compose = getattr(loading, composer)

    def breaks(first: Any, *rest: Any) -> DAG:
        if XY in (first, getattr(first, "tenant", None)):
            raise RuntimeError("as no configuration should make it")
        dag: DAG = compose(first, *rest)
        return dag

    monkeypatch.setattr(loading, composer, breaks)
    assert set(load(XY)) == (ids(XY) | ids(AB)) - {f"{XY}.{composer.removesuffix('_dag')}"}


def test_only_a_tenant_that_has_previews_has_their_dags(root: Path, load: Load) -> None:
    path = root / "tenants" / f"{XY}.yaml"
    path.write_text(f"{path.read_text()}previews:\n  like: qa\n")
    assert set(load(XY)) == ids(XY) | ids(AB) | {f"{XY}.preview", f"{XY}.preview_remove"}


def test_s34_a_tenant_without_a_file_has_no_dag(root: Path, load: Load) -> None:
    (root / "tenants" / f"{XY}.yaml").unlink()
    assert set(load(XY)) == ids(AB)
