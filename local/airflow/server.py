"""Airflow's four processes: ``airflow standalone`` would also open its log servers, to everybody."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import httpx

from local.airflow.settings import HOST, USER, Settings
from local.programs import Programs

AIRFLOW = Path(sys.executable).with_name("airflow")
PROCESSES = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
_POLL_SECONDS = 0.25
_PRELOADED = ("snaplift.pipelines.loading", "snaplift.aws.steps.finish", "snaplift.stacks.database")


class NotReady(RuntimeError):
    """Airflow does not answer in time; the message says which part of it."""


def start(programs: Programs, settings: Settings) -> None:
    """Start a new Airflow, without history. It answers some ten seconds later: see ``wait_until_healthy``.

    :raises subprocess.CalledProcessError: its database could not be made
    """
    shutil.rmtree(settings.home, ignore_errors=True)
    settings.home.mkdir(parents=True, mode=0o700)
    passwords = os.open(settings.passwords_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(passwords, "w") as file:
        json.dump({USER: settings.password}, file)
    if settings.database:
        _migrate(settings.environment())
    else:
        shutil.copyfile(empty_database(), settings.home / "airflow.db")
    _preload(settings)
    for name in PROCESSES:
        start_process(programs, settings, name)


def start_process(programs: Programs, settings: Settings, name: str) -> None:
    """Start one of the processes, for the first time or again: its database stays."""
    commands = {
        "airflow-api-server": ["api-server", "--host", HOST, "--port", str(settings.port)],
        "airflow-scheduler": ["scheduler", "--skip-serve-logs"],
        "airflow-dag-processor": ["dag-processor"],
        "airflow-triggerer": ["triggerer", "--skip-serve-logs"],
    }
    programs.start(name, [AIRFLOW, *commands[name]], environment=settings.environment(), folder=settings.home)


def wait_until_healthy(programs: Programs, settings: Settings, seconds: float, tell: Callable[[str], None]) -> None:
    """Return once every part is healthy; ``tell`` hears what is still missing, whenever that changes.

    :raises NotReady: not all is, after ``seconds``
    :raises ProgramDied: a part of it ended
    """
    deadline = time.monotonic() + seconds
    told = None
    while missing := _missing(settings.url):
        programs.check()
        if time.monotonic() > deadline:
            raise NotReady(f"Airflow is not healthy after {seconds:.0f} s: waiting for {', '.join(missing)}")
        if missing != told:
            tell(f"waiting for {', '.join(missing)}")
            told = missing
        time.sleep(_POLL_SECONDS)


def _preload(settings: Settings) -> None:
    """Have what tasks import imported once, by the processes that tasks and parsers are forked from."""
    folder = settings.home / "config"  # on the import path of every process of Airflow's
    folder.mkdir()
    (folder / "airflow_local_settings.py").write_text("".join(f"import {module}\n" for module in _PRELOADED))


def _missing(url: str) -> list[str]:
    try:
        answer = httpx.get(f"{url}/api/v2/monitor/health", timeout=10)
        parts: dict[str, dict[str, str | None]] = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return ["api-server"]
    return [name.replace("_", "-") for name, part in parts.items() if part["status"] != "healthy"]


def empty_database() -> Path:
    """A database as ``airflow db migrate`` leaves it, made once for each version."""
    template = Path(sys.prefix) / "cache" / f"airflow-{version('apache-airflow-core')}.db"
    if not template.exists():
        template.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=template.parent) as home:
            environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
            _migrate(environment)
            with closing(sqlite3.connect(f"{home}/airflow.db")) as database:
                # Kept in the file: the processes' reads no longer wait for one another's writes.
                database.execute("PRAGMA journal_mode=WAL")
            os.replace(f"{home}/airflow.db", template)
    return template


def _migrate(environment: Mapping[str, str]) -> None:
    subprocess.run([AIRFLOW, "db", "migrate"], env=environment, check=True, capture_output=True)
