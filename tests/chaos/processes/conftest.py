"""One laptop's AWS and one Airflow for all of it, with a catalogue that has an environment for each ending."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from local.demo.installation import Image, Installation
from local.demo.ports import Ports, choose

from tests.chaos.processes.catalogue import ENVIRONMENTS, PLATFORM, TENANT, Catalogue
from tests.support.totals import hand_over

PORTS: Final = Ports(aws=25566, airflow=29080, sites=29088, tasks=8090)
RECORDS: Final = 20
# A process that is gone is missed soon. In production, where it takes minutes, everything below is the same.
_OPTIONS: Final = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}
_FAST: Final = {"rds.restore": 0.5, "rds.snapshot": 0.2, "rds.delete": 0.2}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each waits for Airflow to miss something."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="package")
def catalogue(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """The catalogue, with nothing but where its data is authored."""
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    assert terminal is not None

    def tell(words: str) -> None:
        terminal.write_line(f"  {words}")

    folder, ports = tmp_path_factory.mktemp("processes"), choose(PORTS, tell)
    installation = Installation(folder, ports, tell, _OPTIONS, on_postgres=True)
    try:
        installation.start((Image("records", "stable"),), configure=give_environments)
        installation.control("PUT", "delays", _FAST)
        found = Catalogue(installation)
        with found.supervisor.watching():
            found.provision()
            yield found
        hand_over(kills=found.kills, endings=found.endings, orphans=len(found.orphans))
    finally:
        installation.stop()


def give_environments(config: Path) -> None:
    """One for each ending, all promoted from where the data is authored, so that they can be tried side by side."""
    file = config / "tenants" / f"{TENANT}.yaml"
    tenant: dict[str, Any] = yaml.safe_load(file.read_text())
    del tenant["nightly"]
    tenant["environments"] = {
        name: {
            "platform": PLATFORM,
            "variables": {"NOTIFY": ""},
            **({} if name == "dev" else {"from": "dev", "target_writes": "allow"}),
        }
        for name in ENVIRONMENTS
    }
    tenant["service"]["count"] = 1
    tenant["setup"]["command"] = ["setup", str(RECORDS)]
    file.write_text(yaml.safe_dump(tenant, sort_keys=False))
