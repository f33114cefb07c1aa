"""snapshot: the release's snapshot of the source, taken or found."""

from __future__ import annotations

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.rds import FoundSnapshot
from snaplift.aws.steps.promotion import RESTORE, Done, Promotion
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
    if plan.mode == "new":
        found = databases.ensure_snapshot(
            plan.snapshot,
            instance=plan.source.instance,
            resource_id=plan.source.resource_id or "",
            tags=naming.tags(plan.run.installation, plan.source_name, release=plan.parsed_release, run=plan.run.hash),
            timeout=RESTORE,
        )
    else:
        found = databases.snapshot(plan.snapshot)
    if isinstance(found, Wait):
        return found
    if found is None or found.status != "available":
        raise StepFailed(f"snapshot {plan.snapshot} is {found.status if found else 'gone'}: plan again")
    if not found.encrypted:
        raise StepFailed(f"snapshot {plan.snapshot} is not encrypted: a database restored from it would not be either")
    return Done({"snapshot": plan.snapshot, "storage": found.storage})
