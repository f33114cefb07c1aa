"""A plan, told to a person."""

from __future__ import annotations

from collections.abc import Iterator

from snaplift.config.tenant import Masking
from snaplift.promotion.plan import Plan
from snaplift.promotion.pointer import Revision
from snaplift.promotion.values import site_url
from snaplift.promotion.writes import Writes


def describe(plan: Plan) -> str:
    """Tell a plan in Markdown."""
    rows = "\n".join(f"| {what} | {text} |" for what, text in _rows(plan))
    return f"**{_title(plan)}**\n\n| | |\n|---|---|\n{rows}"


def as_text(plan: Plan) -> str:
    """Tell a plan in lines for a log."""
    rows = list(_rows(plan))
    width = max(len(what) for what, _ in rows)
    return "\n".join([_title(plan), *(f"  {what:<{width}}  {text}" for what, text in rows)])


def _title(plan: Plan) -> str:
    line = headline(plan)
    return f"{line[0].upper()}{line[1:]}{' (dry run: nothing is made)' if plan.dry_run else ''}"


def headline(plan: Plan) -> str:
    """Tell a plan in one line."""
    match plan.mode:
        case "origin":
            return f"make the first database of {plan.name}"
        case "imported":
            return f"make the first database of {plan.name} from snapshot {plan.imported}"
        case "new":
            return f"promote a new release to {plan.name}"
        case "again":
            return f"release {plan.release} serves again in {plan.name}: its database still stands"
        case "restored":
            return (
                f"release {plan.release} serves again in {plan.name}: its database is restored from its final snapshot"
            )
        case "refresh":
            return f"refresh {plan.name} with masked data of {plan.source_name}"
        case "active":
            return f"another build serves in {plan.name}, on the database that serves"
    return f"promote release {plan.release} to {plan.name}"


def _rows(plan: Plan) -> Iterator[tuple[str, str]]:
    retention = plan.effective.retention
    yield "Site", site_url(plan.platforms, plan.tenant, plan.environment)
    yield "Platform", f"{plan.place.platform} ({plan.place.account}, {plan.place.region})"
    yield "Release", _release(plan)
    if plan.source:
        yield "Data", _data(plan)
        if plan.source.backup_window:
            yield (
                "Its backups",
                f"{plan.source.backup_window} UTC: a snapshot begun meanwhile waits for the backup's end",
            )
    if plan.masking:
        yield "Masking", _masking(plan.masking, plan)
    yield "Database", _database(plan)
    for container, image in plan.images.items():
        yield f"Build of {container}", image
    if plan.why_build:
        yield "Why this build", plan.why_build
    yield "Serves now", _serving(plan.before.active)
    yield "Goes afterwards", _goes(plan, bool(retention.keep_previous))
    if plan.writes is not None:
        yield "Written there", _lost(plan.writes, plan)
    for step, reason in sorted(plan.left_out.items()):
        yield f"No {step}", reason


def _release(plan: Plan) -> str:
    if plan.release is None:
        return "named when the lock is held" if plan.source else "none: authored here"
    active = plan.before.active.release if plan.before.active else None
    if plan.mode == "active":
        return f"{plan.release}, which serves"
    older = active is not None and plan.release < active
    return f"{plan.release}, older than {active}, which serves: as was asked for" if older else plan.release


def _data(plan: Plan) -> str:
    assert plan.source is not None
    if plan.takes_snapshot:
        return f"snapshot of {plan.source.instance}, taken now"
    final = (
        ": this environment's own data, as it was when its database went, with what was written to it"
        if plan.source.final
        else ""
    )
    return f"snapshot {plan.snapshot}, which stands{final}"


def _masking(masking: Masking, plan: Plan) -> str:
    steps, checks = len(masking.steps), len(masking.checks)
    told = f"{steps} step{'s' * (steps > 1)}, {checks} check{'s' * (checks > 1)}"
    return f"{told}; then {masking.data_class or plan.tenant.data_class(plan.environment)}, before anybody reaches it"


def _database(plan: Plan) -> str:
    if plan.reuses:
        return f"{plan.database}, which stands: nothing is restored, and it has all that was written to it"
    return f"{plan.database}{'-…' if plan.source and not plan.release else ''}, {plan.storage} GB"


def _serving(active: Revision | None) -> str:
    if active is None:
        return "nothing"
    return f"release {active.release or 'none'}, {active.task_definition.rpartition('/')[2]}"


def _lost(writes: Writes, plan: Plan) -> str:
    if not writes.at_stake:
        return "nothing since it was activated: nothing is lost"
    agreed = {"ask": "a yes discards it", "allow": "it is discarded"}
    return f"{writes}; {agreed.get(plan.target_writes, 'refused')} (target_writes: {plan.target_writes})"


def _goes(plan: Plan, kept: bool) -> str:  # noqa: FBT001  # a word of the sentence, not a switch
    active = plan.before.active
    if active is None or active.database is None or not plan.replaces:
        return "nothing"
    if active.release is None:
        return f"nothing: {active.database.name}, in which data were authored, stays until a person takes it away"
    if kept:
        return f"nothing yet: {active.database.name} stays for a rollback"
    final = ", after a final snapshot" if plan.effective.retention.final_snapshot else ""
    return f"{active.database.name}{final}"
