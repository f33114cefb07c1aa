"""A configuration, and the DAGs that its shard files register."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk import DAG

from snaplift.pipelines.loading import shard_of, tenant_dags
from tests.unit.config.conftest import PLATFORMS, TENANT

Load = Callable[[str], dict[str, DAG]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tenants of one shard."""
    (tmp_path / "tenants").mkdir()
    (tmp_path / "platforms.yaml").write_text(PLATFORMS)
    for name in ("xy-0146", neighbour_of("xy-0146")):
        (tmp_path / "tenants" / f"{name}.yaml").write_text(TENANT.replace("xy-0146", name))
    monkeypatch.setenv("SNAPLIFT_CONFIG", str(tmp_path))
    return tmp_path


def neighbour_of(tenant: str) -> str:
    """Another tenant of the same shard."""
    names = (f"ab-{number:04}" for number in range(10_000))
    return next(name for name in names if shard_of(name) == shard_of(tenant) and name[3:] != tenant[3:])


@pytest.fixture
def load(root: Path) -> Load:
    """The DAGs of a tenant's shard file."""
    return lambda tenant: tenant_dags(f"/dags/promote_{shard_of(tenant):02}.py")
