"""docker-compose.yaml, without a Docker engine: against the Compose specification's schema, and what we ask of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
FILE = REPOSITORY / "docker-compose.yaml"
AIRFLOW = {
    "airflow-init",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-worker",
    "airflow-triggerer",
}
LAPTOP = {"laptop-aws", "laptop-sites"}
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")
_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)(\[[^]]*\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
    return found


@pytest.fixture(scope="module")
def settings(services: dict[str, dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = services["airflow-worker"]["environment"]
    return found


def test_it_is_what_the_compose_specification_allows() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_component_of_airflow_is_there_and_the_laptops_aws_only_in_its_profile(
    services: dict[str, dict[str, Any]],
) -> None:
    assert set(services) == AIRFLOW | LAPTOP | {"postgres", "redis"}
    assert {name for name, service in services.items() if service.get("profiles") == ["laptop"]} == LAPTOP


def test_every_published_port_is_on_loopback(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_all_components_of_airflow_are_told_the_same(
    services: dict[str, dict[str, Any]], settings: dict[str, str]
) -> None:
    for name in AIRFLOW:
        assert {key: services[name]["environment"].get(key) for key in settings} == settings, name


def test_every_secret_must_come_from_the_environment(settings: dict[str, str]) -> None:
    secret = {
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__CELERY__RESULT_BACKEND",
        "AIRFLOW__CELERY__BROKER_URL",
    }
    for name in secret:
        variables = list(_VARIABLE.finditer(settings[name]))
        assert variables, name
        assert all(variable["rest"].startswith(":?") for variable in variables), name


def test_no_secret_is_an_argument_of_a_process(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        shown = yaml.safe_dump([service.get("command"), service.get("entrypoint"), service.get("healthcheck")])
        assert not _VARIABLE.search(shown), name


def test_celery_has_its_broker_its_results_and_the_execution_api(settings: dict[str, str]) -> None:
    assert settings["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert settings["AIRFLOW__CELERY__BROKER_URL"].startswith("redis://")
    assert settings["AIRFLOW__CELERY__RESULT_BACKEND"].startswith("db+postgresql://")
    assert settings["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://airflow-api-server:8080/execution/"


def test_every_long_running_service_says_whether_it_is_healthy(services: dict[str, dict[str, Any]]) -> None:
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {"airflow-init", "laptop-sites"}


def test_no_component_opens_a_log_server(services: dict[str, dict[str, Any]]) -> None:
    for name in ("airflow-worker", "airflow-scheduler", "airflow-triggerer"):
        assert "--skip-serve-logs" in services[name]["command"], name


def test_what_is_mounted_and_built_from_is_in_the_repository(services: dict[str, dict[str, Any]]) -> None:
    mounted = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    paths = [path for path in mounted if path.startswith("./")]
    paths += [service["build"]["dockerfile"] for service in services.values() if "build" in service]
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
    assert {"./dags", "./plugins", "./include", "./config"} <= mounted


def test_the_dockerfile_has_every_stage_and_file_that_is_asked_for(services: dict[str, dict[str, Any]]) -> None:
    text = (REPOSITORY / "docker" / "Dockerfile").read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
    assert {service["build"]["target"] for service in services.values() if "build" in service} == stages
    copied = re.findall(r"^COPY (?:--\S+ )*(\S+) \S+$", text, re.MULTILINE)
    assert copied
    assert [path for path in copied if not (REPOSITORY / path).exists()] == []


def test_the_laptops_image_can_ask_for_its_packages_with_what_is_copied_before(tmp_path: Path) -> None:
    before, command, _ = re.split(r"^RUN (\S+/packages\.sh)$", _stage("laptop"), flags=re.MULTILINE)
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", before, re.MULTILINE):
        copy = shutil.copytree if (REPOSITORY / source).is_dir() else shutil.copy
        (tmp_path / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        copy(REPOSITORY / source, tmp_path / target.lstrip("/"))
    found = subprocess.run([tmp_path / command.lstrip("/"), "--check"], capture_output=True, text=True)
    assert found.returncode in {0, 3}, found.stderr  # all there, or some are missing on this machine


def _stage(name: str) -> str:
    stages = re.split(r"^FROM \S+ AS (\S+)$", (REPOSITORY / "docker" / "Dockerfile").read_text(), flags=re.MULTILINE)
    return dict(zip(stages[1::2], stages[2::2], strict=True))[name]


def test_the_image_has_the_versions_that_the_tests_run_with() -> None:
    tested, shipped = (_pins(REPOSITORY / name) for name in ("requirements-dev.txt", "docker/requirements.txt"))
    product = _pins(REPOSITORY / "requirements.txt")
    assert {name: shipped[name] for name in product} == {name: tested[name] for name in product} == product
    assert {"celery", "psycopg2-binary", "redis", "apache-airflow-providers-postgres"} <= set(shipped)


def test_an_environment_file_is_written_with_every_variable_that_is_required(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    shutil.copy(REPOSITORY / "docker" / "make-env.sh", tmp_path / "docker")
    shutil.copy(REPOSITORY / ".env.example", tmp_path)
    subprocess.run([tmp_path / "docker" / "make-env.sh"], check=True, capture_output=True)
    written = dict(
        line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if re.match(r"[A-Z_]+=", line)
    )
    required = {found["name"] for found in _VARIABLE.finditer(FILE.read_text()) if found["rest"].startswith(":?")}
    assert required == {name for name in written if written[name]}
    assert len({written[name] for name in required}) == len(required)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def _pins(lock: Path) -> dict[str, str]:
    return {found["name"]: found["version"] for found in _PIN.finditer(lock.read_text())}
