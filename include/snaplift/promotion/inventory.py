"""The inventory: what stands where, a namespace at a time, how old it is and what it costs a month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Literal

from snaplift import naming
from snaplift.config.platform import Prices
from snaplift.promotion.costs import cost_of, platform_of, prices_of
from snaplift.promotion.estate import SeenPointer, SeenService, Survey, Thing
from snaplift.promotion.plan import Frozen
from snaplift.promotion.pointer import Pointer, Revision

Role = Literal["active", "previous", "candidate", "unreferenced"]
ROLES: Final[tuple[Role, ...]] = ("active", "previous", "candidate")


class HeldDatabase(Frozen):
    """One incarnation of a database."""

    name: str
    resource_id: str
    role: Role
    """What the pointer says of it."""
    state: str
    protected: bool
    size: int
    """GB."""
    instance_class: str
    since: datetime | None
    """None: RDS does not say yet."""
    monthly: float | None
    """None: the platform's prices do not say."""


class HeldSnapshot(Frozen):
    """One snapshot of a database here."""

    name: str
    release: str | None
    state: str
    size: int
    since: datetime | None
    monthly: float | None
    """At the most: only what changed since an earlier one is billed."""


class Serving(Frozen):
    """The service, as ECS has it."""

    revision: str
    """ARN of its PRIMARY deployment's task definition."""
    desired: int
    running: int
    rollout: str


class Holding(Frozen):
    """What one namespace has."""

    schema_version: Literal[1] = 1
    namespace: str
    platform: str | None
    """Where the configuration says that it is; None: it names no such namespace."""
    as_of: datetime
    pointer: Pointer | None
    """None: there is none, or it cannot be read."""
    unreadable: str = ""
    """Why the pointer cannot be read."""
    lock: str = ""
    """Who holds it."""
    service: Serving | None = None
    databases: tuple[HeldDatabase, ...] = ()
    snapshots: tuple[HeldSnapshot, ...] = ()
    currency: str = ""
    prices_as_of: str = ""

    @property
    def monthly(self) -> float | None:
        """What databases and snapshots cost a month; None where a price is missing."""
        costs = [each.monthly for each in self.databases] + [each.monthly for each in self.snapshots]
        return None if None in costs else round(sum(cost for cost in costs if cost is not None), 2)


def holdings(survey: Survey, configured: Mapping[str, str], prices: Mapping[str, Prices | None]) -> Iterator[Holding]:
    """Say what each namespace has that something of this installation's is for, or that has a pointer, in order.

    :param configured: the platform of each namespace that the configuration names.
    :param prices: by platform.
    """
    by_namespace: dict[str, list[Thing]] = {}
    for thing in survey.things:
        if thing.is_ours(survey.installation) and thing.namespace is not None:
            by_namespace.setdefault(str(thing.namespace), []).append(thing)
    for seen in survey.pointers:
        by_namespace.setdefault(seen.namespace, [])
    for name in sorted(by_namespace):
        namespace = naming.Namespace.parse(name)
        platform, known = platform_of(survey, namespace, configured), prices_of(survey, namespace, configured, prices)
        yield _holding(survey, namespace, by_namespace[name], platform, known)


def _holding(
    survey: Survey, namespace: naming.Namespace, things: list[Thing], platform: str | None, prices: Prices | None
) -> Holding:
    seen = survey.pointer(namespace)
    return Holding(
        namespace=str(namespace),
        platform=platform,
        as_of=survey.as_of,
        pointer=seen.pointer if seen else None,
        unreadable=seen.why if seen else "",
        lock=next((each.why for each in survey.locks if each.namespace == str(namespace)), ""),
        service=_serving(
            survey.services, (seen.pointer and seen.pointer.service if seen else None) or namespace.service
        ),
        databases=tuple(_databases(things, seen, prices)),
        snapshots=tuple(_snapshots(things, prices)),
        currency=prices.currency if prices else "",
        prices_as_of=prices.as_of.isoformat() if prices else "",
    )


def _serving(services: Iterable[SeenService], name: str) -> Serving | None:
    for each in services:
        if each.name == name and each.revisions:
            return Serving(revision=each.revisions[0], desired=each.desired, running=each.running, rollout=each.rollout)
    return None


def _databases(things: Iterable[Thing], seen: SeenPointer | None, prices: Prices | None) -> Iterator[HeldDatabase]:
    roles = _roles(seen.pointer if seen else None)
    for thing in sorted(things, key=lambda each: each.name):
        if thing.kind == "instance":
            yield HeldDatabase(
                name=thing.name,
                resource_id=thing.resource_id,
                role=roles.get(thing.resource_id, "unreferenced"),
                state=thing.state,
                protected=thing.protected,
                size=thing.size,
                instance_class=thing.instance_class,
                since=thing.created_at,
                monthly=_monthly(thing, prices),
            )


def _roles(pointer: Pointer | None) -> dict[str, Role]:
    """What the pointer says of each incarnation."""
    revisions: dict[Role, Revision | None] = (
        {"active": pointer.active, "previous": pointer.previous, "candidate": pointer.candidate} if pointer else {}
    )
    # The first word counts: a code-only deployment names one database as active and as previous.
    return {
        each.database.resource_id: role
        for role in reversed(ROLES)
        if (each := revisions.get(role)) is not None and each.database is not None
    }


def _snapshots(things: Iterable[Thing], prices: Prices | None) -> Iterator[HeldSnapshot]:
    for thing in sorted(things, key=lambda each: each.name):
        if thing.kind == "snapshot":
            yield HeldSnapshot(
                name=thing.name,
                release=str(thing.release) if thing.release else None,
                state=thing.state,
                size=thing.size,
                since=thing.created_at,
                monthly=_monthly(thing, prices),
            )


def _monthly(thing: Thing, prices: Prices | None) -> float | None:
    cost = cost_of(thing, prices)
    return cost.amount if cost else None
