"""retire: the previous database goes, when nothing runs that uses it."""

from __future__ import annotations

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.promotion import REMOVAL, Done, Promotion
from snaplift.aws.steps.removal import remove_database
from snaplift.aws.steps.snapshot import forget_unmasked
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.wait import Wait


def advance(promotion: Promotion) -> Wait | Done:
    """Take the previous database away: final snapshot, unprotected, deleted.

    :raises StepFailed: it is not sure that nothing uses it.
    """
    plan = promotion.plan
    previous, retention = plan.before.active, plan.effective.retention
    _forget_older(promotion)
    if plan.masking:
        _active(promotion)
        if wait := forget_unmasked(promotion):
            return wait
    if skipped := plan.left_out.get("retire"):
        return Done(skipped=skipped)
    if previous is None or previous.database is None or previous.release is None:
        return Done(skipped="there is no previous database")
    if retention.keep_previous:
        return Done(skipped=f"the previous database stands for {retention.keep_previous} more")
    release = naming.Release(previous.release)
    # Of what stood before snaplift came there is no release's snapshot: the final one is all that is left.
    wanted = retention.final_snapshot or previous.database.adopted
    final = plan.name.final_snapshot(release, previous.made_by) if wanted else None
    _forget_previous(promotion, final)
    if wait := wait_unused(promotion, previous.release, family_of(previous.task_definition)):
        return wait
    wait = remove_database(
        promotion,
        previous.database.name,
        resource_id=previous.database.resource_id,
        run=previous.made_by,
        final_snapshot=final,
    )
    return wait or Done({"removed": previous.database.name, "final_snapshot": final})


def _forget_older(promotion: Promotion) -> None:
    """Forget what the database before the previous one was activated with, if no rollback restores it any more."""
    plan = promotion.plan
    older = plan.before.previous
    if older is None or older.final is None:
        return
    pointer, _ = _active(promotion)
    if pointer.previous is not None and pointer.previous.final == older.final:  # the database stayed
        return
    promotion.aws.fingerprints.forget(promotion.place.lock_table, plan.name.fingerprint(older.final.resource_id))


def _active(promotion: Promotion) -> tuple[Pointer, int]:
    """Read the pointer, and be sure that it says that this run's release is active."""
    name = promotion.plan.name.pointer
    pointer, version = promotion.aws.pointers.read(name)
    if pointer.active is None or pointer.active.run != promotion.plan.run.hash:
        raise StepFailed(f"{name} does not say that this run's release is active")
    return pointer, version


def _forget_previous(promotion: Promotion, final: str | None) -> None:
    """The pointer says first that the previous database stands no longer; its snapshot is what a rollback restores."""
    pointer, version = _active(promotion)
    if (gone := pointer.previous_is_gone(final)) != pointer:
        promotion.aws.pointers.write(promotion.plan.name.pointer, gone, read_version=version)


def wait_unused(promotion: Promotion, release: str | None, family: str | None = None) -> Wait | None:
    """Wait for a task, running, stopping or starting, that uses a release's database here. None: there is none.

    :param release: None: where data is authored.
    :param family: of the task definition, where it is not the namespace's own: what was adopted has its own.
    """
    services, name = promotion.aws.services, promotion.plan.name
    for each in dict.fromkeys(filter(None, (name.family, family))):
        for task in services.family(promotion.cluster, each):
            if task.status == "STOPPED":
                continue
            tags = services.revision_tags(task.task_definition)
            # Another namespace may have the same family: the site was set up without asking us.
            mine = each == name.family or naming.is_ours(tags, promotion.plan.run.installation, name)
            if mine and tags.get(naming.RELEASE_TAG) == release:
                return services.wait_task(promotion.cluster, task, running=False, timeout=REMOVAL)
    return None


def family_of(task_definition: str) -> str:
    """Read the family off a task definition's ARN."""
    return task_definition.rpartition("/")[2].rpartition(":")[0]
