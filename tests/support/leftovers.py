"""A pytest plugin: with ``--nothing-left`` a run fails that leaves a process running or a file changed.

The test run asks the kernel to become the parent of every orphan below it. Whatever a test starts, in however
many sessions, is then still a descendant at the end: no search by name, and nobody else's process is taken for ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
_PR_SET_CHILD_SUBREAPER = 36
_SETTLE_SECONDS = 15.0


@dataclass(frozen=True)
class Child:
    """A process below this one."""

    pid: int
    parent: int
    zombie: bool
    command: str

    def __str__(self) -> str:
        return f"process {self.pid}: {self.command}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--nothing-left", action="store_true", help="fail when a process is left running or a file changed"
    )


def pytest_configure(config: pytest.Config) -> None:
    # With several workers the one that started them looks: what they leave becomes its own.
    if config.getoption("--nothing-left") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NothingLeft(), "nothing-left")


class NothingLeft:
    """Compares the end of the run with its start."""

    def __init__(self) -> None:
        adopt_orphans()
        self._files = changed_files()
        self._findings: list[str] = []

    @pytest.hookimpl(wrapper=True, trylast=True)  # after the workers have ended, before the summary
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        result = yield
        left = processes_left(_SETTLE_SECONDS)
        self._findings = [f"left running: {child}" for child in left]
        self._findings += [f"left changed: {line}" for line in sorted(changed_files() ^ self._files)]
        for child in left:
            os.kill(child.pid, signal.SIGKILL)
        if self._findings and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._findings:
            terminalreporter.section("left behind", red=True)
            for finding in self._findings:
                terminalreporter.write_line(finding)
        else:
            terminalreporter.write_line("left behind: no process, no changed file")


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot adopt orphans")


def processes_left(settle: float) -> list[Child]:
    """The living processes below this one, after ``settle`` seconds at most for those that are just ending."""
    deadline = time.monotonic() + settle
    while True:
        found = descendants(os.getpid())
        living = [child for child in found if not child.zombie]
        if not living or time.monotonic() > deadline:
            return living
        time.sleep(0.1)


def descendants(pid: int) -> list[Child]:
    """Every process below ``pid``, the nearest first."""
    by_parent: dict[int, list[Child]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (child := _read(entry)) is not None:
            by_parent.setdefault(child.parent, []).append(child)
    found, wanted = [], [pid]
    while wanted:
        children = by_parent.get(wanted.pop(0), [])
        found += children
        wanted += [child.pid for child in children]
    return found


def changed_files() -> frozenset[str]:
    """What git sees as changed or new in the working tree; nothing outside of a checkout."""
    answer = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=REPOSITORY, capture_output=True, text=True
    )
    return frozenset(answer.stdout.splitlines())


def _read(entry: Path) -> Child | None:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    return Child(int(entry.name), int(fields[1]), fields[0] in "ZX", command or "(no command line)")
