"""What an environment has: the tenant's settings with its own over them."""

from __future__ import annotations

import pytest

from snaplift.stacks.settings import EnvironmentSettings, UnknownEnvironment
from tests.unit.stacks.examples import PLATFORMS, TENANT, tenant


def test_an_environment_without_overrides_has_the_tenants_settings() -> None:
    found = EnvironmentSettings.of(PLATFORMS, TENANT, "dev")
    assert found.database == TENANT.database
    assert found.service == TENANT.service
    assert found.retention == TENANT.retention


def test_overrides_win_one_by_one() -> None:
    environments = {"dev": {"platform": "platform-new", "service": {"memory": 2048}, "database": {"storage": 50}}}
    found = EnvironmentSettings.of(PLATFORMS, tenant(environments=environments), "dev")
    assert (found.service.memory, found.service.cpu) == (2048, TENANT.service.cpu)
    assert (found.database.storage, found.database.instance_class) == (50, TENANT.database.instance_class)
    assert found.database.parameters == TENANT.database.parameters


@pytest.mark.parametrize(("own", "seconds"), [({}, 600), ({"lock_wait": "0s"}, 0), ({"lock_wait": "1h"}, 3600)])
def test_an_environment_waits_for_its_lock_as_the_tenant_does_unless_it_says_so(
    own: dict[str, str], seconds: int
) -> None:
    given = tenant(environments={"dev": {"platform": "platform-new", **own}})
    assert EnvironmentSettings.of(PLATFORMS, given, "dev").lock_wait.total_seconds() == seconds
    other = tenant(environments={"dev": {"platform": "platform-new"}}, lock_wait="20m")
    assert EnvironmentSettings.of(PLATFORMS, other, "dev").lock_wait.total_seconds() == 1200


@pytest.mark.parametrize(
    ("engine", "version", "family"),
    [("mariadb", "10.11", "mariadb10.11"), ("mariadb", "10.11.14", "mariadb10.11"), ("mysql", "8.0", "mysql8.0")],
)
def test_the_engine_family_is_what_rds_calls_it(engine: str, version: str, family: str) -> None:
    database = {"name": "site", "engine": engine, "version": version}
    assert EnvironmentSettings.of(PLATFORMS, tenant(database=database), "dev").engine_family == family


def test_an_unknown_platform_is_named_with_those_that_are_there() -> None:
    elsewhere = tenant(environments={"dev": {"platform": "platform-gone"}})
    with pytest.raises(UnknownEnvironment, match=r"platform-gone.*platform-new, platform-existing, platform-plain"):
        EnvironmentSettings.of(PLATFORMS, elsewhere, "dev")
