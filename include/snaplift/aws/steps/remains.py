"""What is left in a namespace of a release that its pointer may name no more: judged by what lasts, never by a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import absent_is_none
from snaplift.aws.hooks.ecs_roster import FoundRevision
from snaplift.aws.hooks.rds import FoundInstance, FoundSnapshot
from snaplift.aws.steps import marks
from snaplift.aws.steps.marks import WasActive
from snaplift.promotion.earlier import Ran, Remains
from snaplift.promotion.pointer import DatabaseReference, FinalSnapshot
from snaplift.stacks.outputs import DatabaseOutputs

UNKNOWN = "an environment above"
"""Whose data a masked database has, where nothing says it."""


def find_remains(
    aws: Aws,
    name: naming.Namespace,
    release: naming.Release,
    installation: str,
    *,
    snapshot: str | None,
    gone: bool = True,
) -> Remains:
    """Look at what is left of a release. Nothing is changed.

    :param snapshot: the one that the release began as; None: it is gone.
    :param gone: also look at what a database leaves that is gone; that takes many questions.
    :raises ClientError: AWS did not say.
    """
    found = Remains(release=str(release), name=name.database(release), snapshot=snapshot)
    instance = aws.databases.instance(found.name)
    if instance is not None and naming.is_ours(instance.tags, installation, name) and marks.was_active(instance):
        return _standing(aws, name, found, instance, installation)
    if not gone:
        return found
    kept = [each for each in _finals(aws, name, installation) if each[0].release == release]
    if not kept:
        return found.model_copy(update={"ran": _ran(aws, name, release, installation)})
    final, last = max(kept, key=lambda each: each[1].created_at or datetime.min.replace(tzinfo=UTC))
    secret = name.application_secret(release, final.run)
    return found.model_copy(
        update={
            "final": FinalSnapshot(name=str(final), resource_id=last.resource_id),
            "ran": _ran(aws, name, release, installation, WasActive.read(last.tags), f":secret:{secret}/"),
            "masked_from": _masked_from(last.tags),
        }
    )


def _standing(aws: Aws, name: naming.Namespace, found: Remains, instance: FoundInstance, installation: str) -> Remains:
    stack = aws.stacks.find(found.name)
    if stack is None or not stack.created or stack.run is None:
        state = f"its stack is {stack.status}" if stack else "it has no stack"
        why = f"{found.name} was active once, and {state}: it cannot serve again, and is left alone. Look into it first"
        return found.model_copy(update={"unusable": why})
    outputs = DatabaseOutputs.read(stack.name, stack.outputs)
    secret, release = outputs.application_secret_arn, naming.Release(found.release)
    database = DatabaseReference(name=found.name, resource_id=instance.resource_id, secret=secret, run=stack.run)
    ran = _ran(aws, name, release, installation, WasActive.read(instance.tags), secret)
    return found.model_copy(
        update={"database": database, "ran": ran, "masked_from": _masked_from(instance.tags)},
    )


def _masked_from(tags: dict[str, str]) -> str | None:
    """Name whose data a database has, masked. One that was restored from a final snapshot was not masked again."""
    active = WasActive.read(tags)
    return (active.masked_from if active else None) or (UNKNOWN if naming.MASK_TAG in tags else None)


def _ran(
    aws: Aws,
    name: naming.Namespace,
    release: naming.Release,
    installation: str,
    active: WasActive | None = None,
    secret: str = "",
) -> Ran | None:
    """What a release ran with: what its database says, or else the newest revision of it (and of that database).

    :param secret: what the ARN of its credentials has in it: that tells two databases of one release.
    """
    if active is not None:
        with absent_is_none("ClientException"):  # a person wrote something else there
            return _read(aws.roster.revision(active.revision))
    for revision in aws.roster.latest(name.family):
        mine = (
            naming.is_ours(revision.tags, installation, name) and revision.tags.get(naming.RELEASE_TAG) == release.text
        )
        if mine and any(secret in each for each in revision.needs.secrets):
            return _read(revision)
    return None


def _read(found: FoundRevision) -> Ran | None:
    build = {container: image.rpartition("@")[2] for container, image in found.images.items() if "@" in image}
    return Ran(task_definition=found.arn, build=build, run=found.tags.get(naming.RUN_TAG, "")) if build else None


def releases_that_stand(aws: Aws, name: naming.Namespace, installation: str) -> tuple[str, ...]:
    """The releases that have a database in a namespace which was active once, oldest first."""
    found = []
    for instance in aws.databases.instances():
        if not naming.is_ours(instance.tags, installation, name) or not marks.was_active(instance):
            continue
        with suppress(naming.InvalidName):
            found.append(naming.DatabaseName.parse(instance.identifier).release)
    return tuple(sorted(str(release) for release in found if release is not None))


def releases_kept(aws: Aws, name: naming.Namespace, installation: str) -> tuple[str, ...]:
    """The releases that a final snapshot is kept of in a namespace, oldest first."""
    return tuple(sorted({str(final.release) for final, _ in _finals(aws, name, installation)}))


def _finals(
    aws: Aws, name: naming.Namespace, installation: str
) -> Iterator[tuple[naming.FinalSnapshotName, FoundSnapshot]]:
    """Available final snapshots of databases that were active. An abort's is of one that never was."""
    for snapshot in aws.databases.snapshots():
        if snapshot.status != "available" or not naming.is_ours(snapshot.tags, installation, name):
            continue
        if marks.WRITES in snapshot.tags and marks.ACTIVE not in snapshot.tags:
            continue
        with suppress(naming.InvalidName):
            if (final := naming.FinalSnapshotName.parse(snapshot.identifier)).namespace == name:
                yield final, snapshot
