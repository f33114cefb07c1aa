"""A PostgreSQL server of one Airflow's own, as its metadata database has where Airflow runs for good."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from local.airflow.settings import clean_environment
from local.programs import Programs

NAME: Final = "airflow-metadata"
"""The program's."""
USER: Final = "airflow"
_INSTALLED: Final = "usr/lib/postgresql/*/bin/initdb"
_UNPRIVILEGED_USER: Final = "postgres"
_SCRATCH_PARENT: Final = Path("/var/tmp")  # noqa: S108 - every folder in it is made by mkdtemp
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_OPTIONS: Final = {
    "listen_addresses": "",  # its socket alone, in a folder that nobody else may enter
    "fsync": "off",  # what is written outlives the server's end, though not the machine's
    "shared_buffers": "32MB",
    "max_connections": "60",
}


class NoPostgres(RuntimeError):
    """There is no server, or it does not come up; the message says why."""


class Postgres:
    """One server with its data; it can be killed and started again."""

    def __init__(self, programs: Programs, link: Path) -> None:
        """Name one.

        :param link: becomes a link to its folder: the server does not run as root, so that its data are kept where
            any user may go. The link is how a later run finds what this one has left.
        """
        self._programs = programs
        self._link = link
        self._as: tuple[str, ...] = ()
        if os.geteuid() == 0:
            self._as = ("setpriv", "--reuid", _UNPRIVILEGED_USER, "--regid", _UNPRIVILEGED_USER, "--init-groups", "--")

    @property
    def url(self) -> str:
        """By which SQLAlchemy reaches it, once it was made."""
        return f"postgresql+psycopg2://{USER}@/postgres?host={quote(str(self._socket))}"

    def create(self) -> None:
        """Make one without any data, and start it; it answers when this returns.

        :raises NoPostgres: it could not be made or started.
        """
        self.remove()
        folder = Path(tempfile.mkdtemp(prefix="snaplift-postgres-", dir=_SCRATCH_PARENT))
        folder.chmod(0o711)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        self._link.symlink_to(folder)
        for made in (self._data, self._socket):
            made.mkdir(mode=0o700)
            if self._as:
                shutil.chown(made, _UNPRIVILEGED_USER, _UNPRIVILEGED_USER)
        options = ("--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-locale", "--no-sync")
        done = self._run("initdb", "--pgdata", str(self._data), *options)
        if done.returncode != 0:
            raise NoPostgres(f"initdb ended with {done.returncode}: {done.stdout.strip()}")
        self.start()

    def start(self) -> None:
        """Start it, for the first time or again on its data.

        :raises NoPostgres: it does not answer.
        """
        deadline = time.monotonic() + _START_SECONDS
        options = [each for name, value in _OPTIONS.items() for each in ("-c", f"{name}={value}")]
        command: list[str | Path] = [*self._as, _program("postgres"), "-D", self._data, "-k", self._socket, *options]
        while True:
            self._programs.start(NAME, command, environment=clean_environment(), folder=self._folder)
            while self._programs.running(NAME) and time.monotonic() < deadline:
                if self._answers():
                    return
                time.sleep(_POLL_SECONDS)
            # What a killed one has left may hold its memory for a moment yet.
            self._programs.stop(NAME, grace=0.0)
            if time.monotonic() > deadline:
                raise NoPostgres(f"no answer in {_START_SECONDS:.0f} s; its log:\n{self._programs.tail(NAME)}")

    def kill(self) -> None:
        """SIGKILL to the server; with it all connections break off.

        :raises ProgramDied: it does not run
        """
        self._programs.kill(NAME)

    def remove(self) -> None:
        """Stop it, break off its connections, and remove its data. One that is not there is no error."""
        if self._programs.running(NAME):
            os.kill(self._programs.pid(NAME), signal.SIGINT)  # at SIGTERM it would wait for whoever is connected
            deadline = time.monotonic() + _STOP_SECONDS
            while self._programs.running(NAME) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        self._programs.stop(NAME, grace=0.0)
        if self._link.is_symlink():
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._folder)
            self._link.unlink()

    @property
    def _folder(self) -> Path:
        return self._link.readlink()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _socket(self) -> Path:
        return self._folder / "socket"

    def _answers(self) -> bool:
        where = ("--host", str(self._socket), "--username", USER, "--dbname", "postgres")
        return self._run("pg_isready", "--quiet", *where).returncode == 0

    def _run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._as, _program(name), *arguments],
            cwd=self._folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _program(name: str) -> Path:
    """Where Debian keeps it, which is on nobody's PATH; of several versions the newest."""
    found = sorted(Path("/").glob(_INSTALLED), key=lambda file: float(file.parts[-3]))
    if not found:
        raise NoPostgres("this machine has no PostgreSQL server: local/setup/packages.sh --chaos installs it")
    return found[-1].with_name(name)
