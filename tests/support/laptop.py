"""The laptop's AWS as a process of its own, started for tests.

with start_laptop(tmp_path) as laptop:
    laptop.client("rds").describe_db_instances()
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

import boto3
from botocore.config import Config

REPOSITORY = Path(__file__).parents[2]
REGION = "us-east-1"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOG_LINES_SHOWN = 60
READY = re.compile(rb"^AWS is at (http://127\.0\.0\.1:(\d+))\b", re.MULTILINE)


class LaptopError(RuntimeError):
    """The laptop's AWS did not start, died, or refused a control call; the message says why."""


def aws_client(service: str, endpoint_url: str | None, region: str = REGION) -> Any:
    """A boto3 client for an endpoint; without one, for AWS itself with the caller's own credentials."""
    config = Config(retries={"max_attempts": 2, "mode": "standard"}, connect_timeout=5, read_timeout=60)
    session: Any = boto3.Session()  # the typed one takes only literal names
    if endpoint_url is None:
        return session.client(service, region_name=region, config=config)
    return session.client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        config=config,
        aws_access_key_id="000000000000",
        aws_secret_access_key="test",
    )


class Laptop:
    """A running laptop's AWS. Use `start_laptop`; leaving its context stops it."""

    def __init__(self, process: subprocess.Popen[bytes], state_dir: Path, log: Path, log_start: int = 0) -> None:
        self.endpoint_url = ""
        self.port = 0
        self.state_dir = state_dir
        self.log = log
        self._log_start = log_start
        self._process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client of a service, with credentials that only this laptop takes."""
        return aws_client(service, self.endpoint_url, region)

    def environment(self) -> dict[str, str]:
        """The variables by which any AWS client, Airflow's included, reaches this laptop."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def delays(self) -> dict[str, float]:
        """Every settable delay, in seconds."""
        return {name: float(seconds) for name, seconds in self.control("GET", "delays").items()}

    def set_delays(self, seconds: Mapping[str, float]) -> None:
        """Set some delays, in seconds, until they are set again. Raises LaptopError for an unknown name."""
        self.control("PUT", "delays", dict(seconds))

    def set_failures(self, failures: Mapping[str, str | None]) -> None:
        """Let named steps (`rds.restore`, …) end in the failure given; None lets them succeed again."""
        self.control("PUT", "failures", dict(failures))

    def set_faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the rules of `local/aws/faults.py`; without one nothing is struck."""
        self.control("PUT", "faults", {"rules": [dict(rule) for rule in rules]})

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call `/_local/<path>` and return its JSON. Raises LaptopError when it answers an error."""
        request = urllib.request.Request(
            f"{self.endpoint_url}/_local/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            answer = error.read().decode(errors="replace")
            raise LaptopError(f"{method} /_local/{path} answered {error.code}: {answer}") from error

    def log_tail(self, lines: int = LOG_LINES_SHOWN) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Stop it and everything that it started. Raises LaptopError if it did not end well."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise LaptopError(f"did not stop in {STOP_SECONDS:.0f} s; its log:\n{self.log_tail()}") from None
        if status != 0:
            raise LaptopError(f"ended with status {status}; its log:\n{self.log_tail()}")

    def wait_until_ready(self, seconds: float) -> None:
        """Return once it says that it answers. Raises LaptopError when it dies before, or after `seconds`."""
        deadline = time.monotonic() + seconds
        # Its own word, not an answer on the port: that could be another's.
        while not (ready := READY.search(self.log.read_bytes(), self._log_start)):
            if (status := self._process.poll()) is not None:
                raise LaptopError(f"died at start with status {status}; its log:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                raise LaptopError(f"not ready after {seconds:.0f} s; its log:\n{self.log_tail()}")
            time.sleep(0.1)
        self.endpoint_url, self.port = ready[1].decode(), int(ready[2])


def start_laptop(
    state_dir: Path,
    port: int = 0,
    *,
    delays: Mapping[str, float] | None = None,
    start_seconds: float = START_SECONDS,
) -> Laptop:
    """Start the laptop's AWS on a loopback port and return it once it answers.

    :param state_dir: where it keeps its state and its log; every start is a fresh one
    :param port: 0 takes a free one
    :param delays: seconds by name; `{"*": 0}` sets every delay that is not named
    :raises LaptopError: it died, or did not answer within `start_seconds`; the message ends with its log
    """
    interpreter = Path(os.environ.get("SNAPLIFT_AWS_PYTHON", REPOSITORY / ".venv-aws" / "bin" / "python"))
    if not interpreter.exists():
        raise LaptopError(f"no interpreter at {interpreter}: run `make setup`, or set SNAPLIFT_AWS_PYTHON")
    state_dir.mkdir(parents=True, exist_ok=True)
    log = state_dir / "laptop.log"
    log_start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = _spawn(interpreter, port, state_dir, output)
    laptop = Laptop(process, state_dir, log, log_start)
    laptop.wait_until_ready(start_seconds)
    if delays:
        wanted = dict(delays)
        rest = wanted.pop("*", None)
        known = {} if rest is None else dict.fromkeys(laptop.delays(), rest)
        try:
            laptop.set_delays({**known, **wanted})
        except LaptopError:
            laptop.stop()
            raise
    return laptop


def _spawn(interpreter: Path, port: int, state_dir: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
    serve = [str(interpreter), "-m", "local.aws", "serve", "--port", str(port), "--state-dir", str(state_dir)]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *serve],  # it ends with the tests even if those are killed
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a Ctrl-C in the terminal reaches the tests alone, which then stop it in order
    )
