"""A revision's task definition: build, database and configuration, with everything pinned."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from snaplift import naming
from snaplift.config.tenant import Container
from snaplift.promotion.plan import Plan
from snaplift.promotion.pointer import DatabaseReference, Revision
from snaplift.promotion.values import fill, values_of
from snaplift.stacks.outputs import DatabaseOutputs


def task_definition(plan: Plan, database: DatabaseOutputs) -> dict[str, Any]:
    """Say what RegisterTaskDefinition is told, tags apart."""
    service = plan.effective.service
    found = values_of(plan)
    return {
        "family": plan.name.family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": str(service.cpu),
        "memory": str(service.memory),
        "executionRoleArn": plan.namespace.execution_role_arn,
        "taskRoleArn": plan.namespace.task_role_arn,
        "containerDefinitions": [
            _container(plan, name, container, database, found) for name, container in service.containers.items()
        ],
    }


def _container(
    plan: Plan, name: str, container: Container, database: DatabaseOutputs, found: dict[str, str]
) -> dict[str, Any]:
    environment = fill(container.environment, found)
    secrets = {variable: plan.namespace.secret_for(variable) for variable in container.secrets}
    if container.database:
        variables = container.database
        environment |= {
            variables.host: database.host,
            variables.port: str(database.port),
            variables.name: plan.tenant.database.name,
        }
        # Read by ECS at container start: in the task definition there are only ARNs.
        secrets |= {
            variables.username: f"{database.application_secret_arn}:username::",
            variables.password: f"{database.application_secret_arn}:password::",
        }
    definition: dict[str, Any] = {
        "name": name,
        "image": plan.images[name],
        "essential": container.essential,
        "environment": [{"name": key, "value": value} for key, value in sorted(environment.items())],
        "secrets": [{"name": key, "valueFrom": value} for key, value in sorted(secrets.items())],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": plan.namespace.log_group_name,
                "awslogs-region": plan.place.region,
                "awslogs-stream-prefix": plan.release or "origin",
            },
        },
    }
    if container.port:
        definition["portMappings"] = [{"containerPort": container.port, "protocol": "tcp"}]
    if container.command:
        definition["command"] = list(container.command)
    return definition


def content_hash(definition: dict[str, Any]) -> str:
    """Tell two task definitions of the same content: a revision is registered once."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:32]


def revision_tags(plan: Plan, definition: dict[str, Any]) -> dict[str, str]:
    """Tags of a task definition."""
    return {**plan.tags, naming.CONTENT_TAG: content_hash(definition)}


def reference(plan: Plan, database: DatabaseOutputs) -> DatabaseReference:
    """Say which incarnation of the plan's database it is."""
    return DatabaseReference(
        name=plan.database,
        resource_id=database.resource_id,
        secret=database.application_secret_arn,
        run=plan.made_by if plan.reuses else None,
        adopted=plan.reuses is not None and plan.reuses.adopted,
    )


def revision(plan: Plan, database: DatabaseOutputs, task_definition_arn: str) -> Revision:
    """Say what the pointer will be told."""
    return Revision(
        release=plan.release,
        build={name: image.rpartition("@")[2] for name, image in plan.images.items()},
        database=reference(plan, database),
        snapshot=began_as(plan),
        task_definition=task_definition_arn,
        run=plan.run.hash,
        masked_from=masked_from(plan),
    )


def began_as(plan: Plan) -> str | None:
    """The snapshot that a release can be restored from; none: that of a refresh is not masked, and goes."""
    if plan.mode == "refresh":
        return None
    return plan.earlier.snapshot if plan.earlier else plan.snapshot


def masked_from(plan: Plan) -> str | None:
    """Name the environment whose data a release has, masked; none: it began where data is authored."""
    if plan.mode == "refresh" and plan.source:
        return plan.source.environment
    return plan.earlier.masked_from if plan.earlier else None
