"""What ending a promotion has yet to do, looked up now: for who asks before, and for who has to go on by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from snaplift import naming
from snaplift.aws.steps.promotion import Promotion
from snaplift.promotion.changes import Change
from snaplift.promotion.dismantling import Dismantling
from snaplift.promotion.lock import Errand
from snaplift.promotion.plan import Plan
from snaplift.promotion.pointer import Revision


def is_of(active: Revision | None, plan: Plan) -> bool:
    """Say whether this promotion made what is active; a run that was cleared may have made an earlier release too."""
    return (
        active is not None
        and active.run == plan.run.hash
        and active.release == plan.release
        and active != plan.before.active
    )


def has_database(promotion: Promotion) -> bool:
    """Say whether something stands of the candidate's database, and this run made it, which then is its to delete."""
    plan = promotion.plan
    if plan.reuses is not None:  # whoever made it: it stood before
        return False
    stack, instance = promotion.aws.stacks.find(plan.database), promotion.aws.databases.instance(plan.database)
    made_by = {stack.run if stack else None, instance.tags.get(naming.RUN_TAG) if instance else None}
    return plan.run.hash in made_by


def outlook(promotion: Promotion) -> list[str]:
    """Say what ``finish`` has yet to do, one thing each, in its order. Nothing is changed.

    What cannot be looked at is named as such: this is also asked when something is wrong.
    """
    match (record := promotion.lock.record).work:
        case Dismantling():
            return [f"the lock of {record.name} is given back, whose removal is not finished"]
        case Change(stacks=changed):
            stacks = ", ".join(each.stack for each in changed)
            return [
                f"a change of {stacks} that was begun is waited for, and what was not begun is given up",
                f"the lock of {record.name} is given back",
            ]
        case Errand() as errand:
            return [f"the lock of {record.name}, which {errand.doing}, is given back: there is nothing to undo"]
    plan = promotion.plan
    with suppress(Exception):  # what is wrong with the pointer is said below
        if is_of(promotion.aws.pointers.read(plan.name.pointer)[0].active, plan):
            return [f"the lock of {plan.name} is given back, for release {plan.release or 'origin'} is active already"]
    found: list[str] = []
    looks: tuple[tuple[str, Callable[[Promotion], str | None]], ...] = (
        (f"service {plan.service}", _service),
        (f"{plan.name.pointer}", _pointer),
        (f"database {plan.database}", _database),
        (f"snapshot {plan.snapshot}", _unmasked),
    )
    for name, look in looks:
        try:
            if said := look(promotion):
                found.append(said)
        except Exception as error:
            found.append(f"{name} could not be looked at ({type(error).__name__})")
    return [*found, f"the lock of {plan.name} is given back"]


def _service(promotion: Promotion) -> str | None:
    plan = promotion.plan
    if not plan.before.service_exists:
        stack = promotion.aws.stacks.find(plan.name.service_stack)
        return f"stack {stack.name} is deleted, since there was no service before" if stack else None
    service = promotion.aws.services.service(promotion.cluster, plan.service)
    runs, before = service.task_definition if service else None, plan.before.task_definition
    if runs == before:
        return f"service {plan.service} stays on {_short(before)}, which is confirmed"
    return f"service {plan.service} goes back from {_short(runs)} to {_short(before)}"


def _short(arn: str | None) -> str:
    return arn.rpartition("/")[2] if arn else "nothing"


def _pointer(promotion: Promotion) -> str | None:
    pointer, _ = promotion.aws.pointers.read(promotion.plan.name.pointer)
    if pointer.candidate is None or pointer.candidate.run != promotion.plan.run.hash:
        return None
    return f"{promotion.plan.name.pointer} forgets its candidate"


def _database(promotion: Promotion) -> str | None:
    if not has_database(promotion):
        return None
    return f"database {promotion.plan.database} is deleted, after a final snapshot if visitors wrote to it"


def _unmasked(promotion: Promotion) -> str | None:
    plan = promotion.plan
    if not plan.masking or plan.snapshot is None or promotion.source.databases.snapshot(plan.snapshot) is None:
        return None
    return f"snapshot {plan.snapshot}, which was taken to be masked, is deleted"
