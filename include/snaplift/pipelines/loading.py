"""From the configuration to registered DAGs: sharded, and one broken tenant never hides the others."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final
from zlib import crc32

from airflow.sdk import DAG, get_parsing_context

from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import find_configuration, load_platforms, load_tenant_named, tenant_names
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.pipelines.adopt import adopt_dag
from snaplift.pipelines.change import change_dag, platform_change_dag
from snaplift.pipelines.expire import expire_dag
from snaplift.pipelines.inventory import drift_dag, inventory_dag
from snaplift.pipelines.nightly import nightly_dag
from snaplift.pipelines.offboard import offboard_dag
from snaplift.pipelines.preview import preview_dag, preview_remove_dag
from snaplift.pipelines.promote import promote_dag
from snaplift.pipelines.provision import platform_dag, provision_dag
from snaplift.pipelines.reap import reap_dag
from snaplift.pipelines.recover import recover_dag
from snaplift.pipelines.refresh import refresh_dag

log = logging.getLogger(__name__)

SHARDS: Final = 16
"""Files that tenants are spread over: 50 to 100 a file load well, and a thousand in one file do not."""


def shard_of(tenant: str) -> int:
    """The shard that a tenant is in, the same on every machine and in every process."""
    return crc32(tenant.encode()) % SHARDS


def shard_of_file(file: str) -> int:
    """Read a shard's number from its file's name, ``promote_07.py``.

    :raises ValueError: the name has none.
    """
    if found := re.fullmatch(r".*_(\d{2})", Path(file).stem):
        return int(found[1])
    raise ValueError(f"{file}: expected a name that ends in two digits, like promote_07.py")


def tenant_dags(file: str) -> dict[str, DAG]:
    """Build the DAGs of one shard's tenants, by DAG id; while a task starts, its tenant's only."""
    root = find_configuration(Path(file).parent, os.environ)
    try:
        platforms = load_platforms(root)
    except InvalidConfiguration:  # shown by config_errors; the tenants' DAGs must not vanish meanwhile
        platforms = None
    found = {}
    for name in _wanted(root, shard_of_file(file)):
        for dag in _dags_of(root, name, platforms):
            found[dag.dag_id] = dag
    return found


def _wanted(root: Path, shard: int) -> Iterator[str]:
    asked = get_parsing_context().dag_id
    for name in tenant_names(root):
        if shard_of(name) == shard and (asked is None or asked.startswith(f"{name}.")):
            yield name


def _dags_of(root: Path, name: str, platforms: Platforms | None) -> Iterator[DAG]:
    tenant: Tenant | None = None
    if platforms is not None:
        try:
            tenant = load_tenant_named(root, name, platforms)
        except InvalidConfiguration as error:
            log.warning("%s: %s", name, error)
    composers = [promote_dag, provision_dag, change_dag]
    if tenant is None or tenant.previews is not None:  # a broken file may have had previews, whose runs have to end
        composers += [preview_dag, preview_remove_dag]
    if tenant is None or tenant.masking is not None:
        composers.append(refresh_dag)
    if tenant is not None and any(each.existing for each in tenant.environments.values()):
        composers.append(adopt_dag)
    wanted = [partial(compose, name, tenant, str(root)) for compose in composers]
    if tenant is not None and tenant.nightly is not None:
        wanted.append(partial(nightly_dag, tenant, tenant.nightly))
    for compose in wanted:
        try:
            # A DAG that cannot be composed or registered would make every DAG of this file stale.
            dag = compose()
            dag.validate()  # type: ignore[no-untyped-call]
            dag.check_cycle()
        except Exception:
            log.exception("a DAG of %s is left out", name)
        else:
            yield dag


def fleet_dags(file: str) -> dict[str, DAG]:
    """Build the DAGs that belong to no tenant."""
    root = find_configuration(Path(file).parent, os.environ)
    try:
        platforms = load_platforms(root)
    except InvalidConfiguration:
        platforms = None
    dags = [make(platforms, str(root)) for make in (platform_dag, platform_change_dag, reap_dag)]
    dags += [make(str(root)) for make in (recover_dag, expire_dag, offboard_dag, inventory_dag, drift_dag)]
    return {dag.dag_id: dag for dag in dags}
