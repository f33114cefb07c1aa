"""A configuration with everything in it that a stack may be made of, and the outputs of stacks that stand."""

from __future__ import annotations

import json
from typing import Any, Final

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.stacks.database import database_stack
from snaplift.stacks.namespace import namespace_stack
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs
from snaplift.stacks.platform import platform_stack
from snaplift.stacks.service import service_stack
from snaplift.stacks.stack import Stack

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-central-1"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
LISTENER: Final = (
    f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/shared/0123456789abcdef/fedcba9876543210"
)
RELEASE: Final = naming.Release("20261123t020000z")
SNAPSHOT: Final = "xy-0146-dev-snapshot-20261123t020000z"
RUN: Final = "0a1b2c3d"

_NEW: Final[dict[str, Any]] = {
    "region": REGION,
    "account": ACCOUNT,
    "network": {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"]},
    "load_balancers": [{"name": "web"}, {"name": "more"}],
    "listener": {"certificate": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"},
    "domain": "example.com",
    "engines": ["mariadb10.11", "mysql8.0"],
    "orchestrator": {"security_group": "sg-0123456789abcdef0"},
}
_EXISTING: Final[dict[str, Any]] = {
    **_NEW,
    "network": {
        "vpc": "vpc-0123456789abcdef0",
        "public_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "private_subnets": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
    },
    "cluster": "shared",
    "load_balancers": [
        {"name": "web", "existing_listener": LISTENER, "existing_security_group": "sg-0123456789abcdef1"}
    ],
    "key": KEY,
    "orchestrator": {"cidr": "10.99.0.0/16"},
}
_PLAIN: Final[dict[str, Any]] = {
    **_NEW,
    "load_balancers": [{"name": "web"}],
    "listener": {"protocol": "HTTP", "port": 8088},
    "key": "platform-new",
    "orchestrator": {"cidr": "10.99.0.0/16"},
}
PLATFORMS: Final = Platforms.model_validate(
    {
        "installation": "acme",
        "platforms": {"platform-new": _NEW, "platform-existing": _EXISTING, "platform-plain": _PLAIN},
    }
)

_TENANT: Final[dict[str, Any]] = {
    "tenant": "xy-0146",
    "description": "A site",
    "owner": "web-team",
    "environments": {
        "dev": {"platform": "platform-new"},
        "qa": {"platform": "platform-new", "from": "dev"},
        "prod": {
            "platform": "platform-existing",
            "from": "qa",
            "database": {
                "instance_class": "db.t4g.small",
                "storage": 100,
                "multi_az": True,
                "parameters": {"max_allowed_packet": 67108864},
            },
            "retention": {"log_days": 365},
        },
    },
    "database": {"name": "site", "version": "10.11", "parameters": {"sql_mode": "STRICT_ALL_TABLES"}},
    "service": {
        "containers": {
            "web": {
                "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/site",
                "port": 8080,
                "secrets": ["AUTH_KEY", "auth_key"],
            },
            "helper": {"image": "210987654321.dkr.ecr.us-east-1.amazonaws.com/helper", "secrets": ["AUTH_KEY"]},
        },
        "health_check": {"path": "/healthz", "interval": "15s", "timeout": "4s", "grace": "90s"},
        "deployment": {"failures": 3, "drain": "20s"},
    },
}


def tenant(name: str = "xy-0146", **changes: Any) -> Tenant:
    """The tenant above, with sections replaced."""
    return Tenant.model_validate({**_TENANT, "tenant": name, **changes})


TENANT: Final = tenant()
PLATFORM_OUTPUTS: Final = PlatformOutputs(
    vpc_id="vpc-0123456789abcdef0",
    public_subnet_ids="subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    private_subnet_ids="subnet-0123456789abcdef2,subnet-0123456789abcdef3",
    cluster_name="platform-new",
    key_arn=KEY,
    db_subnet_group_name="platform-new-dbsubnetgroup-abc",
    lock_table_name="platform-new-locks",
    log_bucket_name="platform-new-logbucket-abc",
    stack_role_arn=f"arn:aws:iam::{ACCOUNT}:role/snaplift/platform-new/platform-new-StackRole-ABC",
    load_balancers=json.dumps({"web": {"listener": LISTENER, "security_group": "sg-0123456789abcdef1"}}),
    parameter_groups=json.dumps({"mariadb10.11": "platform-new-parametergroup-abc"}),
)
NAMESPACE_OUTPUTS: Final = NamespaceOutputs(
    service_security_group_id="sg-0123456789abcdef2",
    job_security_group_id="sg-0123456789abcdef3",
    target_group_arn=f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/xy/0123456789abcdef",
    log_group_name="/snaplift/xy-0146/qa",
    execution_role_arn=f"arn:aws:iam::{ACCOUNT}:role/snaplift/xy-0146/qa/xy-0146-qa-execution",
    task_role_arn=f"arn:aws:iam::{ACCOUNT}:role/snaplift/xy-0146/qa/xy-0146-qa-task",
)


def namespace(environment: str = "qa", of: Tenant = TENANT) -> Stack:
    return namespace_stack(PLATFORMS, of, environment, PLATFORM_OUTPUTS, load_balancer="web", priority=17)


def empty_database(environment: str = "dev", of: Tenant = TENANT) -> Stack:
    return database_stack(
        PLATFORMS, of, environment, PLATFORM_OUTPUTS, NAMESPACE_OUTPUTS, release=None, snapshot=None, run=RUN
    )


def restored_database(environment: str = "qa", of: Tenant = TENANT) -> Stack:
    return database_stack(
        PLATFORMS, of, environment, PLATFORM_OUTPUTS, NAMESPACE_OUTPUTS, release=RELEASE, snapshot=SNAPSHOT, run=RUN
    )


def service(environment: str = "qa", of: Tenant = TENANT) -> Stack:
    return service_stack(
        PLATFORMS,
        of,
        environment,
        PLATFORM_OUTPUTS,
        NAMESPACE_OUTPUTS,
        task_definition=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/xy-0146-qa:37",
    )


STACKS: Final = {
    "platform-new": platform_stack(PLATFORMS, "platform-new"),
    "platform-existing": platform_stack(PLATFORMS, "platform-existing"),
    "platform-plain": platform_stack(PLATFORMS, "platform-plain"),
    "namespace": namespace(),
    "empty-database": empty_database(),
    "restored-database": restored_database(),
    "service": service(),
}


def resources(stack: Stack, kind: str) -> dict[str, dict[str, Any]]:
    """The stack's resources of a type, by logical id."""
    return {title: found for title, found in stack.template["Resources"].items() if found["Type"] == kind}


def properties(stack: Stack, title: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.template["Resources"][title]["Properties"]
    return found
