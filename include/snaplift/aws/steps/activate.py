"""activate: the pointer moves, in one write. After it a promotion only goes forward."""

from __future__ import annotations

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.rds import AVAILABLE
from snaplift.aws.steps import marks
from snaplift.aws.steps.job import ensure_revision
from snaplift.aws.steps.promotion import RESTORE, Done, Promotion
from snaplift.aws.steps.writes import count_discarded, inherit_fingerprint
from snaplift.promotion import deployment
from snaplift.promotion.revision import revision
from snaplift.promotion.wait import Wait


def advance(promotion: Promotion) -> Wait | Done:
    """Make the candidate active, read that back, and protect its database.

    :raises NotConfirmed: what runs is not the candidate.
    :raises StepFailed: the pointer is not as this promotion left it.
    """
    plan, aws = promotion.plan, promotion.aws
    wanted = revision(plan, promotion.database(), ensure_revision(promotion))
    pointer, version = aws.pointers.read(plan.name.pointer)
    if pointer.active != wanted:
        if pointer.candidate != wanted:
            raise StepFailed(f"{plan.name.pointer} does not name this promotion's candidate: somebody else wrote it")
        deployment.confirm(aws.services.service(promotion.cluster, plan.service), wanted.task_definition)
        inherit_fingerprint(promotion)
        moved = pointer.activate(wanted, promotion.now())
        version = aws.pointers.write(plan.name.pointer, moved, read_version=version)
        pointer, version = aws.pointers.read(plan.name.pointer)
        if pointer.active != wanted:
            raise StepFailed(f"{plan.name.pointer} does not say what was just written: somebody else wrote it")
    if wait := protect(promotion):
        return wait
    # Done again when the previous database has gone, there is nothing left to count.
    discarded = count_discarded(promotion) if pointer.previous == plan.before.active else ""
    told = {"discarded": discarded} if discarded else {}
    return Done({"pointer": plan.name.pointer, "version": version, "release": plan.release, **told})


def protect(promotion: Promotion) -> Wait | None:
    """Mark the active database as one that was active, for good, and protect it from deletion. None: it is.

    What is active is read from the pointer: it says so before this is done.
    """
    databases = promotion.aws.databases
    instance = databases.instance(promotion.plan.database)
    if instance is None:
        return None
    active = promotion.aws.pointers.read(promotion.plan.name.pointer)[0].active
    if active is not None and active.database is not None and active.database.resource_id == instance.resource_id:
        wanted = marks.activated(active)
        if not wanted.items() <= instance.tags.items():
            databases.tag(instance, wanted)
    if instance.protected:
        return None
    if instance.status not in AVAILABLE:  # it may be backing up, and takes no change meanwhile
        return databases.wait_available(instance, RESTORE)
    databases.set_protection(instance, on=True)
    return None
