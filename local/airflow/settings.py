"""What one Airflow is told, all of it by environment variables."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
REPOSITORY = Path(__file__).parents[2]
USER = "admin"

# Of the caller's own environment only this is handed on: neither the AWS credentials nor the Airflow settings that
# a developer may have must reach a process that is meant for this machine alone.
_KEPT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TERM", "TMPDIR", "USER")


@dataclass(frozen=True)
class Settings:
    """One Airflow: where it keeps its state, what it runs, and which AWS it talks to."""

    home: Path
    """AIRFLOW_HOME; made new at each start."""
    port: int
    """Of the web interface and the REST API, on loopback."""
    aws: Mapping[str, str]
    """The variables by which an AWS client finds its endpoint and credentials."""
    config: Path
    """snaplift's configuration folder."""
    dags: Path = REPOSITORY / "dags"
    plugins: Path = REPOSITORY / "plugins"
    database: str = ""
    """The URL of the metadata database; empty: a SQLite file below ``home``."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Options beside those below, or instead of them, by their environment variables."""
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    """The password of the user ``admin``; made up for this start."""
    _secret: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def passwords_file(self) -> Path:
        return self.home / "passwords.json"

    def environment(self) -> dict[str, str]:
        """The whole environment of Airflow's processes."""
        own = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONN_AWS_DEFAULT": self._connection(),
            "SNAPLIFT_CONFIG": str(self.config),
            "NO_PROXY": "127.0.0.1,localhost,.localhost",
            "PYTHONUNBUFFERED": "1",
        }
        options = {
            f"AIRFLOW__{section}__{option}".upper(): value
            for section, pairs in self._options().items()
            for option, value in pairs.items()
        }
        return clean_environment() | dict(self.aws) | own | options | dict(self.more)

    def _options(self) -> dict[str, dict[str, str]]:
        return {
            "core": {
                "dags_folder": str(self.dags),
                "plugins_folder": str(self.plugins),
                "load_examples": "False",
                "executor": "LocalExecutor",
                "parallelism": "8",
                # A nightly promotion must not begin by itself here; what is triggered by hand is unpaused first.
                "dags_are_paused_at_creation": "True",
                "execution_api_server_url": f"{self.url}/execution/",
                "simple_auth_manager_users": f"{USER}:admin",
                "simple_auth_manager_passwords_file": str(self.passwords_file),
                "dagbag_import_error_tracebacks": "False",
            },
            "api": {
                "host": HOST,
                "port": str(self.port),
                "base_url": self.url,
                "workers": "1",
                "secret_key": self._secret[:43],
            },
            "api_auth": {"jwt_secret": self._secret},
            "database": {"sql_alchemy_conn": self.database or f"sqlite:///{self.home}/airflow.db"},
            "scheduler": {"scheduler_idle_sleep_time": "0.1"},
            "dag_processor": {"refresh_interval": "30", "min_file_process_interval": "120"},
            "logging": {"base_log_folder": str(self.home / "logs")},
            "usage_data_collection": {"enabled": "False"},
        }

    def _connection(self) -> str:
        return json.dumps(
            {
                "conn_type": "aws",
                "login": self.aws["AWS_ACCESS_KEY_ID"],
                "password": self.aws["AWS_SECRET_ACCESS_KEY"],
                "extra": {"region_name": self.aws["AWS_DEFAULT_REGION"]},
            }
        )


def clean_environment() -> dict[str, str]:
    """What of the caller's environment a program of ours may know."""
    return {name: value for name, value in os.environ.items() if name in _KEPT}


def aws_environment(endpoint: str, region: str, account: str) -> dict[str, str]:
    """The variables by which any AWS client reaches the laptop's AWS, and nothing else.

    :param account: twelve digits; the laptop's AWS takes an access key that is a number for the account
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
