"""Quotas: whether what is about to be made still has room, before the first of it is made."""

from __future__ import annotations

from collections.abc import Iterator

from snaplift.config.tenant import Tenant
from snaplift.promotion.plan import Frozen, Plan


class Usage(Frozen):
    """Of a quota."""

    used: int
    limit: int


def shortage(what: str, usage: Usage | None, needed: int = 1, where: str = "the account") -> str:
    """Say that a quota has no room for what is needed; nothing: it has, or AWS does not tell.

    :param what: is counted, in the plural.
    """
    if usage is None or not needed or usage.used + needed <= usage.limit:
        return ""
    left = max(usage.limit - usage.used, 0)
    lacking = f"{needed} are needed" if left else "none is left"
    return f"{where} has {usage.used} of {usage.limit} {what}: {lacking}"


def shortages_of_promotion(plan: Plan, instances: Usage, snapshots: Usage, stacks: Usage | None) -> Iterator[str]:
    """Say which quotas a promotion would meet half way: at its database, its snapshots, its service's stack."""
    databases = int(plan.reuses is None)
    found = (
        shortage("database instances", instances, databases),
        shortage("manual snapshots", snapshots, _snapshots(plan)),
        shortage("stacks", stacks, databases + (not plan.before.service_exists)),
    )
    yield from filter(None, found)


def _snapshots(plan: Plan) -> int:
    """Count those that the promotion takes: the release's, and the final one of the database that goes.

    That is the previous one where it is retired, or the candidate where the promotion is aborted after it served: never
    both. Where data is authored an abort keeps none.
    """
    wanted, goes = plan.effective.retention.final_snapshot, plan.retires
    retired = goes is not None and (wanted or (goes.database is not None and goes.database.adopted))
    aborted = wanted and plan.reuses is None and plan.mode not in {"origin", "imported"}
    return plan.takes_snapshot + (retired or aborted)


def most_snapshots(tenant: Tenant) -> int:
    """Count the manual snapshots that a tenant has at most, just before a daily reap.

    In use are, of every environment but the first, the release that is active and the one that a rollback goes back to,
    which may all differ; of the latter also its database's final snapshot, once that is gone. What a night's promotions
    put out of use is marked by the next reap and goes with the one after it. Not counted is what is kept of a database
    that an abort or a reap took away: something went amiss.
    """
    promoted = [each for each in tenant.environments.values() if each.promoted_from is not None]
    first = tenant.environments[tenant.first].retention or tenant.retention
    final = [kept for each in promoted if (kept := each.retention or tenant.retention).final_snapshot]
    nights = len(tenant.nightly.environments) if tenant.nightly else 0
    releases = first.snapshots + 2 * len(promoted) + min(nights, 1)
    return releases + sum(kept.final_snapshots + 1 for kept in final) + 2 * min(nights, len(final))
