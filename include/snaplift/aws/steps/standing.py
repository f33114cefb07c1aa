"""Whether what serves could come up again: an abort goes back to it, and new tasks of it may start at any time."""

from __future__ import annotations

from collections.abc import Iterator

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.hooks.rds import FoundInstance
from snaplift.promotion.earlier import Kept
from snaplift.promotion.pointer import DatabaseReference, Revision
from snaplift.stacks.outputs import DatabaseOutputs


def find_missing(aws: Aws, active: Revision | None) -> tuple[str, ...]:
    """Say what a revision needs and what is not there, each with its name. Nothing is active: nothing is missing.

    :raises ClientError: AWS did not say.
    """
    return tuple(_missing(aws, active)) if active is not None else ()


def _missing(aws: Aws, active: Revision) -> Iterator[str]:
    needs = aws.services.needs(active.task_definition)
    if needs.status != "ACTIVE":
        yield f"task definition {active.task_definition.rpartition('/')[2]} is {needs.status}"
    if active.database is not None:
        instance = aws.databases.instance(active.database.name)
        if instance is None or instance.resource_id != active.database.resource_id:
            yield f"database {active.database.name} ({active.database.resource_id}) is gone"
    yield from (f"image {image} is gone" for image in needs.images if aws.images.resolve(image) is None)
    yield from (f"secret {arn} is gone" for arn in needs.secrets if not aws.credentials.exists(arn))
    yield from (f"role {arn} is gone" for arn in needs.roles if not aws.roles.exists(arn))
    yield from (f"log group {name} is gone" for name in needs.log_groups if not aws.log_groups.exists(name))


def find_kept(aws: Aws, name: naming.Namespace, reference: DatabaseReference, installation: str) -> Kept | None:
    """Look at a database that is to be used again. None: it is gone.

    :raises ClientError: AWS did not say.
    """
    instance = aws.databases.instance(reference.name)
    if instance is not None and reference.adopted:
        return Kept(
            resource_id=instance.resource_id,
            status=instance.status,
            ours=naming.is_ours(instance.tags, installation, name),
            run=instance.tags.get(naming.RUN_TAG),
            outputs=adopted_outputs(instance, reference),
            has_credentials=aws.credentials.exists(reference.secret),
        )
    stack = aws.stacks.find(reference.name)
    if stack is None or instance is None:
        return None
    return Kept(
        resource_id=instance.resource_id,
        status=instance.status,
        ours=all(naming.is_ours(tags, installation, name) for tags in (stack.tags, instance.tags)),
        run=stack.run,
        outputs=DatabaseOutputs.read(stack.name, stack.outputs) if stack.created else None,
        has_credentials=aws.credentials.exists(reference.secret),
    )


def adopted_outputs(instance: FoundInstance, reference: DatabaseReference) -> DatabaseOutputs:
    """Say of an adopted database, which is in no stack of ours, what a stack would."""
    return DatabaseOutputs(
        instance_id=instance.identifier,
        resource_id=instance.resource_id,
        host=instance.host,
        port=instance.port,
        master_secret_arn="",  # nobody asks for it: what came with it stays as it is
        application_secret_arn=reference.secret,
        security_group_id=next(iter(instance.security_groups), ""),
    )
