"""snapshot: the release's snapshot of the source, taken or found."""

from __future__ import annotations

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.rds import FoundSnapshot
from snaplift.aws.steps.promotion import RESTORE, Done, Promotion
from snaplift.promotion.plan import Plan
from snaplift.promotion.wait import Wait


def advance(promotion: Promotion) -> Wait | Done:
    """Take the snapshot of a new release, or be sure of the one that stands.

    :raises StepFailed: it failed, vanished, is another database's or somebody else's, or is not encrypted.
    """
    plan = promotion.plan
    if plan.source is None or plan.source_name is None or plan.snapshot is None:
        return Done(skipped=plan.left_out.get("snapshot", "there is no source"))
    databases = promotion.source.databases
    found: FoundSnapshot | Wait | None
    if plan.takes_snapshot:
        tags = naming.tags(plan.run.installation, plan.source_name, release=plan.parsed_release, run=plan.run.hash)
        found = databases.ensure_snapshot(
            plan.snapshot,
            instance=plan.source.instance,
            resource_id=plan.source.resource_id or "",
            tags=tags | _what_it_is(plan, plan.source.environment),
            timeout=RESTORE,
        )
    else:
        found = databases.snapshot(plan.snapshot)
    if isinstance(found, Wait):
        return found
    if found is None or found.status != "available":
        raise StepFailed(f"snapshot {plan.snapshot} is {found.status if found else 'gone'}: plan again")
    if plan.masking and not _is_mine(promotion, found):
        raise StepFailed(f"snapshot {plan.snapshot} was taken by another run, which takes it away: refresh again")
    if not found.encrypted:
        raise StepFailed(f"snapshot {plan.snapshot} is not encrypted: a database restored from it would not be either")
    return Done({"snapshot": plan.snapshot, "storage": found.storage})


def _what_it_is(plan: Plan, source: str) -> dict[str, str]:
    """A release carries the class of its data; what is taken to be masked is none."""
    if plan.masking:
        return {naming.REFRESH_TAG: str(plan.name)}
    return {naming.DATA_CLASS_TAG: plan.tenant.data_class(source)}


def _is_mine(promotion: Promotion, found: FoundSnapshot) -> bool:
    plan = promotion.plan
    tags = found.tags
    return (
        naming.is_ours(tags, plan.run.installation)
        and tags.get(naming.REFRESH_TAG) == str(plan.name)
        and tags.get(naming.RUN_TAG) == plan.run.hash
    )


def forget_unmasked(promotion: Promotion) -> Wait | None:
    """Take away the snapshot that this run took to be masked. None: it is gone, or there never was one.

    It is no release: nothing is restored from it again, and what is in it is fit for its source only.
    """
    plan = promotion.plan
    if not plan.masking or plan.snapshot is None:
        return None
    databases = promotion.source.databases
    found = databases.snapshot(plan.snapshot)
    if found is None or not _is_mine(promotion, found):
        return None
    if found.status not in {"available", "failed"}:
        return databases.wait(
            "db_snapshot", plan.snapshot, done=("available", "failed"), absent="done", timeout=RESTORE
        )
    databases.remove_snapshot(found)
    return None
