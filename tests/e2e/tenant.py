"""What the end-to-end tests do with a tenant, and what they look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pymysql
from local.airflow.client import Run
from local.demo.following import Followed, follow
from local.demo.installation import Installation
from local.demo.site import Site
from local.demo.truths import World, survey, truths
from local.load import SiteError

from snaplift.naming import Namespace, Tenant
from snaplift.promotion.pointer import DatabaseReference, Pointer

TENANT = Tenant.parse("xy-0146")
ENVIRONMENTS = ("dev", "qa", "prod")
RUN_SECONDS = 400.0

Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Account:
    """Who may log in to a database, and where."""

    host: str
    port: int
    user: str
    password: str
    database: str


@dataclass(frozen=True)
class Standing:
    """What an abort has to leave as it was."""

    pointers: dict[Namespace, Pointer]
    revision: str | None
    """That the service runs."""
    databases: frozenset[str]
    stacks: frozenset[str]


class TenantUnderTest:
    """The tenant of one installation."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.namespaces = [Namespace(TENANT, environment) for environment in ENVIRONMENTS]

    def site(self, environment: str) -> Site:
        return Site(self.installation, Namespace(TENANT, environment))

    # -- runs -------------------------------------------------------------------------------------------------

    def start(self, dag_id: str, conf: Mapping[str, object]) -> Run:
        self.installation.airflow.wait_for_dags([dag_id], RUN_SECONDS)
        return self.installation.airflow.trigger(dag_id, conf)

    def start_promotion(self, environment: str, release: str, build: str = "") -> Run:
        conf = {"environment": environment, "release": release, "build": build, "dry_run": False}
        return self.start(TENANT.promote_dag_id, conf)

    def end(self, runs: Mapping[str, Run]) -> dict[str, Followed]:
        return follow(self.installation.airflow, runs, RUN_SECONDS, self.installation.tell)

    def promote(self, environment: str, release: str, build: str = "") -> Followed:
        label = f"{environment} {release} {build}".strip()
        return self.end({label: self.start_promotion(environment, release, build)})[label]

    def must_succeed(self, wanted: Mapping[str, tuple[str, Mapping[str, object]]]) -> None:
        ended = self.end({label: self.start(dag_id, conf) for label, (dag_id, conf) in wanted.items()})
        unwell = [f"{label}: {one.state}, {one.failures}" for label, one in ended.items() if one.state != "success"]
        if unwell:
            raise AssertionError("; ".join(unwell))

    # -- what stands ------------------------------------------------------------------------------------------

    def world(self) -> World:
        return survey(self.installation, self.namespaces)

    def untrue(self) -> list[str]:
        """What does not hold that has to hold when no promotion is under way."""
        return [f"{one.words}: {one.found}" for one in truths(self.installation, self.namespaces) if not one.holds]

    def standing(self, environment: str) -> Standing:
        world = self.world()
        return Standing(world.pointers, self.revision(environment), frozenset(world.instances), world.stacks)

    def revision(self, environment: str) -> str | None:
        try:
            deployments = self.site(environment).service()["deployments"]
        except SiteError:
            return None
        return next(str(one["taskDefinition"]) for one in deployments if one["status"] == "PRIMARY")

    # -- databases --------------------------------------------------------------------------------------------

    def active_database(self, environment: str) -> DatabaseReference:
        active = self.site(environment).pointer().active
        assert active is not None
        assert active.database is not None
        return active.database

    def account(self, environment: str) -> Account:
        """The application's, as the service has it."""
        database = self.active_database(environment)
        found = self.installation.client("rds").describe_db_instances(DBInstanceIdentifier=database.name)
        endpoint = found["DBInstances"][0]["Endpoint"]
        secret = self.installation.client("secretsmanager").get_secret_value(SecretId=database.secret)
        credentials = json.loads(secret["SecretString"])
        return Account(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user=credentials["username"],
            password=credentials["password"],
            database=found["DBInstances"][0].get("DBName") or "wordpress",
        )

    def environment_secret(self, environment: str, variable: str) -> str:
        """A value that was generated once for the environment."""
        client = self.installation.client("secretsmanager")
        prefix = Namespace(TENANT, environment).environment_secrets
        listed = [one for page in client.get_paginator("list_secrets").paginate() for one in page["SecretList"]]
        [name] = [
            one["Name"] for one in listed if one["Name"].startswith(prefix) and one["Name"].endswith(f"/{variable}")
        ]
        return str(client.get_secret_value(SecretId=name)["SecretString"])

    def rows(self, environment: str, query: str) -> Rows:
        return ask(self.account(environment), query)


def ask(account: Account, query: str) -> Rows:
    """Ask a database. Raises pymysql.err.OperationalError when the login is refused."""
    connection = pymysql.connect(
        host=account.host,
        port=account.port,
        user=account.user,
        password=account.password,
        database=account.database,
        connect_timeout=10,
        autocommit=True,
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(query)
        return tuple(cursor.fetchall())
