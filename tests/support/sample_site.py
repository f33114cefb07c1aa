"""A MariaDB of the test's own, and tasks of the sample sites' images over it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pymysql

DEV = "http://xy-0146-dev.localhost:8088"
QA = "http://xy-0146-qa.localhost:8088"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
AS_ROOT = ["--user=root"] if os.geteuid() == 0 else []  # a server that refuses root unless told


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.02)


@dataclass
class Database:
    """A MariaDB server over one data directory; root has no password, on its socket only."""

    data: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket_path(self) -> str:
        return f"{self.data}.sock"

    def install(self) -> "Database":
        command = ["mariadb-install-db", "--no-defaults", *AS_ROOT, f"--datadir={self.data}", "--skip-test-db"]
        options = ["--innodb-log-file-size=16M", "--auth-root-authentication-method=normal"]
        subprocess.run([*command, *options], check=True, capture_output=True, env={"PATH": PATH})
        return self

    def start(self) -> "Database":
        with open(f"{self.data}.log", "ab") as log:
            self.process = subprocess.Popen(
                ["mariadbd", "--no-defaults", *AS_ROOT, f"--datadir={self.data}", f"--socket={self.socket_path}",
                 "--bind-address=127.0.0.1", f"--port={self.port}", f"--pid-file={self.data}.pid",
                 "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M"],
                stdout=log, stderr=log, env={"PATH": PATH},
            )  # fmt: skip
        wait_until(self.answers, f"mariadbd, see {self.data}.log")
        return self

    def answers(self) -> bool:
        with contextlib.suppress(pymysql.Error):
            self.rows("DO 0")
            return True
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def connect(self, schema: str | None = None, **more: Any) -> "pymysql.Connection[Any]":
        return pymysql.connect(user="root", unix_socket=self.socket_path, database=schema, autocommit=True, **more)

    def rows(self, *statements: str, schema: str | None = None) -> list[tuple[Any, ...]]:
        with self.connect(schema) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def give(self, schema: str, user: str) -> None:
        self.rows(
            f"CREATE DATABASE IF NOT EXISTS {schema} CHARACTER SET utf8mb4",
            f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{user}-password'",
            f"GRANT ALL ON {schema}.* TO {user}",
        )

    def dump(self, schema: str) -> str:
        command = ["mariadb-dump", "--no-defaults", "-S", self.socket_path, "-u", "root", schema]
        return subprocess.run(command, check=True, capture_output=True).stdout.decode(errors="replace")


@dataclass
class Task:
    """One environment's task: an image and its settings."""

    image: Path
    database: Database
    url: str
    schema: str = "site"
    user: str = "dev"
    port: int = field(default_factory=free_port)
    prefix: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        own = {"SITE_URL": self.url, "SITE_SALT": f"{self.user}-salt", "SITE_PORT": str(self.port), "PATH": PATH}
        db = {"HOST": "127.0.0.1", "PORT": str(self.database.port), "NAME": self.schema, "USER": self.user}
        db["PASSWORD"] = f"{self.user}-password"
        return own | {f"DB_{name}": value for name, value in db.items()} | more

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.image / "entrypoint"), *arguments]

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        env = self.environment(**settings)
        return subprocess.run(
            self.command(*arguments), cwd=self.image, env=env, capture_output=True, text=True, timeout=60
        )

    def report(self, *arguments: str, **settings: str) -> dict[str, Any]:
        """Run a command that has to succeed; what it reports."""
        done = self.run(*arguments, **settings)
        assert done.returncode == 0, done.stderr + done.stdout
        return dict(json.loads(done.stdout))

    @contextlib.contextmanager
    def serving(self, healthy: bool = True) -> Iterator["Task"]:
        log = Path(f"{self.image}.{self.port}.log")
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                self.command(), cwd=self.image, env=self.environment(), stdout=out, stderr=out
            )
        try:
            if healthy:
                wait_until(lambda: self.status("/healthz") == 200, f"a healthy task, see {log}")
            yield self
        finally:
            self.process.terminate()
            self.process.wait(40)

    def get(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        headers = {"Host": httpx.URL(self.url).netloc.decode()}
        return httpx.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=30, **more)

    def status(self, path: str) -> int | None:
        with contextlib.suppress(httpx.TransportError):
            return self.get(path).status_code
        return None
