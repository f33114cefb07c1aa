"""Put the model in the place of AWS, MySQL and a task's web page, for the real hooks and steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import pymysql

from snaplift.aws.hooks import mysql
from snaplift.aws.hooks.base import PlaceMixin
from snaplift.promotion.fingerprint import Fingerprint, Table
from tests.model.client import Client, Model
from tests.model.world import SERVING, Instance

REGION = "eu-central-1"
ACCOUNT = "123456789012"


class MySql:
    """What :mod:`snaplift.aws.hooks.mysql` does, with the model's databases."""

    def __init__(self, model: Model) -> None:
        self.world = model.world

    def _instance(self, server: mysql.Server, credentials: mysql.Credentials) -> Instance:
        found = self.world.instance_at(server.host)
        if found is None or found.status not in SERVING:
            raise pymysql.err.OperationalError(2003, f"Can't connect to MySQL server on '{server.host}'")
        if not found.opens(json.dumps({"username": credentials.username, "password": credentials.password})):
            raise pymysql.err.OperationalError(1045, f"Access denied for user '{credentials.username}'")
        return found

    def opens(self, server: mysql.Server, credentials: mysql.Credentials) -> bool:
        try:
            self._instance(server, credentials)
        except pymysql.err.OperationalError as error:
            if error.args[0] in mysql.REFUSED:
                return False
            raise
        return True

    def replace_application_users(
        self,
        server: mysql.Server,
        master: mysql.Credentials,
        application: mysql.Credentials,
        allowed: Callable[[str], None],
    ) -> list[str]:
        accounts = self._instance(server, master).data.accounts
        foreign = sorted(set(accounts) - {master.username, application.username})
        for user in foreign:
            allowed("DROP USER")
            del accounts[user]
        allowed("CREATE USER")
        accounts[application.username] = application.password
        return foreign

    def run(
        self,
        server: mysql.Server,
        master: mysql.Credentials,
        sql: Any,
        values: Any,
        allowed: Callable[[str], None],
        *,
        step: str = "adapt",
    ) -> list[int]:
        instance = self._instance(server, master)
        for _ in sql:
            allowed(f"a statement of {step}")
        instance.data.belongs_to = values["environment"]
        return [1 for _ in sql]

    def fingerprint(self, server: mysql.Server, credentials: mysql.Credentials) -> Fingerprint:
        instance = self._instance(server, credentials)
        instance.counted = self.world.now, instance.written
        return Fingerprint(tables={"notes": Table(rows=1 + instance.written)})

    def number(self, server: mysql.Server, credentials: mysql.Credentials, *_: Any) -> int:
        self._instance(server, credentials)
        return 1


@contextmanager
def plugged(model: Model) -> Iterator[None]:
    """Let everything that the product asks of AWS be answered by the model."""
    databases = MySql(model)

    def make_client(hook: Any, *_: Any, **__: Any) -> Client:
        return Client(model, hook.client_type, hook.fence)

    def ask(address: str, *_: Any) -> tuple[int, str]:
        task = next((t for t in model.world.tasks.values() if t.arn.rpartition("/")[2] == address), None)
        instance = model.world.instance_of(task.definition) if task else None
        secrets = [model.world.secrets.get(arn) for arn in model.world.secrets_of(task.definition)] if task else []
        serves = instance is not None and all(secret and instance.opens(secret) for secret in secrets)
        return (200, "hello") if task and task.status == "RUNNING" and serves else (0, "")

    with ExitStack() as stack:
        for name in ("opens", "replace_application_users", "run", "number", "fingerprint"):
            stack.enter_context(patch.object(mysql, name, getattr(databases, name)))
        stack.enter_context(patch.object(PlaceMixin, "get_client_type", make_client))
        # What Airflow keeps about a connection is asked of its supervisor; there is none, and no secret in here.
        stack.enter_context(patch.object(PlaceMixin, "region_name", REGION, create=True))
        stack.enter_context(patch.object(PlaceMixin, "account_id", ACCOUNT, create=True))
        stack.enter_context(patch("snaplift.aws.hooks.secrets_manager.mask_secret"))
        stack.enter_context(patch("snaplift.aws.steps.smoke._ask", ask))
        yield
