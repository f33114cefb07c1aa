"""One laptop's AWS for all measurements, which are printed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from tests.chaos.access.tally import total
from tests.chaos.access.visiting import CONTROL, ENVIRONMENT, Ground, visited_tenant
from tests.support.figures import Note
from tests.support.installation import Installation
from tests.support.installed import installed
from tests.support.totals import hand_over


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With a release active in the environment that is visited."""
    folder = tmp_path_factory.mktemp("access")
    with installed(folder, visited_tenant(), (CONTROL, ENVIRONMENT)) as made:
        made.driver(ENVIRONMENT, visited_tenant()).promote("new")
        yield made


@pytest.fixture
def ground(installation: Installation, note: Note, record_property: Callable[[str, object], None]) -> Ground:
    return Ground(installation, note, record_property)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what all visits come to, and hand it to whoever started this."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    whole = total(each for report in reports if report.when == "call" for each in report.user_properties)
    if whole is not None:
        terminalreporter.write_line(str(whole))
        hand_over(**asdict(whole))
