"""database: the release's database, beside the one that serves."""

from __future__ import annotations

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import marks
from snaplift.aws.steps.promotion import RESTORE, Done, Promotion
from snaplift.aws.steps.removal import remove_database
from snaplift.aws.steps.standing import find_kept
from snaplift.promotion.earlier import refuse_reuse
from snaplift.promotion.pointer import DatabaseReference
from snaplift.promotion.wait import Wait
from snaplift.stacks.outputs import DatabaseOutputs
from snaplift.stacks.stack import Stack


def advance(promotion: Promotion) -> Wait | Done:
    """Make the database's stack and wait until its instance serves.

    :raises StepFailed: the stack or the instance failed, with AWS's reason; the copy is not what it should be.
    """
    plan = promotion.plan
    if plan.reuses is not None:
        return _take_up(promotion, plan.reuses)
    if wait := _remove_leftover(promotion):
        return wait
    stack = database_stack_of(promotion)
    found = promotion.aws.stacks.ensure(
        stack, token=f"{plan.database}-{plan.run.hash}-{promotion.lock.fence}-{promotion.lock.afresh}", timeout=RESTORE
    )
    if isinstance(found, Wait):
        return found
    outputs = DatabaseOutputs.read(found.name, found.outputs)
    instance = promotion.aws.databases.instance(outputs.instance_id)
    if instance is None or instance.resource_id != outputs.resource_id:
        raise StepFailed(f"instance {outputs.instance_id} is not the one that its stack made: plan again")
    if instance.status not in {"available", "storage-optimization"}:
        return promotion.aws.databases.wait_available(instance, RESTORE)
    if not instance.encrypted:
        raise StepFailed(f"instance {instance.identifier} is not encrypted: nothing may be put into it")
    return Done({"stack": found.id, "instance": instance.identifier, "resource_id": instance.resource_id})


def _take_up(promotion: Promotion, wanted: DatabaseReference) -> Done:
    """Be sure of the database that stands: the one that is meant, and no other of its name."""
    plan = promotion.plan
    found = find_kept(promotion.aws, plan.name, wanted, plan.run.installation)
    if why := refuse_reuse(wanted, plan.made_by, found):
        raise StepFailed(f"{why}: plan again")
    return Done({"instance": wanted.name, "resource_id": wanted.resource_id}, skipped=plan.left_out["database"])


def _check_never_served(promotion: Promotion) -> None:
    """Be sure that visitors never reached what another run left under the candidate's name.

    It is judged by what lasts. Protection does not: a reap lifts it and then waits, and so may a person have.

    :raises StepFailed: it was active, or open to the service.
    """
    plan, aws = promotion.plan, promotion.aws
    instance = aws.databases.instance(plan.database)
    if instance is None:
        return
    if marks.was_active(instance):
        raise StepFailed(
            f"{plan.database} was active once: it is left alone. Trigger a new run for {plan.release}: "
            "that takes it up as it is"
        )
    if aws.fingerprints.find(promotion.place.lock_table, plan.name.fingerprint(instance.resource_id)) is not None:
        raise StepFailed(
            f"{plan.database} was open to the service of {plan.name} once, so that visitors may have written to it: "
            "it is left alone. A reap takes it away, after a final snapshot"
        )


def database_stack_of(promotion: Promotion) -> Stack:
    """Describe the candidate's stack."""
    # troposphere takes a while to import, and only this step needs it.
    from snaplift.stacks.database import database_stack

    plan = promotion.plan
    stack = database_stack(
        plan.platforms,
        plan.tenant,
        plan.environment,
        plan.platform,
        plan.namespace,
        release=plan.parsed_release,
        snapshot=plan.snapshot,
        run=plan.run.hash,
        to_mask=plan.masking is not None,
    )
    return stack.with_parameters(AllocatedStorage=str(plan.storage))


def _remove_leftover(promotion: Promotion) -> Wait | None:
    """Take away what an earlier run left under the candidate's name: it is never adopted."""
    plan = promotion.plan
    stack = promotion.aws.stacks.find(plan.database)
    instance = promotion.aws.databases.instance(plan.database) if stack is None else None
    made_by = stack.run if stack else instance.tags.get(naming.RUN_TAG) if instance else None
    if (stack is None and instance is None) or made_by == plan.run.hash:
        return None
    tags = stack.tags if stack else instance.tags if instance else {}
    if not naming.is_ours(tags, plan.run.installation) or made_by is None:
        raise StepFailed(f"{plan.database} exists and was not made by snaplift: it is left alone")
    _check_never_served(promotion)
    return remove_database(promotion, plan.database, resource_id=None, run=made_by, final_snapshot=None)
