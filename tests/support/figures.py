"""A pytest plugin: figures that tests measure, printed at the end of the run, whichever worker measured them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Note = Callable[[str], None]
_PROPERTY = "figure"


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Have lines printed at the end: what a worker prints itself is seen by nobody."""

    def write(lines: str) -> None:
        record_property(_PROPERTY, lines)

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = [
        str(value)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, value in report.user_properties
        if name == _PROPERTY and report.when == "call"
    ]
    if found:
        terminalreporter.section("figures")
        for lines in found:
            terminalreporter.write_line(lines)
