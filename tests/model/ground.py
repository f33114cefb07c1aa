"""What the machine begins with: an installation with one tenant, provisioned, and others' things around it."""

from __future__ import annotations

import json
from typing import Any, Final

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion.pointer import Pointer
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs
from tests.model.client import Model
from tests.model.rds import KEY
from tests.model.world import Data, Instance, Snapshot, World

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-central-1"
ENVIRONMENTS: Final = ("dev", "qa", "prod")
_PLATFORM: Final[dict[str, Any]] = {
    "region": REGION,
    "account": ACCOUNT,
    "network": {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1b"]},
    "load_balancers": [{"name": "web"}],
    "domain": "example.com",
    "engines": ["mariadb10.11"],
    "listener": {"protocol": "HTTP", "port": 80},
    "orchestrator": {"cidr": "10.0.0.0/8"},
}
PLATFORMS: Final = Platforms.model_validate(
    {"installation": "acme", "platforms": {"platform-nonprod": _PLATFORM, "platform-prod": _PLATFORM}}
)
TENANT: Final = Tenant.model_validate(
    {
        "tenant": "xy-0146",
        "description": "Notes",
        "owner": "web-team",
        "environments": {
            "dev": {"platform": "platform-nonprod"},
            "qa": {"platform": "platform-nonprod", "from": "dev"},
            "prod": {"platform": "platform-prod", "from": "qa", "retention": {"keep_previous": "7d"}},
        },
        "database": {"name": "notes"},
        "service": {
            "containers": {"web": {"image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/notes", "port": 8080}},
            "count": 2,
            "health_check": {"path": "/healthz"},
        },
        "setup": {"command": ["setup"]},
        "adapt": [{"sql": ["UPDATE place SET name = %(environment)s"]}, {"command": ["adapt"]}],
        "smoke": [{"sql": "SELECT COUNT(*) FROM notes"}, {"path": "/"}, {"command": ["check"]}],
    }
)
_STRANGERS: Final = (("xy-0146-prod2", "acme"), ("ab-0200-qa", "acme"), ("xy-0146-qa2", "other"))
"""Namespaces that no run of the machine is for, and whose they are."""
RELEASE: Final = "20261101t020000z"


def lay(model: Model) -> None:
    """Let the platforms and namespaces stand, with nothing active yet, and the strangers' things beside them."""
    for platform in PLATFORMS.platforms:
        outputs = PlatformOutputs(
            vpc_id="vpc-1",
            public_subnet_ids="subnet-1,subnet-2",
            private_subnet_ids="subnet-3,subnet-4",
            cluster_name=platform,
            key_arn=KEY,
            db_subnet_group_name=f"{platform}-subnets",
            lock_table_name=naming.lock_table(platform),
            log_bucket_name=f"{platform}-logs",
            stack_role_arn=f"arn:aws:iam::{ACCOUNT}:role/snaplift/{platform}",
            load_balancers=json.dumps({"web": {"listener": "arn:listener", "security_group": "sg-web"}}),
            parameter_groups=json.dumps({"mariadb10.11": f"{platform}-mariadb"}),
        )
        tags = naming.platform_tags("acme", platform)
        model.stacks.stand(platform, tags, outputs.model_dump(by_alias=True))
    for environment in ENVIRONMENTS:
        _namespace(model, naming.Namespace(naming.Tenant.parse("xy-0146"), environment))
    for name, installation in _STRANGERS:
        _stranger(model.world, name, installation)


def _namespace(model: Model, name: naming.Namespace) -> None:
    outputs = NamespaceOutputs(
        service_security_group_id=f"sg-{name}-service",
        job_security_group_id=f"sg-{name}-job",
        target_group_arn=f"arn:targetgroup/{name}",
        log_group_name=f"/snaplift/{name}",
        execution_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{name}-execution",
        task_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{name}-task",
    )
    given = {key: value for key, value in outputs.model_dump(by_alias=True).items() if value is not None}
    model.stacks.stand(name.stack, naming.tags("acme", name), given)
    model.world.parameters[name.pointer] = [Pointer().format()]


def _stranger(world: World, namespace: str, installation: str) -> None:
    """A namesake by prefix, or a thing of another installation, that serves and has a snapshot."""
    name = naming.Namespace.parse(namespace)
    release = naming.Release(RELEASE)
    tags = naming.tags(installation, name, release=release, run="0a1b2c3d")
    identifier = name.database(release)
    instance = Instance(identifier, f"db-{namespace}", "available", Data(namespace), tags, 20)
    world.instances[identifier] = instance
    world.parameters[name.pointer] = [Pointer().format()]
    snapshot = name.snapshot(release)
    world.snapshots[snapshot] = Snapshot(snapshot, instance.resource_id, "available", Data(namespace), dict(tags), 20)


def strangers(world: World) -> Any:
    """Everything of theirs, to be compared with what it was."""
    names = [name for name, _ in _STRANGERS]
    return repr(
        [
            {key: value for key, value in kept.items() if any(key.replace("/", "-").find(name) >= 0 for name in names)}
            for kept in (world.instances, world.snapshots, world.parameters, world.services)
        ]
    )
