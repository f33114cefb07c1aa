"""snaplift on this machine: the laptop's AWS, Airflow, the sample sites' images and the configuration for them.

The demo starts one and leaves it up; each end-to-end test run starts one of its own in a folder of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import httpx
import yaml
from botocore.config import Config

from local.airflow import server
from local.airflow.client import Airflow
from local.airflow.postgres import Postgres
from local.airflow.settings import REPOSITORY, USER, Settings, aws_environment, clean_environment
from local.demo.ports import HOST, Ports
from local.images.build import build
from local.programs import Programs

AWS_PYTHON = REPOSITORY / ".venv-aws" / "bin" / "python"
REGION = "eu-central-1"
ACCOUNT = "000000000000"
AWS_SECONDS = 60.0
AIRFLOW_SECONDS = 180.0
# Airflow's state goes with it; the laptop's AWS has databases to end in order.
_AIRFLOW_GRACE = 2.0
_AWS_GRACE = 15.0


@dataclass(frozen=True)
class Image:
    """An image that is built and pushed: of which site, differing in what, under which tag."""

    site: str
    tag: str
    variant: str | None = None


IMAGES = (
    Image("wordpress", "stable"),
    Image("wordpress", "unhealthy", "broken-health"),
    Image("records", "stable"),
)


class Installation:
    """One running snaplift, with everything below one folder."""

    def __init__(
        self,
        root: Path,
        ports: Ports = Ports(),  # noqa: B008
        tell: Callable[[str], None] = print,
        airflow_options: Mapping[str, str] | None = None,
        *,
        on_postgres: bool = False,
    ) -> None:
        """Name one.

        :param root: holds state and logs; what an earlier run has left there is removed by ``start``
        :param airflow_options: beside the usual ones, by their environment variables
        :param on_postgres: Airflow's metadata database is a PostgreSQL server instead of a SQLite file
        """
        self.root = root.resolve()
        self.ports = ports
        self.programs = Programs(self.root)
        self.postgres = Postgres(self.programs, self.root / "postgres")
        self._on_postgres = on_postgres
        self.tell = tell
        self._airflow: Airflow | None = None
        self.settings = Settings(
            home=self.root / "airflow",
            port=ports.airflow,
            aws=aws_environment(self.endpoint, REGION, ACCOUNT),
            config=self.root / "config",
            more=airflow_options or {},
        )

    @property
    def endpoint(self) -> str:
        """Where the laptop's AWS answers."""
        return f"http://{HOST}:{self.ports.aws}"

    @property
    def airflow(self) -> Airflow:
        """A client of Airflow, logged in."""
        if self._airflow is None:
            self._airflow = Airflow(self.settings.url, USER, self.settings.password)
        return self._airflow

    def client(self, service: str) -> Any:
        """A boto3 client of the laptop's AWS."""
        return _client(service, self.endpoint)

    def site(self, namespace: str) -> str:
        """The address of a namespace's site."""
        return f"http://{namespace}.localhost:{self.ports.sites}"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The names of the platforms that the configuration has."""
        return tuple(yaml.safe_load((self.settings.config / "platforms.yaml").read_text())["platforms"])

    def start(self, images: tuple[Image, ...] = IMAGES, configure: Callable[[Path], None] = lambda _: None) -> None:
        """Start everything; it stands when this returns.

        :param configure: gets the folder with the copy of the configuration, to change it before anything reads it
        :raises ProgramDied, NotReady, NoPostgres, subprocess.CalledProcessError: a part did not start; the message
            says why
        """
        self.root.mkdir(parents=True, exist_ok=True)
        copy_configuration(REPOSITORY / "config", self.settings.config, self.ports)
        configure(self.settings.config)
        self._start_aws()
        if self._on_postgres:
            self.postgres.create()
            self.settings = replace(self.settings, database=self.postgres.url)
        server.start(self.programs, self.settings)
        self._wait_for_aws()
        self._push(images)
        server.wait_until_healthy(self.programs, self.settings, AIRFLOW_SECONDS, self.tell)
        self.tell(f"Airflow is at {self.settings.url}")

    def stop(self) -> int:
        """Stop everything, also what a killed run left. Returns how many programs were still running."""
        stopped = self.programs.stop(*server.PROCESSES, grace=_AIRFLOW_GRACE)
        self.postgres.remove()
        stopped += self.programs.stop_all(grace=_AWS_GRACE)
        if self._aws_state.exists() and AWS_PYTHON.exists():
            _local_aws("sweep", "--state-dir", self._aws_state)
        return stopped

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Ask the laptop's AWS what AWS does not have: delays, failures, the requests that sites got."""
        answer = httpx.request(method, f"{self.endpoint}/_local/{path}", json=body, timeout=30)
        if answer.is_error:
            raise RuntimeError(f"{method} /_local/{path} answered {answer.status_code}: {answer.text}")
        return answer.json()

    @property
    def _aws_state(self) -> Path:
        return self.root / "aws"

    def _start_aws(self) -> None:
        serve = ("serve", "--port", str(self.ports.aws), "--state-dir", str(self._aws_state))
        command = (AWS_PYTHON, "-m", "local.aws", *serve)
        self.programs.start("aws", command, environment=clean_environment(), folder=REPOSITORY)

    def _wait_for_aws(self) -> None:
        deadline = time.monotonic() + AWS_SECONDS
        while True:
            self.programs.check()
            try:
                self.control("GET", "delays")
            except (httpx.HTTPError, RuntimeError) as error:
                if time.monotonic() > deadline:
                    log = self.programs.tail("aws")
                    raise server.NotReady(
                        f"the laptop's AWS: no answer in {AWS_SECONDS:.0f} s; its log:\n{log}"
                    ) from error
                time.sleep(0.1)
            else:
                self.tell(f"AWS answers at {self.endpoint}")
                return

    def _push(self, images: tuple[Image, ...]) -> None:
        with ThreadPoolExecutor(max_workers=2) as pool:
            for image, digest in zip(images, pool.map(self._push_one, images), strict=True):
                self.tell(f"image {image.site}:{image.tag} is {digest[:19]}…")

    def _push_one(self, image: Image) -> str:
        folder = build(image.site, self.root / "images" / f"{image.site}-{image.tag}", image.variant)
        where = ("--endpoint", self.endpoint, "--repository", image.site, "--tag", image.tag)
        return _local_aws("push", *where, folder, environment=self.settings.aws)


def _local_aws(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Run one of the laptop's AWS's commands and return what it printed."""
    command = (AWS_PYTHON, "-m", "local.aws", *arguments)
    known = clean_environment() | dict(environment or {})
    done = subprocess.run(command, cwd=REPOSITORY, env=known, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"local.aws {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def copy_configuration(source: Path, target: Path, ports: Ports) -> None:
    """Copy the configuration, with this machine's ports in place of every listener's and every container's."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    file = target / "platforms.yaml"
    platforms = yaml.safe_load(file.read_text())
    for platform in platforms["platforms"].values():
        platform["listener"]["port"] = ports.sites
    file.write_text(yaml.safe_dump(platforms, sort_keys=False))
    for file in (target / "tenants").glob("*.yaml"):
        tenant = yaml.safe_load(file.read_text())
        for container in tenant["service"]["containers"].values():
            if container["port"] != ports.tasks:
                container["port"] = ports.tasks
                container["environment"]["SITE_PORT"] = str(ports.tasks)  # which the sample images serve on
        file.write_text(yaml.safe_dump(tenant, sort_keys=False))


@cache
def _client(service: str, endpoint: str) -> Any:
    config = Config(retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=5, read_timeout=60)
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
