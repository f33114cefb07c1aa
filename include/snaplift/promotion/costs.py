"""What databases and snapshots cost a month, by the prices that ``platforms.yaml`` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, Self

from snaplift import naming
from snaplift.config.platform import Prices
from snaplift.config.tenant import Tenant
from snaplift.promotion.estate import Survey, Thing, ThingKind
from snaplift.promotion.plan import Frozen

HOURS_A_MONTH: Final = 730
COSTLY: Final[frozenset[ThingKind]] = frozenset({"instance", "snapshot"})
"""What there are prices of; the rest costs nothing, or next to nothing."""


class Cost(Frozen):
    """What a thing costs a month."""

    amount: float
    currency: str
    at_most: bool
    """Of a snapshot only what changed since an earlier one is billed; known is the size of its database."""

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{self.amount:,.2f} {self.currency}"


def cost_of(thing: Thing, prices: Prices | None) -> Cost | None:
    """Say what a thing costs a month. None: it has no price, or the prices do not say it."""
    if prices is None:
        return None
    if thing.kind == "snapshot":
        amount, at_most = thing.size * prices.snapshot_gb_month, True
    elif thing.kind == "instance" and (hour := prices.instance_hour.get(thing.instance_class)) is not None:
        # A standby in another zone is an instance, and storage, of its own (RDS: pricing, Multi-AZ deployments).
        copies = 2 if thing.multi_az else 1
        amount, at_most = copies * (hour * HOURS_A_MONTH + thing.size * prices.storage_gb_month), False
    else:
        return None
    return Cost(amount=round(amount, 2), currency=prices.currency, at_most=at_most)


def prices_of(
    survey: Survey, namespace: naming.Namespace, configured: Mapping[str, str], prices: Mapping[str, Prices | None]
) -> Prices | None:
    """Say by which prices a namespace's things are paid.

    One that left the configuration costs what it would on a platform of the same account and region.

    :param configured: the platform of each namespace that the configuration names.
    :param prices: by platform.
    """
    return prices.get(platform_of(survey, namespace, configured) or survey.places[0].platform)


def platform_of(survey: Survey, namespace: naming.Namespace, configured: Mapping[str, str]) -> str | None:
    """Say where a namespace is. A preview is in no file: its pointer's tags say it."""
    if (found := configured.get(str(namespace))) or not namespace.is_preview:
        return found
    pointers = (each for each in survey.of_kind("parameter") if each.name == namespace.pointer)
    # By the tags of ours only, as everything else.
    ours = (each for each in pointers if naming.is_ours(each.tags, survey.installation, namespace))
    return next((each.tags.get(naming.PLATFORM_TAG) for each in ours), None)


def platforms_of(tenants: Iterable[Tenant]) -> dict[str, str]:
    """The platform of each namespace of the configuration."""
    return {
        str(naming.Namespace(naming.Tenant.parse(tenant.tenant), name)): environment.platform
        for tenant in tenants
        for name, environment in tenant.environments.items()
    }


class Bill(Frozen):
    """What everything costs a month."""

    costs: dict[str, Cost]
    """By a thing's identity; what has no price is missing."""
    as_of: tuple[date, ...] = ()
    """When the prices were looked up; empty: none are configured."""
    unpriced: tuple[str, ...] = ()
    """Platforms that no prices are configured of."""

    @classmethod
    def of(cls, surveys: Iterable[Survey], configured: Mapping[str, str], prices: Mapping[str, Prices | None]) -> Self:
        """Price what is ours.

        :param configured: the platform of each namespace that the configuration names.
        :param prices: by platform.
        """
        found = {
            thing.identity: cost
            for survey in surveys
            for thing in survey.of_kind(*COSTLY)
            if thing.namespace is not None and thing.is_ours(survey.installation)
            if (cost := cost_of(thing, prices_of(survey, thing.namespace, configured, prices))) is not None
        }
        return cls(
            costs=found,
            as_of=tuple(sorted({each.as_of for each in prices.values() if each is not None})),
            unpriced=tuple(sorted(name for name, each in prices.items() if each is None)),
        )

    def cost(self, thing: Thing) -> Cost | None:
        """What a thing costs; None: it has no price."""
        return self.costs.get(thing.identity)

    def total(self, things: Iterable[Thing]) -> str:
        """Say what things cost together; empty: none of them is of a kind that costs."""
        return total(self.cost(each) for each in things if each.kind in COSTLY)


def total(costs: Iterable[Cost | None]) -> str:
    """Say a sum, each currency on its own. What has no price is counted, never taken for free."""
    given = list(costs)
    known = [each for each in given if each is not None]
    sums = []
    for currency in sorted({each.currency for each in known}):
        mine = [each for each in known if each.currency == currency]
        most = any(each.at_most for each in mine)
        sums.append(mine[0].model_copy(update={"amount": sum(each.amount for each in mine), "at_most": most}))
    unknown = [f"{len(given) - len(known)} without a price"] if len(known) < len(given) else []
    return " and ".join([*map(str, sums), *unknown])
