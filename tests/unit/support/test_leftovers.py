from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support import leftovers

REPOSITORY = Path(__file__).parents[3]

LEAVES_AN_ORPHAN = """
import subprocess
def test_starts_a_daemon():
    shell = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"
    print(subprocess.check_output(["setsid", "sh", "-c", shell], text=True))
"""


def run_pytest(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(source)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.support.leftovers",
        "--nothing-left",
        "-q",
        "--rootdir",
        ".",
    ]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def test_a_run_that_leaves_a_daemon_fails_and_names_it(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, LEAVES_AN_ORPHAN)
    assert done.returncode == 1
    assert "sleep 1000" in done.stdout


def test_a_run_that_leaves_nothing_succeeds_and_says_so(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "def test_nothing(): pass")
    assert done.returncode == 0, done.stdout
    assert "no process, no changed file" in done.stdout


def test_a_child_that_lives_is_found_and_one_that_ended_is_not() -> None:
    child = subprocess.Popen(["sleep", "1000"])
    try:
        assert child.pid in {found.pid for found in leftovers.descendants(os.getpid())}
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.pid not in {found.pid for found in leftovers.descendants(os.getpid())}
