"""MariaDB servers: made from a template or a copy, started, stopped, copied. Knows nothing of AWS."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from local.aws.processes import Process, Processes

# As on RDS, an account of the platform's own that whoever administers the database has to leave alone.
PLATFORM_ACCOUNT = "rdsadmin"
_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02
_REFUSED = (1045, 1698)  # MariaDB's error numbers for a login that fails
_UNPRIVILEGED_USER = "mysql"
# What a master user may do on RDS for MariaDB: everything but the server's files, its processes and its end.
_MASTER_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, BINLOG MONITOR, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, DELETE HISTORY"
)
_ACCOUNTS_OF_A_NEW_SERVER = """\
DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys';
DELETE FROM mysql.db;
DELETE FROM mysql.proxies_priv;
FLUSH PRIVILEGES;
CREATE USER '{account}'@'localhost' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO '{account}'@'localhost' WITH GRANT OPTION;
"""
_SETTINGS = """\
[mariadbd]
datadir={folder}/data
tmpdir={folder}/tmp
socket={folder}/socket
pid-file={folder}/pid
bind-address={address}
port={port}
skip-name-resolve
skip-log-bin
performance-schema=OFF
innodb-buffer-pool-size=16M
innodb-log-file-size=16M
innodb-flush-log-at-trx-commit=2
aria-pagecache-buffer-size=1M
key-buffer-size=64K
loose-innodb-use-native-aio=OFF
"""


class InstallationFailed(RuntimeError):
    """The data of a new server could not be made."""


class StartFailed(RuntimeError):
    """A server ended, or did not answer, instead of coming up."""


class Engine:
    """Makes databases from one template, which is built once while the server starts."""

    def __init__(self, processes: Processes, folder: Path, logs: Path) -> None:
        """Make the folder of all databases, and ask which MariaDB is installed.

        :param logs: where the servers' logs go
        """
        self._processes = processes
        self._folder = folder
        self._logs = logs
        self._user = _UNPRIVILEGED_USER if os.geteuid() == 0 else None
        self._password = secrets.token_urlsafe(24)
        self._template_lock = threading.Lock()
        folder.mkdir()
        self._give_away(folder)
        self.version = self._installed_version()

    def prepare(self) -> Path:
        """The template's data folder, built at the first call.

        :raises InstallationFailed: MariaDB could not make it
        """
        template = self._folder / "template"
        with self._template_lock:
            if not template.exists():
                self._install(template)
        return template

    def database(self, name: str, address: str, port: int) -> "Database":
        """A database that is not there yet; see ``Database.create``."""
        folder = self._folder / name
        folder.mkdir(mode=0o700)
        (folder / "tmp").mkdir()
        self._give_away(folder, folder / "tmp")
        return Database(self, folder, address, port)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a data folder, sharing its blocks where the file system can, and leaving out those that are empty."""
        command: list[str | Path] = ["cp", "-a", "--reflink=auto", "--sparse=always", source, target]
        subprocess.run(command, check=True, capture_output=True)

    def snapshot_folder(self, name: str) -> Path:
        """Where the copy called ``name`` belongs."""
        snapshots = self._folder / "snapshots"
        snapshots.mkdir(mode=0o700, exist_ok=True)
        self._give_away(snapshots)
        return snapshots / name

    def launch(self, folder: Path) -> Process:
        """Start mariadbd on the settings in ``folder``."""
        with (self._logs / f"{folder.name}.log").open("ab") as log:
            return self._processes.start(
                f"mariadbd {folder.name}",
                ["mariadbd", f"--defaults-file={folder}/my.cnf"],
                folder=folder,
                user=self._user,
                stdout=log,
                stderr=log,
            )

    def last_error(self, folder: Path) -> str:
        """The last error that the server in ``folder`` wrote, for people."""
        text = (self._logs / f"{folder.name}.log").read_text(errors="replace")
        errors = re.findall(r"\[ERROR\] (.*)", text)
        return errors[-1] if errors else "it wrote no error"

    def connect(self, folder: Path) -> "pymysql.Connection[Cursor]":
        """A connection as the platform's own account."""
        return pymysql.connect(
            unix_socket=f"{folder}/socket",
            user=PLATFORM_ACCOUNT,
            password=self._password,
            autocommit=True,
            connect_timeout=5,
            read_timeout=60,
        )

    def _install(self, template: Path) -> None:
        part, accounts = self._folder / "template.part", self._folder / "accounts.sql"
        accounts.touch(mode=0o600)
        accounts.write_text(_ACCOUNTS_OF_A_NEW_SERVER.format(account=PLATFORM_ACCOUNT, password=self._password))
        self._give_away(accounts)
        command = [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={part}",
            "--skip-test-db",
            "--skip-name-resolve",
            "--auth-root-authentication-method=socket",
            f"--extra-file={accounts}",
            "--innodb-log-file-size=16M",
        ]
        file = self._logs / "template.log"
        with file.open("ab") as log:
            installation = self._processes.start(
                "mariadb-install-db", command, folder=self._folder, user=self._user, stdout=log, stderr=log
            )
        installation.wait()
        if status := installation.kill():
            raise InstallationFailed(f"mariadb-install-db ended with status {status}: see {file}")
        accounts.unlink()
        part.rename(template)

    def _give_away(self, *paths: Path) -> None:
        if self._user:
            account = pwd.getpwnam(self._user)
            for path in paths:
                os.chown(path, account.pw_uid, account.pw_gid)

    def _installed_version(self) -> str:
        command = ["mariadbd", "--no-defaults", "--version"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        match = re.search(r"Ver (\d+\.\d+\.\d+)-MariaDB", text)
        if not match:
            raise RuntimeError(f"mariadbd says {text.strip()!r}: expected a version of MariaDB")
        return match[1]


class Database:
    """One MariaDB server and its files."""

    def __init__(self, engine: Engine, folder: Path, address: str, port: int) -> None:
        self._engine = engine
        self._folder = folder
        self.address = address
        self.port = port
        self._process: Process | None = None

    def create(self, source: Path) -> None:
        """Fill it with a copy of the data folder ``source``."""
        self._engine.copy(source, self._folder / "data")

    def start(self, options: Mapping[str, str], on_crash: Callable[[], None]) -> None:
        """Start it and return once it answers.

        :param options: MariaDB's own settings, beside those that every database here has
        :param on_crash: called once, from a thread of its own, if it ends without having been told to
        :raises StartFailed: it did not come up; the message has what it said last
        """
        settings = _SETTINGS.format(folder=self._folder, address=self.address, port=self.port)
        settings += "".join(f"{name}={_quoted(value)}\n" for name, value in sorted(options.items()))
        (self._folder / "my.cnf").write_text(settings)
        (self._folder / "my.cnf").chmod(0o644)
        self._process = self._engine.launch(self._folder)
        deadline = time.monotonic() + _START_SECONDS
        try:
            while not self._answers():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise StartFailed(f"the server did not come up: {self._engine.last_error(self._folder)}")
                time.sleep(_POLL_SECONDS)
        except StartFailed:
            self._process.kill()
            self._process = None
            raise
        watched = self._process
        threading.Thread(target=self._watch, args=(watched, on_crash), name=watched.name, daemon=True).start()

    def stop(self) -> None:
        """Stop it in order."""
        process, self._process = self._process, None
        if process:
            process.stop(_STOP_SECONDS)

    def remove(self) -> None:
        """Kill it, if it runs, and remove its files."""
        process, self._process = self._process, None
        if process:
            process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def copy_to(self, target: Path) -> None:
        """Copy its data as of now.

        The server is halted while its files are copied, so the copy is what a disk would hold after a sudden
        stop at that moment: everything that was answered as committed is in it, nothing later is, and the server
        that starts on it recovers from its log. RDS's storage snapshots are of the same kind.
        """
        part = target.with_name(f"{target.name}.part")
        if self._process is None:
            self._engine.copy(self._folder / "data", part)
        else:
            with self._process.halted():
                self._engine.copy(self._folder / "data", part)
        part.rename(target)

    def set_master(self, user: str, password: str | None) -> None:
        """Make ``user`` the master user, with the privileges of one; None leaves the password as it is."""
        with self._cursor() as cursor:
            if password is not None:
                cursor.execute(f"CREATE USER IF NOT EXISTS {_name(user)}@'%%' IDENTIFIED BY %s", [password])
                cursor.execute(f"ALTER USER {_name(user)}@'%%' IDENTIFIED BY %s", [password])
            cursor.execute(f"GRANT {_MASTER_PRIVILEGES} ON *.* TO {_name(user)}@'%' WITH GRANT OPTION")

    def create_schema(self, name: str) -> None:
        """Create an empty schema."""
        with self._cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {_name(name)}")

    def set_variables(self, variables: Mapping[str, str]) -> None:
        """Change settings while it runs.

        :raises pymysql.Error: the server does not take one
        """
        with self._cursor() as cursor:
            for name, value in variables.items():
                number = re.fullmatch(r"-?\d+(\.\d+)?", value)
                cursor.execute(f"SET GLOBAL {_name(name)} = {value if number else '%s'}", None if number else [value])

    def _watch(self, watched: Process, on_crash: Callable[[], None]) -> None:
        watched.wait()
        if self._process is watched:
            self._process = None
            watched.kill()  # what else is in its session, and its record
            on_crash()

    def _answers(self) -> bool:
        try:
            self._engine.connect(self._folder).close()
        except pymysql.Error as error:
            if error.args[0] in _REFUSED:
                raise StartFailed(f"its account {PLATFORM_ACCOUNT} is gone or was changed ({error})") from error
            return False
        return True

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        connection = self._engine.connect(self._folder)
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def _name(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '\\"') + '"'
