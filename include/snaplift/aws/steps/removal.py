"""Take one database away: the instance, by its resource id, what is remembered of it, then its stack."""

from __future__ import annotations

from dataclasses import dataclass

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.promotion import REMOVAL, Promotion
from snaplift.promotion.estate import owner
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.wait import Wait


@dataclass(frozen=True)
class Ground:
    """Where a database is taken away, by whom, and of which namespace it is."""

    aws: Aws
    """What passes the fence of the namespace's lock."""
    name: naming.Namespace
    installation: str
    lock_table: str

    @classmethod
    def of(cls, promotion: Promotion) -> Ground:
        plan = promotion.plan
        return cls(promotion.aws, plan.name, plan.run.installation, promotion.place.lock_table)


def remove_database(
    promotion: Promotion, name: str, *, resource_id: str | None, run: str, final_snapshot: str | None
) -> Wait | None:
    """Remove a database of the promotion's namespace, as :func:`remove` does."""
    return remove(Ground.of(promotion), name, resource_id=resource_id, run=run, final_snapshot=final_snapshot)


def remove(ground: Ground, name: str, *, resource_id: str | None, run: str, final_snapshot: str | None) -> Wait | None:
    """Remove one incarnation of a database. None: it is gone.

    What it held when it was activated is forgotten, unless the pointer says that its final snapshot may be restored.

    :param resource_id: of the instance; None where it may not have come to be: then it must carry the run's tag.
    :param run: the hash of the run that made it, which its stack carries.
    :param final_snapshot: None: no snapshot is taken of it.
    :raises StepFailed: it is referred to, something of that name is another incarnation's, or it was active once.
    """
    pointer = _check_unreferenced(ground, name)
    # What was adopted has a name of its own; a stack that is called so is the site's.
    stack = ground.aws.stacks.find(name) if owner("instance", name) else None
    installation = ground.installation
    if stack is not None and (stack.run != run or not naming.is_ours(stack.tags, installation)):
        raise StepFailed(f"stack {name} was made by run {stack.run}, not {run}: it is left alone")
    if stack is not None and stack.busy and stack.status != "DELETE_IN_PROGRESS":
        return ground.aws.stacks.wait_at_rest(stack, REMOVAL)
    instance = ground.aws.databases.instance(name)
    if instance is not None:
        made_by = instance.tags.get(naming.RUN_TAG)
        if (resource_id is None and made_by != run) or not naming.is_ours(instance.tags, installation):
            raise StepFailed(f"instance {name} was made by run {made_by}, not {run}: it is left alone")
        if resource_id is None and instance.protected:  # a candidate never is: activate protects
            raise StepFailed(f"instance {name} is protected from deletion, so it was active once: it is left alone")
        wait = ground.aws.databases.remove(
            name, resource_id=resource_id or instance.resource_id, final_snapshot=final_snapshot, timeout=REMOVAL
        )
        if wait is not None:
            return wait
    _forget_fingerprint(ground, pointer, resource_id or (stack.outputs.get("ResourceId") if stack else None))
    return ground.aws.stacks.remove(stack, timeout=REMOVAL) if stack is not None else None


def _forget_fingerprint(ground: Ground, pointer: Pointer, resource_id: str | None) -> None:
    """What the database held when it was activated; the one that never became complete has none."""
    final = pointer.previous.final if pointer.previous else None
    if resource_id is not None and (final is None or final.resource_id != resource_id):
        key = ground.name.fingerprint(resource_id)
        ground.aws.fingerprints.forget(ground.lock_table, key)


def _check_unreferenced(ground: Ground, name: str) -> Pointer:
    """Be sure, by reading it now, that no revision that serves or may serve again uses the database."""
    pointer, _ = ground.aws.pointers.read(ground.name.pointer)
    if name in pointer.databases:
        raise StepFailed(f"{ground.name.pointer} refers to {name}: it is not removed")
    return pointer
