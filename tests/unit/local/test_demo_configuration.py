from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from local.airflow.settings import REPOSITORY, Settings, aws_environment, clean_environment
from local.demo.installation import copy_configuration
from local.demo.ports import Ports


def test_every_platform_listens_where_the_demo_does_and_nothing_else_is_changed(tmp_path: Path) -> None:
    source = REPOSITORY / "config"
    copy_configuration(source, tmp_path / "config", Ports(sites=9999))
    before = yaml.safe_load((source / "platforms.yaml").read_text())
    after = yaml.safe_load((tmp_path / "config" / "platforms.yaml").read_text())
    assert {platform["listener"].pop("port") for platform in after["platforms"].values()} == {9999}
    for platform in before["platforms"].values():
        del platform["listener"]["port"]
    assert after == before
    tenants = {file.name: yaml.safe_load(file.read_text()) for file in (tmp_path / "config" / "tenants").iterdir()}
    assert tenants == {file.name: yaml.safe_load(file.read_text()) for file in (source / "tenants").iterdir()}


def test_where_the_usual_port_is_taken_the_tasks_serve_on_another(tmp_path: Path) -> None:
    copy_configuration(REPOSITORY / "config", tmp_path / "config", Ports(tasks=8083))
    tenants = [yaml.safe_load(file.read_text()) for file in (tmp_path / "config" / "tenants").iterdir()]
    containers = [container for tenant in tenants for container in tenant["service"]["containers"].values()]
    assert [container["port"] for container in containers] == [8083, 8083]
    assert [container["environment"]["SITE_PORT"] for container in containers] == ["8083", "8083"]


def test_a_developers_own_credentials_and_airflow_settings_do_not_reach_our_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW_CONN_AWS_DEFAULT"):
        monkeypatch.setenv(name, "the developer's")
    aws = aws_environment("http://127.0.0.1:4566", "eu-central-1", "000000000000")
    settings = Settings(home=tmp_path, port=8080, aws=aws, config=tmp_path)
    assert "the developer's" not in [*clean_environment().values(), *settings.environment().values()]


def test_airflow_listens_on_loopback_and_tells_nobody_its_secrets(tmp_path: Path) -> None:
    aws = aws_environment("http://127.0.0.1:4566", "eu-central-1", "000000000000")
    settings = Settings(home=tmp_path, port=8080, aws=aws, config=tmp_path)
    environment = settings.environment()
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"
    assert settings.password not in repr(settings)
    assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] not in repr(settings)
