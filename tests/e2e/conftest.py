"""One snaplift for all end-to-end tests: the laptop's AWS, Airflow, and a tenant that is provisioned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from local.demo.installation import Image, Installation
from local.demo.ports import Ports, choose

from tests.e2e.tenant import ENVIRONMENTS, TENANT, TenantUnderTest

IMAGES = (
    Image("wordpress", "stable"),
    Image("wordpress", "unfit", "broken-check"),
    Image("wordpress", "unhealthy", "broken-health"),
)
# Not the usual ones: a demo that was left up is none of the tests' business.
PORTS = Ports(aws=24566, airflow=28080, sites=28088)
POSTS = 20


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They begin with the start of everything, which is longer than a test usually takes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    assert terminal is not None

    def tell(words: str) -> None:
        if request.config.get_verbosity() >= 0:
            terminal.write_line(f"  {words}")

    started = Installation(tmp_path_factory.mktemp("e2e"), choose(PORTS, tell), tell)
    try:
        started.start(IMAGES, configure=ask_more_of_a_candidate)
        yield started
    finally:
        started.stop()


def ask_more_of_a_candidate(config: Path) -> None:
    """The site's own check is a smoke check too: a build can then fail one and be well otherwise."""
    file = config / "tenants" / f"{TENANT}.yaml"
    tenant = yaml.safe_load(file.read_text())
    # dev has no post yet when it is provisioned.
    check = {"command": ["check"], "environment": {"CHECK_MIN_POSTS": "0"}, "timeout": "2m"}
    tenant["smoke"].append(check)
    file.write_text(yaml.safe_dump(tenant, sort_keys=False))


@pytest.fixture(scope="package")
def tenant(installation: Installation) -> TenantUnderTest:
    """The tenant, with every environment provisioned and some posts in dev."""
    found = TenantUnderTest(installation)
    for platform in installation.platforms:
        found.must_succeed({platform: ("platform.provision", {"platform": platform})})
    confs = {name: {"environment": name, "others": False, "build": ""} for name in ENVIRONMENTS}
    found.must_succeed({name: (TENANT.provision_dag_id, conf) for name, conf in confs.items()})
    found.site("dev").run("posts", str(POSTS))
    return found
