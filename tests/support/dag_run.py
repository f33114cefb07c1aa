"""Run a DAG once in an Airflow without processes of its own: its database, its execution API, in one command."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.airflow.server import AIRFLOW, empty_database
from local.airflow.settings import REPOSITORY, Settings


def run_dag(
    dag_id: str,
    home: Path,
    configuration: Path,
    aws: Mapping[str, str],
    *,
    dags: Path = REPOSITORY / "dags",
    variables: Mapping[str, str] | None = None,
    conf: Mapping[str, object] | None = None,
) -> str:
    """Run it and return the log.

    :param variables: Airflow's variables, by name.
    :param conf: of the run: its params.
    """
    home.mkdir()
    shutil.copyfile(empty_database(), home / "airflow.db")
    settings = Settings(home=home, port=1, aws=aws, config=configuration, dags=dags)
    given = {f"AIRFLOW_VAR_{name.upper()}": value for name, value in (variables or {}).items()}
    done = subprocess.run(
        [AIRFLOW, "dags", "test", dag_id, *(["--conf", json.dumps(conf)] if conf else [])],
        env={**settings.environment(), **given},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
