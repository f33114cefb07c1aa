"""The programs that the server runs: databases, containers, the load balancer.

Each is the leader of a session of its own and is killed by the kernel when this server dies. What its own
children do then is theirs, so each start is also recorded (process id and start time) for the next run to
sweep: never by name, and never a process that only has taken over the number.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

_KILL_SECONDS = 10
_DYING_SECONDS = 0.005


@dataclass(frozen=True)
class Record:
    """One started process, as it is kept for the next run.

    ``start_time`` is in clock ticks since boot, as in /proc; with ``boot_id`` and ``pid`` it is unique.
    """

    name: str
    pid: int
    start_time: int
    boot_id: str


class Process:
    """A running program and everything in its session."""

    def __init__(self, name: str, popen: "subprocess.Popen[bytes]", record: Record, file: Path) -> None:
        self.name = name
        self._popen = popen
        self._record = record
        self._file = file

    @property
    def pid(self) -> int:
        """The process id of the program, and the id of its session and process group."""
        return self._popen.pid

    def poll(self) -> int | None:
        """The exit status (negative: the signal that ended it), or None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait ``timeout`` seconds (None: for ever) for the end and return the exit status.

        :raises subprocess.TimeoutExpired: it still runs
        """
        return self._popen.wait(timeout)

    def signal(self, number: int) -> None:
        """Send a signal to the program itself; one that has ended gets none."""
        self._popen.send_signal(number)

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """Keep the program from running, all of its threads, for as long as the context is open.

        :raises OSError: it ended instead
        """
        self._popen.send_signal(signal.SIGSTOP)
        try:
            # Reported once the last thread has stopped; WNOWAIT leaves an end to be seen by poll and wait.
            state = None
            with contextlib.suppress(ChildProcessError):
                state = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if state is None or state.si_code != os.CLD_STOPPED:
                raise OSError(f"{self.name} ended")
            yield
        finally:
            self._popen.send_signal(signal.SIGCONT)

    def stop(self, grace: float) -> int:
        """SIGTERM to the program, after ``grace`` seconds SIGKILL; then the rest of its session goes.

        As with a container, whose other processes end with its first. Returns the exit status.
        """
        self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL to the program and its whole session. Returns the exit status."""
        # The program first: its number, and so its session's, stays ours until it is waited for below.
        self._popen.kill()
        end_session(self._record)
        status = self._popen.wait(_KILL_SECONDS)
        self._file.unlink(missing_ok=True)
        return status


class Processes:
    """Starts programs and ends them all with the server."""

    def __init__(self, records: Path) -> None:
        self._records = records
        self._records.mkdir(parents=True, exist_ok=True)
        self._running: list[Process] = []
        self._lock = threading.Lock()
        self._stopped = False
        # The kernel ends a child when the *thread* that forked it ends: this one lives as long as we do.
        self._forks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fork")

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int | IO[bytes] = subprocess.DEVNULL,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> Process:
        """Run ``command`` in ``folder`` with exactly ``environment`` (None: the server's own).

        :param user: run as this user, which needs root; None: as the server's user
        :param death_signal: what the kernel sends it when this server dies
        :raises OSError: it cannot be run
        """
        return self._forks.submit(
            self._start, name, command, environment, folder, user, stdout, stderr, death_signal
        ).result()

    def kill_all(self) -> None:
        """End everything that still runs; nothing can be started afterwards."""
        with self._lock:
            self._stopped = True
            running, self._running = self._running, []
        for process in running:
            process.kill()

    def _start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        folder: Path | None,
        user: str | None,
        stdout: int | IO[bytes],
        stderr: int | IO[bytes],
        death_signal: signal.Signals,
    ) -> Process:
        with self._lock:
            if self._stopped:
                raise OSError(f"cannot start {name}: the server is stopping")
            popen = subprocess.Popen(
                [*_wrapped(user, death_signal), *command],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            record = Record(name, popen.pid, _stat(popen.pid)[2], boot_id())
            file = self._records / f"{record.pid}-{record.start_time}.json"
            file.write_text(json.dumps(asdict(record)))
            process = Process(name, popen, record, file)
            self._running = [other for other in self._running if other.poll() is None] + [process]
            return process


def sweep(records: Path) -> int:
    """End what an earlier run, which was killed, has left running. Returns how many processes that were."""
    ended = 0
    for file in sorted(records.glob("*.json")):
        with contextlib.suppress(ValueError, TypeError):
            ended += end_session(Record(**json.loads(file.read_text())))
        file.unlink(missing_ok=True)
    return ended


def end_session(record: Record) -> int:
    """SIGKILL to every living process of the session that ``record`` leads. Returns how many there were."""
    if record.boot_id != boot_id():
        return 0
    with contextlib.suppress(OSError):
        if _stat(record.pid)[2] != record.start_time:
            return 0  # the number is another process's now, so the session had already ended
    ended: set[int] = set()
    while members := _members(record):
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended.update(members)
        time.sleep(_DYING_SECONDS)
    return len(ended)


def boot_id() -> str:
    """What tells this boot of the machine from any other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _wrapped(user: str | None, death_signal: signal.Signals) -> list[str]:
    # A change of user clears the death signal, hence one program that does both in the right order.
    identity = ["--reuid", user, "--regid", user, "--init-groups"] if user else []
    return ["setpriv", "--pdeathsig", death_signal.name.removeprefix("SIG"), *identity, "--"]


def _members(record: Record) -> list[int]:
    members = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, session, start_time = _stat(int(entry.name))
            if session == record.pid and start_time >= record.start_time and state not in "ZX":
                members.append(int(entry.name))
    return members


def _stat(pid: int) -> tuple[str, int, int]:
    """State, session and start time of a process; OSError when there is none."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[3]), int(fields[19])
