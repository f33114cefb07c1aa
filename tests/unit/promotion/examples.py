"""A promotion of the example tenant to be varied: what was asked for, what was found, what was planned."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from snaplift import naming
from snaplift.config.tenant import Tenant
from snaplift.promotion.choosing import Choice, Request, choose
from snaplift.promotion.earlier import Kept
from snaplift.promotion.lock import LEASE, Lock, Phase, Record
from snaplift.promotion.plan import Before, Plan
from snaplift.promotion.planning import Facts, Instance, Snapshot, decide
from snaplift.promotion.pointer import DatabaseReference, FinalSnapshot, Pointer, Revision
from snaplift.promotion.quotas import Usage
from snaplift.promotion.run import Run
from snaplift.stacks.outputs import DatabaseOutputs
from tests.unit.stacks.examples import (
    ACCOUNT,
    KEY,
    NAMESPACE_OUTPUTS,
    PLATFORM_OUTPUTS,
    PLATFORMS,
    REGION,
    TENANT,
)

OLD: Final = "20261120t020000z"
NEW: Final = "20261123t020000z"
RUN: Final = Run(installation="acme", dag_id="xy-0146.promote", run_id="manual__2026-11-23")
WEB: Final = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/site"
HELPER: Final = "210987654321.dkr.ecr.us-east-1.amazonaws.com/helper"
DIGEST: Final = "sha256:" + "a" * 64
OLDER_DIGEST: Final = "sha256:" + "b" * 64
IMAGES: Final = {"web": f"{WEB}@{DIGEST}", "helper": f"{HELPER}@{DIGEST}"}
SECRETS: Final = {
    variable: f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:snaplift/xy-0146/qa/environment/{variable}-abcdef"
    for container in TENANT.service.containers.values()
    for variable in container.secrets
}
NAMESPACE: Final = NAMESPACE_OUTPUTS.model_copy(update={"environment_secrets": json.dumps(SECRETS)})
INSTANCE: Final = Instance(
    identifier="xy-0146-dev-db",
    resource_id="db-DEV",
    status="available",
    encrypted=True,
    key_arn=KEY,
    family="mariadb10.11",
    storage=50,
    backup_window="03:00-03:30",
)
SNAPSHOT: Final = Snapshot(
    identifier=f"xy-0146-dev-snapshot-{NEW}",
    status="available",
    ours=True,
    encrypted=True,
    key_arn=KEY,
    family="mariadb10.11",
    storage=50,
)
DATABASE: Final = DatabaseOutputs(
    instance_id=f"xy-0146-qa-db-{NEW}",
    resource_id="db-NEW",
    host="db.internal",
    port=3306,
    master_secret_arn="arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-master-cccccc",
    application_secret_arn="arn:aws:secretsmanager:eu-central-1:123456789012:secret:snaplift/xy-0146/qa/app-dddddd",
    security_group_id="sg-0123456789abcdef9",
)


def task_definition(environment: str = "qa", number: int = 1) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/xy-0146-{environment}:{number}"


def revision(release: str | None = OLD, environment: str = "qa", run: str = "0a1b2c3d", **changes: Any) -> Revision:
    name = naming.Namespace.parse(f"xy-0146-{environment}")
    database = name.database(naming.Release(release) if release else None)
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name.secret_prefix}{release or 'origin'}/{run}-abcdef"
    given = {
        "release": release,
        "build": {"web": OLDER_DIGEST, "helper": OLDER_DIGEST},
        "database": DatabaseReference(name=database, resource_id=f"db-{run.upper()}", secret=secret),
        "snapshot": f"xy-0146-dev-snapshot-{release}" if release else None,
        "task_definition": task_definition(environment),
        "run": run,
    }
    return Revision.model_validate({**given, **changes})


ORIGIN: Final = revision(None, "dev")


def before(active: Revision | None, **changes: Any) -> Before:
    given = {
        "pointer_version": 3,
        "active": active,
        "service_exists": active is not None,
        "task_definition": active.task_definition if active else None,
        "desired_count": 2 if active else None,
    }
    return Before.model_validate({**given, **changes})


def facts(mode: str = "new", active: Revision | None = None, **changes: Any) -> Facts:
    """What is found where nothing keeps a promotion from being made."""
    given = {
        "pointer": Pointer(active=active),
        "before": before(active),
        "origin": None if mode == "origin" else ORIGIN,
        "platform": PLATFORM_OUTPUTS,
        "namespace": NAMESPACE,
        "instance": INSTANCE if mode == "new" else None,
        "snapshot": SNAPSHOT if mode in {"tested", "standing"} else None,
        "releases": (),
        "keys": {KEY: "Enabled"},
        "images": IMAGES,
        "instances": Usage(used=3, limit=40),
        "snapshots": Usage(used=3, limit=100),
    }
    return Facts.model_validate({**given, **changes})


def choice(mode: str = "new", release: str | None = None) -> Choice:
    tags = {"web": f"{WEB}:latest", "helper": f"{HELPER}:latest"}
    return Choice.model_validate({"mode": mode, "release": release, "images": tags})


def request(environment: str = "qa", release: str = "new", build: str = "", dry_run: bool = False) -> Request:
    return Request(environment=environment, release=release, build=build, dry_run=dry_run)


def plan(environment: str = "qa", release: str = "new", found: Facts | None = None, **changes: Any) -> Plan:
    """A plan as it is made; with ``tested`` for what is active one environment below."""
    tenant = changes.pop("tenant", TENANT)
    asked = request(environment, release, **changes)
    above = revision(NEW, "qa" if environment == "prod" else "dev") if release == "tested" else None
    chosen = choose(asked, tenant, above)
    return decide(asked, chosen, RUN, PLATFORMS, tenant, found or facts(chosen.mode))


def decided(**changes: Any) -> Plan:
    """A plan whose release was decided at the lock."""
    return plan(**changes).decided(naming.Release(NEW))


NOW: Final = datetime(2026, 11, 23, 2, 0, 0, 123456, UTC)


def lock(phase: Phase = Phase.PROMOTING, **changes: Any) -> Lock:
    """A lock that was taken just now."""
    given: dict[str, Any] = {
        "namespace": "xy-0146-qa",
        "token": RUN.token,
        "phase": phase,
        "fence": 1,
        "lease_until": NOW + LEASE,
        "record": Record(work=decided(), acquired_at=NOW),
    }
    return Lock(**{**given, **changes})


FINAL: Final = FinalSnapshot(name=f"xy-0146-qa-final-{OLD}-0a1b2c3d", resource_id="db-0A1B2C3D")


def back(mode: str = "again", tenant: Tenant = TENANT, **changes: Any) -> Plan:
    """A plan by which an earlier revision serves: ``again``, ``restored``, or with another build ``active``."""
    earlier = revision(OLD, database=None, final=FINAL) if mode == "restored" else revision(OLD)
    active = earlier if mode == "active" else revision(NEW, run="aaaaaaaa")
    snapshot = SNAPSHOT.model_copy(update={"identifier": FINAL.name, "resource_id": FINAL.resource_id})
    outputs = DATABASE.model_copy(update={"resource_id": "db-0A1B2C3D"})
    found = facts(
        mode,
        active,
        pointer=changes.pop("pointer", Pointer(active=active, previous=None if mode == "active" else earlier)),
        snapshot=snapshot if mode == "restored" else None,
        kept=None
        if mode == "restored"
        else Kept(resource_id="db-0A1B2C3D", status="available", ours=True, run="0a1b2c3d", outputs=outputs),
        **changes,
    )
    asked = "active" if mode == "active" else "previous"
    chosen = choose(request("qa", asked), tenant, None, found.pointer)
    return decide(request("qa", asked), chosen, RUN, PLATFORMS, tenant, found)
