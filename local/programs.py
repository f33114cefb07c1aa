"""Programs that outlive the command which started them, and that a later command ends.

Each leads a session of its own and is recorded by process id *and* start time, so that neither a number that
was given away again nor a program of the same name is ever taken for ours. What changes its session keeps the
mark that it inherited in its environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from local.aws.processes import Record, boot_id, end_session

MARK = "SNAPLIFT_STARTED_BY"
_POLL_SECONDS = 0.05
_KILL_SECONDS = 5.0


class ProgramDied(RuntimeError):
    """A program ended that should run; the message ends with its log."""


class Programs:
    """The programs of one state folder."""

    def __init__(self, folder: Path) -> None:
        """:param folder: holds a record and a log for each program; made when the first is started."""
        self._records = folder / "programs"
        self._logs = folder / "logs"
        self._mark = f"{MARK}={folder.resolve()}"

    def log(self, name: str) -> Path:
        """The file that holds what a program has written."""
        return self._logs / f"{name}.log"

    def start(self, name: str, command: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path) -> None:
        """Start ``command`` in ``folder``, detached: it runs on when the caller has ended.

        :raises OSError: it cannot be run
        """
        self._records.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(exist_ok=True)
        key, _, value = self._mark.partition("=")
        with self.log(name).open("ab") as output:
            process = subprocess.Popen(
                command,
                env={**environment, key: value},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        # Not yet waited for, so it can be read even if it has ended already.
        record = Record(name, process.pid, int(_stat(process.pid)[19]), boot_id())
        (self._records / f"{name}.json").write_text(json.dumps(asdict(record)))

    def running(self, name: str) -> bool:
        """Say whether a program that was started still runs."""
        file = self._records / f"{name}.json"
        return file.exists() and _is_alive(_read(file))

    def sessions(self) -> frozenset[int]:
        """The sessions that the programs lead; each is its program's process id."""
        return frozenset(_read(file).pid for file in self._records.glob("*.json"))

    def pid(self, name: str) -> int:
        """The process id of a program.

        :raises ProgramDied: it does not run
        """
        if not self.running(name):
            raise ProgramDied(f"{name} does not run; {self.log(name)} ends with:\n{self.tail(name)}")
        return _read(self._records / f"{name}.json").pid

    def check(self) -> None:
        """Find out whether all still run.

        :raises ProgramDied: one does not; the end of its log is in the message
        """
        for file in sorted(self._records.glob("*.json")):
            record = _read(file)
            if not _is_alive(record):
                raise ProgramDied(
                    f"{record.name} ended by itself; {self.log(record.name)} ends with:\n{self.tail(record.name)}"
                )

    def tail(self, name: str, lines: int = 30) -> str:
        """The last lines that a program has written."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])
        return "(no log)"

    def stop(self, *names: str, grace: float) -> int:
        """SIGTERM to the programs named, then, after ``grace`` seconds, SIGKILL to all that is left of them.

        :return: how many of them were running
        """
        records = [_read(file) for name in names if (file := self._records / f"{name}.json").exists()]
        running = [record for record in records if _is_alive(record)]
        for record in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while any(_is_alive(record) for record in running) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for record in records:
            end_session(record)
            (self._records / f"{record.name}.json").unlink(missing_ok=True)
        return len(running)

    def kill(self, name: str) -> None:
        """SIGKILL to a program itself, as when the machine runs out of memory: what it started is left running.

        :meth:`end_what_is_left` ends that, and so does :meth:`stop_all`, whatever runs under the name by then.

        :raises ProgramDied: it does not run
        """
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        while self.running(name):
            time.sleep(_POLL_SECONDS)
        (self._records / f"{name}.json").rename(self._records / f"{name}-{pid}.killed")

    def end_what_is_left(self) -> None:
        """SIGKILL to all that programs have left running when they were killed, as a container's end is."""
        for file in self._records.glob("*.killed"):
            end_session(_read(file))
            file.unlink()

    def stop_all(self, *, grace: float) -> int:
        """Stop every program, then what carries our mark in a session of its own.

        :return: how many programs and strays were running
        """
        stopped = self.stop(*(file.stem for file in sorted(self._records.glob("*.json"))), grace=grace)
        self.end_what_is_left()
        strays = self.strays()
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _KILL_SECONDS  # a killed process takes a moment to go, and to free its ports
        while self.strays() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return stopped + len(strays)

    def strays(self) -> list[int]:
        """The processes that carry our mark in their environment, this one and those above it left out."""
        mark = self._mark.encode()
        return [pid for pid in _processes() if mark in _environment(pid) and pid not in _ancestry()]


def _is_alive(record: Record) -> bool:
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(record.pid, os.WNOHANG)  # ours if this command started it: do not take a zombie for alive
    try:
        return record.boot_id == boot_id() and _start_time(record.pid) == record.start_time
    except OSError:
        return False


def _read(file: Path) -> Record:
    return Record(**json.loads(file.read_text()))


def _start_time(pid: int) -> int:
    """Clock ticks from the boot to the start of a process; OSError when it is gone or a zombie."""
    fields = _stat(pid)
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    return int(fields[19])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _processes() -> Iterable[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def _ancestry() -> set[int]:
    found, pid = set(), os.getpid()
    while pid > 0:
        found.add(pid)
        pid = int(_stat(pid)[1])
    return found
