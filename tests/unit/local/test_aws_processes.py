"""Programs that the laptop's AWS runs: they end with it, whole, and nothing else does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local.aws.addresses import AddressBlock, NoAddress, is_free
from local.aws.processes import Process, Processes, Record, boot_id, end_session, sweep
from local.aws.state import InUse, StateDir
from local.aws.state import sweep as sweep_state

REPOSITORY = Path(__file__).parents[3]
# A program that tells of a child in its session, which outlives it unless the session ends.
PARENT = (
    "import subprocess, sys; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True); child.wait()"
)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path / "processes")
    yield processes
    processes.kill_all()


def state_of(pid: int) -> str:
    """The state of a process; Z (ended, not waited for) and "gone" are ends."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def start(processes: Processes, *command: str) -> tuple[Process, str]:
    """Start a program and wait for the first line it writes."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as told, os.fdopen(writing, "wb") as out:
        process = processes.start(command[0], command, stdout=out)
        return process, told.readline()


def start_parent(processes: Processes) -> tuple[int, int]:
    """Start a program with a child; the ids of both."""
    process, child = start(processes, sys.executable, "-c", PARENT)
    return process.pid, int(child)


def test_a_program_gets_exactly_the_environment_given(processes: Processes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        processes.start("env", ["/usr/bin/env"], environment={"A": "1"}, folder=tmp_path, stdout=file).wait(30)
    assert out.read_text() == "A=1\n"


def test_the_end_of_a_program_is_the_end_of_its_session(processes: Processes) -> None:
    pid, child = start_parent(processes)
    processes.kill_all()
    assert state_of(pid) == "gone"
    assert state_of(child) in ("Z", "gone")


def test_a_program_that_ignores_the_request_to_stop_is_killed(processes: Processes) -> None:
    process, _ = start(processes, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done")
    assert process.stop(grace=0.2) == -signal.SIGKILL


def test_a_program_is_halted_for_as_long_as_asked(processes: Processes) -> None:
    process = processes.start("sleeper", ["sleep", "600"])
    with process.halted():
        assert state_of(process.pid) == "T"
    assert process.poll() is None
    assert process.stop(grace=10) == -signal.SIGTERM


def test_a_program_that_ended_cannot_be_halted(processes: Processes) -> None:
    process = processes.start("true", ["true"])
    process.wait(30)
    with pytest.raises(OSError, match="ended"), process.halted():
        raise AssertionError("not reached")


def test_nothing_is_started_after_the_end(processes: Processes) -> None:
    processes.kill_all()
    with pytest.raises(OSError, match="stopping"):
        processes.start("late", ["true"])


def test_a_sweep_ends_what_an_earlier_run_left_by_its_records(tmp_path: Path) -> None:
    left = Processes(tmp_path / "processes")
    pid, child = start_parent(left)
    assert sweep(tmp_path / "processes") == 2
    assert {state_of(pid), state_of(child)} <= {"Z", "gone"}
    assert list((tmp_path / "processes").iterdir()) == []
    left.kill_all()


def test_a_sweep_spares_a_process_that_only_has_the_number() -> None:
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        assert end_session(Record("mariadbd", other.pid, 1, boot_id())) == 0
        start_time = int(Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19])
        assert end_session(Record("mariadbd", other.pid, start_time, "an earlier boot")) == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    for name, text in {"1-1.json": "{", "2-2.json": "[]", "3-3.json": json.dumps({"pid": 1})}.items():
        (tmp_path / name).write_text(text)
    assert sweep(tmp_path) == 0


def test_a_state_folder_is_held_by_one_and_swept_by_none_meanwhile(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with pytest.raises(InUse, match=f"process {os.getpid()}"):
        StateDir(tmp_path)
    with pytest.raises(InUse):
        sweep_state(tmp_path)
    scratch = state.scratch
    assert scratch.is_dir()
    state.close()
    assert not scratch.exists()
    assert sweep_state(tmp_path) == 0


def test_what_a_server_that_is_gone_left_goes_at_the_next_start_of_any_other(tmp_path: Path) -> None:
    leave = (
        "import pathlib, sys; from local.aws.state import StateDir; print(StateDir(pathlib.Path(sys.argv[1])).scratch)"
    )
    gone = subprocess.check_output([sys.executable, "-c", leave, str(tmp_path / "a")], cwd=REPOSITORY, text=True)
    assert Path(gone.strip()).is_dir()
    living = StateDir(tmp_path / "b")
    another = StateDir(tmp_path / "c")
    assert not Path(gone.strip()).exists()
    assert living.scratch.is_dir()
    living.close()
    another.close()


def test_two_servers_hand_out_different_addresses() -> None:
    first, second = AddressBlock(), AddressBlock()
    try:
        assert first.pool(2).claim(3306) != second.pool(2).claim(3306)
    finally:
        first.release()
        second.release()


def test_an_address_is_not_given_again_while_it_is_held_or_listened_on() -> None:
    block = AddressBlock()
    pool = block.pool(250)
    try:
        given = [pool.claim() for _ in range(254)]
        assert len(set(given)) == 254
        with pytest.raises(NoAddress):
            pool.claim()
        pool.release(given[7])
        with socket.create_server((given[7], 0)) as listener:
            port = listener.getsockname()[1]
            assert not is_free(given[7], port)
            with pytest.raises(NoAddress, match=str(port)):
                pool.claim(port)
        assert pool.claim(port) == given[7]
    finally:
        block.release()
