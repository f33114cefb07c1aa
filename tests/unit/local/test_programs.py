from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local.programs import ProgramDied, Programs

IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
CHANGES_SESSION = (
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.execv('/bin/sleep', ['sleep', '600'])\nos.wait()"
)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    started = Programs(tmp_path)
    yield started
    started.stop_all(grace=0)


def start(programs: Programs, name: str, *command: str) -> None:
    programs.start(name, command, environment=dict(os.environ), folder=Path("/"))


def wait_until_it_wrote(programs: Programs, name: str) -> None:
    while not programs.log(name).read_text():
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Say whether a process is there, and not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_program_runs_until_it_is_stopped(programs: Programs) -> None:
    start(programs, "sleeper", "sleep", "600")
    assert programs.running("sleeper")
    programs.check()
    assert programs.stop_all(grace=5) == 1
    assert not programs.running("sleeper")


def test_a_program_that_ignores_sigterm_is_killed(programs: Programs) -> None:
    start(programs, "stubborn", sys.executable, "-c", IGNORES_SIGTERM)
    wait_until_it_wrote(programs, "stubborn")
    programs.stop("stubborn", grace=0.1)
    assert not programs.running("stubborn")


def test_a_program_that_is_killed_leaves_running_what_it_started(programs: Programs) -> None:
    start(programs, "parent", sys.executable, "-c", CHANGES_SESSION)
    while len(programs.strays()) < 2:
        time.sleep(0.01)
    programs.kill("parent")
    assert not programs.running("parent")
    assert len(programs.strays()) == 1
    with pytest.raises(ProgramDied, match="parent does not run"):
        programs.kill("parent")


def test_a_later_command_stops_what_an_earlier_one_started(tmp_path: Path, programs: Programs) -> None:
    start(programs, "sleeper", "sleep", "600")
    assert Programs(tmp_path).stop_all(grace=5) == 1
    assert not programs.running("sleeper")


def test_a_child_that_left_the_session_is_found_by_its_mark(programs: Programs) -> None:
    start(programs, "parent", sys.executable, "-c", CHANGES_SESSION)
    while not any(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in programs.strays()):
        time.sleep(0.01)
    programs.stop_all(grace=5)
    assert programs.strays() == []


def test_another_folders_programs_are_left_alone(tmp_path: Path, programs: Programs) -> None:
    start(programs, "sleeper", "sleep", "600")
    assert Programs(tmp_path / "other").stop_all(grace=0) == 0
    assert programs.running("sleeper")


def test_a_number_that_another_process_has_now_is_left_alone(programs: Programs, tmp_path: Path) -> None:
    start(programs, "sleeper", "sleep", "600")
    programs.stop("sleeper", grace=5)
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            record = f'{{"name": "old", "pid": {other.pid}, "start_time": 1, "boot_id": "{boot_id()}"}}'
            (tmp_path / "programs" / "old.json").write_text(record)
            assert programs.stop_all(grace=0) == 0
            assert other.poll() is None
        finally:
            other.kill()


def test_one_that_ended_by_itself_is_named_with_the_end_of_its_log(programs: Programs) -> None:
    start(programs, "mayfly", "sh", "-c", "echo no such port; exit 3")
    while programs.running("mayfly"):
        time.sleep(0.01)
    with pytest.raises(ProgramDied, match=r"mayfly ended by itself(?s:.*)no such port"):
        programs.check()


def kill_one_that_leaves_a_child(programs: Programs, name: str) -> int:
    """Which has renamed itself, and so lost its mark: as an idle worker of Airflow's scheduler does."""
    start(programs, name, "env", "-i", "bash", "-c", "sleep 600 & echo $!; wait")
    wait_until_it_wrote(programs, name)
    child = int(programs.log(name).read_text())
    programs.kill(name)
    return child


def test_what_a_killed_program_left_is_ended_though_another_runs_under_its_name(programs: Programs) -> None:
    child = kill_one_that_leaves_a_child(programs, "parent")
    start(programs, "parent", "sleep", "600")
    programs.check()
    assert lives(child)
    programs.end_what_is_left()
    assert not lives(child)
    programs.check()


def test_what_a_killed_program_left_is_ended_with_all_others(programs: Programs) -> None:
    child = kill_one_that_leaves_a_child(programs, "parent")
    programs.stop_all(grace=5)
    assert not lives(child)


def test_all_is_ended_after_the_programs_leader_was_killed(programs: Programs) -> None:
    start(programs, "shell", "sh", "-c", "sleep 600 & echo $!; wait")
    wait_until_it_wrote(programs, "shell")
    child = int(programs.log("shell").read_text())
    os.kill(os.getpgid(child), signal.SIGKILL)
    while programs.running("shell"):
        time.sleep(0.01)
    programs.stop_all(grace=0)
    assert not Path(f"/proc/{child}/fd/0").exists()


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
