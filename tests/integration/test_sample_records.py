"""The second sample tenant as it is configured: environments of other names, data that is adapted by SQL."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pymysql
import pytest
from local.aws.ecr.push import push
from local.images.build import build
from local.load import Target, count_records

from snaplift.aws.steps import provision
from snaplift.config.loading import Configuration, load_configuration
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.run import Run
from tests.support.driving import PROVISION, Driver, drive
from tests.support.laptop import REPOSITORY, Laptop, start_laptop

REGION = "eu-central-1"
TENANT = "ab-0200"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """The samples, with a port that is free here."""
    root = tmp_path_factory.mktemp("records") / "config"
    shutil.copytree(REPOSITORY / "config", root)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    file = root / "platforms.yaml"
    file.write_text(file.read_text().replace("port: 8088", f"port: {port}"))
    return load_configuration(root)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("records-aws")
    with start_laptop(folder / "state", delays={"*": 0.05}) as laptop, pytest.MonkeyPatch.context() as patch:
        for name, value in {**laptop.environment(), "AWS_DEFAULT_REGION": REGION}.items():
            patch.setenv(name, value)
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", '{"conn_type": "aws"}')
        push(laptop.endpoint_url, "records", "stable", build("records", folder / "image"))
        yield laptop


@pytest.fixture(scope="module")
def promoted(laptop: Laptop, configuration: Configuration) -> Configuration:
    """dev is made from nothing, and its data is promoted to staging."""
    platforms, tenant = configuration.platforms, configuration.tenants[TENANT]
    run = Run(installation=platforms.installation, dag_id="platform.provision", run_id="1")
    for name in platforms.platforms:
        drive(partial(provision.provision_platform, platforms, name, run))
    for name in ("dev", "staging"):
        drive(partial(provision.provision_namespace, platforms, tenant, name, run))
    Driver(platforms, tenant, "dev", "1").promote("origin", steps=PROVISION)
    Driver(platforms, tenant, "staging", "2").promote("new")
    return configuration


def active(laptop: Laptop, environment: str) -> Any:
    name = f"/snaplift/{TENANT}/{environment}/pointer"
    value = laptop.client("ssm", REGION).get_parameter(Name=name)["Parameter"]["Value"]
    return Pointer.parse(value, name).active


def credentials(laptop: Laptop, environment: str) -> dict[str, str]:
    arn = active(laptop, environment).database.secret
    text = laptop.client("secretsmanager", REGION).get_secret_value(SecretId=arn)["SecretString"]
    found: dict[str, str] = json.loads(text)
    return found


def connect(laptop: Laptop, environment: str, given: dict[str, str]) -> Any:
    name = active(laptop, environment).database.name
    [instance] = laptop.client("rds", REGION).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return pymysql.connect(
        host=instance["Endpoint"]["Address"],
        port=instance["Endpoint"]["Port"],
        user=given["username"],
        password=given["password"],
        database="records",
    )


def site(configuration: Configuration, environment: str) -> Target:
    port = configuration.platforms.platforms["platform-nonprod"].listener.port
    return Target(f"http://{TENANT}-{environment}.localhost:{port}", f"127.0.0.1:{port}")


def test_staging_serves_devs_records(laptop: Laptop, promoted: Configuration) -> None:
    assert count_records(site(promoted, "dev")) == count_records(site(promoted, "staging")) == 100


def test_the_copy_is_stagings_own(laptop: Laptop, promoted: Configuration) -> None:
    with connect(laptop, "staging", credentials(laptop, "staging")) as database, database.cursor() as cursor:
        cursor.execute("SELECT value FROM settings WHERE name = 'environment'")
        assert cursor.fetchall() == (("staging",),)
        cursor.execute("SELECT COUNT(*) FROM outbox")
        assert cursor.fetchall() == ((0,),)


def test_devs_credentials_open_dev_and_not_staging(laptop: Laptop, promoted: Configuration) -> None:
    of_dev = credentials(laptop, "dev")
    connect(laptop, "dev", of_dev).close()
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        connect(laptop, "staging", of_dev)
