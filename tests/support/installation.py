"""An installation on the laptop's AWS with one small tenant, and what is seen of it from outside."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pymysql
import yaml
from local.aws.ecr.push import push

from snaplift.aws.steps import provision
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.run import Run
from tests.support.driving import PROVISION, Driver, drive
from tests.support.laptop import Laptop

REGION: Final = "eu-central-1"
ACCOUNT: Final = "000000000000"
TENANT: Final = "xy-0146"
ENVIRONMENTS: Final = ("dev", "qa", "prod", "bare")
"""bare: for a first promotion that fails."""
BUILDS: Final = ("stable", "next", "sick", "tiring", "breaking", "crash")
"""Tags of the image: two good builds; one that never becomes healthy; two that are healthy until they have served some
visitors, of which one goes on to answer these well and one does not; one that ends at once."""

_PROGRAM: Final = """\
import http.server, json, os, pathlib, signal, sys, threading, time
import pymysql

BUILD = pathlib.Path("build").read_text()
WORN_AFTER = 5
served = 0


def is_worn():
    return BUILD in ("tiring", "breaking") and served >= WORN_AFTER or os.path.exists(os.environ.get("SICK", "/none"))


def is_broken():
    return BUILD == "breaking" and is_worn()


def ask(sql, *values):
    names = {"host": "DB_HOST", "user": "DB_USER", "password": "DB_PASSWORD", "database": "DB_NAME"}
    given = {name: os.environ[variable] for name, variable in names.items()}
    with pymysql.connect(port=int(os.environ["DB_PORT"]), connect_timeout=2, **given) as db, db.cursor() as cursor:
        for each in sql:
            cursor.execute(each, values or None)
        db.commit()
        return cursor.fetchall()


if sys.argv[1:2] == ["sql"]:
    ask(sys.argv[2:])
    sys.exit(0)
if sys.argv[1:2] == ["exit"]:
    sys.exit(int(sys.argv[2]))
if BUILD == "crash":
    sys.exit("cannot start")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global served
        body, status = b"", 200
        if self.path == "/healthz":
            status = 503 if BUILD == "sick" or is_worn() else 200
        elif is_broken():
            status = 500
        else:
            served += 1
            notes = ask(["SELECT COUNT(*) FROM notes"])[0][0]
            body = f"{os.environ['SITE_URL']} {BUILD} {notes} notes".encode()
        self.answer(status, body)

    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if is_broken():
            self.answer(500, b"")
            return
        time.sleep(float(given.get("seconds", 0)))
        ask(["INSERT INTO notes VALUES (%s)"], given["title"])
        self.answer(201, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # it ends when its requests have ended
    request_queue_size = 128


server = Server((os.environ["SNAPLIFT_TASK_ADDRESS"], 8080), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""

_PLATFORM: Final[dict[str, Any]] = {
    "region": REGION,
    "account": ACCOUNT,
    "load_balancers": [{"name": "web"}],
    "domain": "localhost",
    "engines": ["mariadb10.11"],
    "orchestrator": {"cidr": "10.0.0.0/8"},
}
_TENANT: Final[dict[str, Any]] = {
    "tenant": TENANT,
    "description": "Notes",
    "owner": "web-team",
    "environments": {
        "dev": {"platform": "platform-nonprod"},
        "qa": {"platform": "platform-nonprod", "from": "dev"},
        "prod": {"platform": "platform-prod", "from": "qa"},
        "bare": {"platform": "platform-nonprod", "from": "dev"},
    },
    "database": {"name": "notes"},
    "service": {
        "containers": {
            "web": {
                "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/notes",
                "tag": "stable",
                "port": 8080,
                "environment": {"SITE_URL": "${site_url}"},
            }
        },
        "count": 1,
        "health_check": {"path": "/healthz", "interval": "5s", "timeout": "2s", "unhealthy": 2, "grace": "1s"},
        "deployment": {"failures": 1, "drain": "0s", "deadline": "2m"},
    },
    "setup": {
        "command": [
            "sql",
            "CREATE TABLE notes (text VARCHAR(40))",
            "CREATE TABLE place (name VARCHAR(40))",
            "INSERT INTO place VALUES ('dev')",
            "INSERT INTO notes VALUES ('first')",
        ]
    },
    "adapt": [{"sql": ["UPDATE place SET name = %(environment)s"], "repeatable": True}],
    "smoke": [{"sql": "SELECT COUNT(*) FROM notes"}, {"path": "/", "contains": "${site_url}", "timeout": "20s"}],
}


def tenant(**changes: Any) -> Tenant:
    """The tenant, with sections replaced."""
    return Tenant.model_validate({**_TENANT, **changes})


def write_configuration(folder: Path, platforms: Platforms, **changes: Any) -> Path:
    """Write the configuration as files, as Airflow's processes read it; the tenant with sections replaced."""
    (folder / "tenants").mkdir(parents=True)
    found = {
        "installation": platforms.installation,
        "platforms": {
            name: _platform(number, each.listener.port, **_MORE.get(name, {}))
            for number, (name, each) in enumerate(platforms.platforms.items())
        },
    }
    (folder / "platforms.yaml").write_text(yaml.safe_dump(found, sort_keys=False))
    (folder / "tenants" / f"{TENANT}.yaml").write_text(yaml.safe_dump({**_TENANT, **changes}, sort_keys=False))
    return folder


@dataclass(frozen=True)
class Standing:
    """What stands in an environment, as an operator would compare it before and after."""

    pointer: Pointer
    service: tuple[str, int, int] | None
    """Revision, desired and running count."""
    databases: dict[str, tuple[str, bool]]
    """Resource id and protection, by name."""
    stacks: tuple[str, ...]
    secrets: tuple[str, ...]
    locked: bool
    answer: str | None
    """Of its site."""


@dataclass
class Installation:
    """The laptop with its platforms and the tenant's namespaces."""

    laptop: Laptop
    platforms: Platforms
    tenant: Tenant = field(default_factory=tenant)
    runs: int = 0
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.laptop.client(service, REGION)
        return self._clients[service]

    def driver(self, environment: str, of: Tenant | None = None) -> Driver:
        """Another run of a promotion to an environment."""
        self.runs += 1
        return Driver(self.platforms, of or self.tenant, environment, f"run-{self.runs}")

    # -- databases ---------------------------------------------------------------------------------------------

    def pointer(self, environment: str) -> tuple[Pointer, int]:
        name = f"/snaplift/{self.tenant.tenant}/{environment}/pointer"
        found = self.client("ssm").get_parameter(Name=name)["Parameter"]
        return Pointer.parse(found["Value"], name), found["Version"]

    def touch_pointer(self, environment: str) -> None:
        """Write a pointer again as it is, as somebody else."""
        name, (pointer, _) = f"/snaplift/{self.tenant.tenant}/{environment}/pointer", self.pointer(environment)
        self.client("ssm").put_parameter(Name=name, Value=pointer.format(), Type="String", Overwrite=True)

    def lose_lock(self, environment: str) -> None:
        """Free an environment's lock, as if its run had never been."""
        self.client("dynamodb").update_item(
            TableName=f"{self.cluster(environment)}-locks",
            Key={"namespace": {"S": f"{self.tenant.tenant}-{environment}"}},
            UpdateExpression="SET #phase = :free",
            ExpressionAttributeNames={"#phase": "phase"},
            ExpressionAttributeValues={":free": {"S": "free"}},
        )

    def secret(self, arn: str) -> dict[str, str]:
        return dict(json.loads(self.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]))

    def sql(self, environment: str, *statements: str, secret: str | None = None) -> list[Any]:
        """Ask an environment's active database, as its application (or with another secret's credentials)."""
        active = self.pointer(environment)[0].active
        assert active is not None
        assert active.database is not None
        rds = self.client("rds")
        [found] = rds.describe_db_instances(DBInstanceIdentifier=active.database.name)["DBInstances"]
        account = self.secret(secret or active.database.secret)
        with (
            pymysql.connect(
                host=found["Endpoint"]["Address"],
                port=found["Endpoint"]["Port"],
                user=account["username"],
                password=account["password"],
                database=self.tenant.database.name,
                connect_timeout=5,
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            connection.commit()
            return list(cursor.fetchall())

    def instances(self, environment: str) -> list[Any]:
        found = self.client("rds").describe_db_instances()["DBInstances"]
        return [
            each for each in found if each["DBInstanceIdentifier"].startswith(f"{self.tenant.tenant}-{environment}-db")
        ]

    def tasks(self, environment: str) -> list[Any]:
        """Tasks of the environment's family that have not stopped."""
        ecs, cluster = self.client("ecs"), self.cluster(environment)
        arns = ecs.list_tasks(cluster=cluster, family=f"{self.tenant.tenant}-{environment}")["taskArns"]
        found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        return [each for each in found if each["lastStatus"] != "STOPPED"]

    def cluster(self, environment: str) -> str:
        return self.tenant.environments[environment].platform

    # -- all of it ---------------------------------------------------------------------------------------------

    def standing(self, environment: str) -> Standing:
        """What stands in an environment."""
        return Standing(
            pointer=self.pointer(environment)[0],
            service=self._service(environment),
            databases={
                each["DBInstanceIdentifier"]: (each["DbiResourceId"], each["DeletionProtection"])
                for each in self.instances(environment)
            },
            stacks=self._stacks(environment),
            secrets=tuple(sorted(self._secrets(environment))),
            locked=self.lock_phase(environment) not in {None, "free"},
            answer=self.answer(environment),
        )

    def _service(self, environment: str) -> tuple[str, int, int] | None:
        name = f"{self.tenant.tenant}-{environment}"
        found = self.client("ecs").describe_services(cluster=self.cluster(environment), services=[name])["services"]
        if not found or found[0]["status"] == "INACTIVE":
            return None
        return found[0]["deployments"][0]["taskDefinition"], found[0]["desiredCount"], found[0]["runningCount"]

    def _stacks(self, environment: str) -> tuple[str, ...]:
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        found = [each for page in pages for each in page["Stacks"]]
        return tuple(
            sorted(
                f"{each['StackName']} {each['StackStatus']}"
                for each in found
                if each["StackName"].startswith(f"{self.tenant.tenant}-{environment}")
                and each["StackStatus"] != "DELETE_COMPLETE"
            )
        )

    def _secrets(self, environment: str) -> Iterator[str]:
        for page in self.client("secretsmanager").get_paginator("list_secrets").paginate():
            for each in page["SecretList"]:
                if each["Name"].startswith(f"snaplift/{self.tenant.tenant}/{environment}/"):
                    yield each["Name"]

    def lock_phase(self, environment: str) -> str | None:
        key = {"namespace": {"S": f"{self.tenant.tenant}-{environment}"}}
        item = self.client("dynamodb").get_item(TableName=f"{self.cluster(environment)}-locks", Key=key).get("Item")
        return str(item["phase"]["S"]) if item else None

    def answer(self, environment: str) -> str | None:
        """What the environment's site answers; None: it is not there."""
        status, body = self._ask(environment, "GET")
        return body if status == 200 else None

    def post(self, environment: str, note: str) -> int:
        """Leave a note at the environment's site, as a visitor does. Returns the status of the answer."""
        return self._ask(environment, "POST", json.dumps({"title": note}))[0]

    def _ask(self, environment: str, method: str, body: str | None = None) -> tuple[int, str]:
        listener = self.platforms.platforms[self.cluster(environment)].listener
        connection = http.client.HTTPConnection("127.0.0.1", listener.port, timeout=10)
        try:
            host = f"{self.tenant.tenant}-{environment}.localhost:{listener.port}"
            connection.request(method, "/", body, headers={"Host": host})
            found = connection.getresponse()
            return found.status, found.read().decode()
        finally:
            connection.close()


@contextmanager
def provisioned(
    laptop: Laptop, folder: Path, environments: Sequence[str] = ENVIRONMENTS, of: Tenant | None = None
) -> Iterator[Installation]:
    """Push the builds, make the platforms and namespaces, and dev's database and service."""
    for build in BUILDS:
        _push(laptop, folder / build, build)
    made = Installation(laptop, _platforms(), of or tenant())
    for name in made.platforms.platforms:
        drive(lambda name=name: provision.provision_platform(made.platforms, name, _first(made)))  # type: ignore[misc]
    provision_tenant(made, environments)
    yield made


def provision_tenant(made: Installation, environments: Sequence[str]) -> None:
    """Make the tenant's namespaces on platforms that stand, and dev's database and service."""
    for name in environments:
        drive(lambda name=name: provision.provision_namespace(made.platforms, made.tenant, name, _first(made)))  # type: ignore[misc]
    made.driver("dev").promote("origin", steps=PROVISION)


def _first(made: Installation) -> Run:
    return Run(installation=made.platforms.installation, dag_id="provision", run_id="first")


def _push(laptop: Laptop, folder: Path, build: str) -> None:
    folder.mkdir(parents=True)
    program = folder / "program"
    program.write_text(f"#!{sys.executable}\n{_PROGRAM}")
    program.chmod(0o755)
    (folder / "build").write_text(build)
    (folder / "image.json").write_text(json.dumps({"entrypoint": ["./program"]}))
    push(endpoint=laptop.endpoint_url, repository="notes", tag=build, folder=folder)


_MORE: Final[dict[str, dict[str, Any]]] = {"platform-nonprod": {}, "platform-prod": {"key": "platform-nonprod"}}
"""The platforms, with what each has beside what all have."""


def _platform(number: int, port: int, **more: Any) -> dict[str, Any]:
    network = {"cidr": f"10.{20 + 10 * number}.0.0/16", "zones": [f"{REGION}a", f"{REGION}b"]}
    return {**_PLATFORM, "network": network, "listener": {"protocol": "HTTP", "port": port}, **more}


def _platforms() -> Platforms:
    found = {name: _platform(number, _free_port(), **more) for number, (name, more) in enumerate(_MORE.items())}
    return Platforms.model_validate({"installation": "acme", "platforms": found})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
