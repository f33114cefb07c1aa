"""What nothing refers to any more: decided from a survey, so that whatever is not clearly an orphan is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.retention import Retention
from snaplift.config.tenant import Tenant
from snaplift.promotion.estate import Survey, Thing, ThingKind, owner
from snaplift.promotion.plan import Frozen, Place
from snaplift.promotion.references import References
from snaplift.promotion.retention import earlier_databases, held_snapshots, is_expired
from snaplift.stacks.settings import EnvironmentSettings


class Action(StrEnum):
    """What a reap does with a thing."""

    KEEP = "keep"
    QUARANTINE = "quarantine"
    """Kept, and reported: its tenant or environment is not in the configuration, or cannot be read there."""
    MARK = "mark"
    """Seen for the first time without anything that refers to it."""
    WAIT = "wait"
    """Marked; its grace is not over, or what is kept of its kind includes it yet."""
    REMOVE = "remove"


class Verdict(Frozen):
    """What becomes of a thing, and why, for a person to read."""

    thing: Thing
    action: Action
    why: str
    platform: str = ""
    """Whose lock table its mark is in; empty: it has none."""
    since: datetime | None = None
    """When nothing referred to it for the first time."""

    @property
    def is_orphan(self) -> bool:
        return self.action in {Action.MARK, Action.WAIT, Action.REMOVE}


class Fleet(Frozen):
    """The configuration, as far as it could be read."""

    platforms: Platforms
    tenants: dict[str, Tenant]
    broken: frozenset[str] = frozenset()
    """Tenants that have a file which cannot be used."""

    def settings(self, namespace: naming.Namespace) -> EnvironmentSettings | None:
        """What an environment has; none: the configuration does not say."""
        tenant = self.tenants.get(str(namespace.tenant))
        if tenant is None or namespace.environment not in tenant.environments:
            return None
        return EnvironmentSettings.of(self.platforms, tenant, namespace.environment)

    def why_quarantined(self, namespace: naming.Namespace) -> str:
        """Say why nothing of a namespace may be touched; empty: the configuration has it."""
        tenant = str(namespace.tenant)
        if tenant in self.broken:
            return f"the file of {tenant} cannot be read"
        if tenant not in self.tenants:
            return f"{tenant} is not in the configuration"
        if namespace.environment not in self.tenants[tenant].environments:
            return f"{tenant} has no environment {namespace.environment} in the configuration"
        return ""

    def place(self, namespace: naming.Namespace) -> Place | None:
        found = self.settings(namespace)
        return Place.of(found.platform_name, found.platform) if found else None


ORDER: Final[tuple[ThingKind, ...]] = ("instance", "stack", "secret", "revision", "log_group", "snapshot", "parameter")
"""A database before what it was made of; what only lists is last."""


def decide(surveys: Iterable[Survey], fleet: Fleet, now: datetime) -> list[Verdict]:
    """Say what becomes of each thing. All surveys are needed: a snapshot is referred to from other platforms.

    The same survey gives the same verdicts in the same order.
    """
    seen = tuple(surveys)
    judges: dict[str, _Judge] = {}
    found = []
    for survey in seen:
        for thing in survey.things:
            tenant = str(thing.namespace.tenant) if thing.namespace else ""
            if tenant not in judges:
                judges[tenant] = _Judge(seen, fleet, now, tenant)
            found.append(judges[tenant].verdict(thing, survey))
    return sorted(found, key=lambda each: (ORDER.index(each.thing.kind), each.since or now, each.thing.name))


def stale_marks(surveys: Iterable[Survey], verdicts: Iterable[Verdict]) -> set[tuple[str, str]]:
    """Find the marks of what is referred to again, or gone, each with the platform that it is on.

    Those of a quarantined tenant stay as they are.
    """
    judged = list(verdicts)
    kept = {mark_of(each.thing) for each in judged if each.is_orphan or each.action is Action.QUARANTINE}
    found = ((platform, key) for survey in surveys for platform, marks in survey.marks.items() for key in marks)
    return {(platform, key) for platform, key in found if key not in kept}


def mark_of(thing: Thing) -> str:
    """The key of a thing's mark; empty: it belongs to no namespace."""
    return thing.namespace.mark(thing.identity) if thing.namespace else ""


def within(verdicts: Iterable[Verdict], cap: int, platform: str = "") -> tuple[list[Verdict], list[Verdict]]:
    """Split what is to be removed into what this run removes and the rest: more than its cap, or elsewhere.

    :param platform: where things go; empty: everywhere.
    """
    going: list[Verdict] = []
    rest: list[Verdict] = []
    for each in verdicts:
        if each.action is Action.REMOVE:
            wanted = platform in {"", each.platform} and len(going) < cap
            (going if wanted else rest).append(each)
    return going, rest


class _Judge:
    """Judges the things of one tenant."""

    def __init__(self, surveys: tuple[Survey, ...], fleet: Fleet, now: datetime, tenant: str) -> None:
        self.fleet, self.now = fleet, now
        self.things = [
            thing
            for survey in surveys
            for thing in survey.things
            if thing.is_ours(survey.installation) and thing.namespace and str(thing.namespace.tenant) == tenant
        ]
        of_configuration = fleet.tenants[tenant].environments if tenant in fleet.tenants else ()
        namespaces = [naming.Namespace(naming.Tenant.parse(tenant), name) for name in of_configuration]
        pointers = {each.namespace: each for survey in surveys for each in survey.pointers}
        expired = {name for name in namespaces if is_expired(pointers.get(str(name)), self._retention(name), now)}
        self.references = References(surveys, tenant, expired)
        self.earlier: dict[str, str] = {}
        self.held: dict[str, str] = {}
        for name in namespaces:
            retention, instances = self._retention(name), self._of(name, "instance")
            self.earlier |= earlier_databases(instances, pointers.get(str(name)), retention, now)
            spare = [
                each
                for each in self._of(name, "snapshot")
                # One that was taken to be masked is no release, and no database's last state.
                if naming.REFRESH_TAG not in each.tags and not self.references.why_kept(each)
            ]
            self.held |= held_snapshots(spare, retention, now)

    def _of(self, namespace: naming.Namespace, *kinds: ThingKind) -> list[Thing]:
        return [thing for thing in self.things if thing.namespace == namespace and thing.kind in kinds]

    def _retention(self, namespace: naming.Namespace) -> Retention:
        settings = self.fleet.settings(namespace)
        assert settings is not None  # the configuration has it
        return settings.retention

    def verdict(self, thing: Thing, survey: Survey) -> Verdict:
        namespace = thing.namespace
        if why := _why_not_ours(thing, survey):
            return Verdict(thing=thing, action=Action.KEEP, why=why)
        assert namespace is not None  # said above
        if namespace.is_preview and namespace in self.references.pointers:
            return Verdict(thing=thing, action=Action.KEEP, why="it is a preview's, which goes when its time is up")
        if why := self.fleet.why_quarantined(namespace):
            return Verdict(thing=thing, action=Action.QUARANTINE, why=why)
        if why := next(filter(None, self._reasons_to_keep(thing, namespace, survey)), ""):
            return Verdict(thing=thing, action=Action.KEEP, why=why)
        return self._orphan(thing, namespace, survey)

    def _reasons_to_keep(self, thing: Thing, namespace: naming.Namespace, survey: Survey) -> Iterator[str]:
        place = self.fleet.place(namespace)
        if place is None or place not in survey.places:
            yield f"the configuration has {namespace} elsewhere"
            return
        if place.platform not in survey.standing:
            yield f"the stack of {place.platform} does not stand"
        # A release's snapshot is any environment's to restore.
        names = {*self.references.namespaces, namespace} if thing.kind == "snapshot" else {namespace}
        yield from (self.references.why_uncertain(each) for each in sorted(names))
        yield self.references.why_kept(thing)
        yield self.earlier.get(thing.identity, "")
        yield self._own_reason(thing, namespace)

    def _own_reason(self, thing: Thing, namespace: naming.Namespace) -> str:
        """Say what keeps a thing of its kind, whoever refers to it."""
        match thing.kind:
            case "stack":
                return _why_stack(thing, namespace, self._of(namespace, "instance"))
            case "instance":
                return _why_instance(thing, namespace, self._of(namespace, "stack"))
            case "snapshot":
                return _why_snapshot(thing)
            case "secret":
                return _why_secret(thing, self._of(namespace, "stack"))
            case "revision":
                return _why_revision(thing, namespace, self._of(namespace, "revision", "instance"))
            case "log_group":
                return _why_log_group(namespace, self._of(namespace, "stack"))
            case "parameter":
                return "a pointer outlives everything else"

    def _orphan(self, thing: Thing, namespace: naming.Namespace, survey: Survey) -> Verdict:
        place = self.fleet.place(namespace)
        assert place is not None  # the configuration has it
        since = survey.marks.get(place.platform, {}).get(mark_of(thing))
        grace = self._retention(namespace).grace
        action, why = Action.REMOVE, f"nothing refers to it since {since:%Y-%m-%d %H:%M} UTC" if since else ""
        if since is None:
            action, why = Action.MARK, "nothing refers to it"
        elif self.now < since + grace:
            action, why = Action.WAIT, f"{why}; its grace ends {since + grace:%Y-%m-%d %H:%M} UTC"
        # Marked all the same: so its grace runs while it is kept.
        if action is not Action.MARK and (held := self.held.get(thing.identity)):
            action, why = Action.WAIT, held
        return Verdict(thing=thing, action=action, why=why, platform=place.platform, since=since or self.now)


def _why_not_ours(thing: Thing, survey: Survey) -> str:
    """Say why a thing may never be removed, whatever refers to it; empty: it is ours, by tags and name."""
    if not thing.is_ours(survey.installation):
        other = thing.tags.get(naming.INSTALLATION_TAG)
        return f"it is installation {other}'s" if other else "it has a name like ours and no tag of ours"
    if thing.namespace is None:
        return "its tags name no namespace"
    if thing.kind == "instance" and thing.adopted == thing.name:  # it had its name before it was ours
        return ""
    if owner(thing.kind, thing.name) != thing.namespace:
        return f"its tags say {thing.namespace}, and its name does not"
    return ""


# -- what keeps a thing by its kind ------------------------------------------------------------------------------


def _why_stack(thing: Thing, namespace: naming.Namespace, instances: Iterable[Thing]) -> str:
    if thing.name in {namespace.stack, namespace.service_stack}:
        return f"{namespace} is in the configuration"
    if thing.state.endswith("_IN_PROGRESS"):
        return f"it is {thing.state}"
    return "it goes with its instance" if any(each.name == thing.name for each in instances) else ""


def _why_instance(thing: Thing, namespace: naming.Namespace, stacks: Iterable[Thing]) -> str:
    if thing.created_at is None or thing.state in {"creating", "deleting"}:
        return f"it is {thing.state}"
    authored = thing.name == namespace.database(None) or (thing.adopted and thing.release is None)
    if authored and (thing.protected or thing.adopted):
        return "data is authored there, and it is protected: a person decides"
    if any(each.run != thing.run for each in stacks if each.name == thing.name):
        return "its stack was made by another run: a person decides"
    return ""


def _why_snapshot(thing: Thing) -> str:
    return "" if thing.state in {"available", "failed"} else f"it is {thing.state or 'being taken'}"


def _why_secret(thing: Thing, stacks: Iterable[Thing]) -> str:
    incarnation = naming.SecretName.parse(thing.name).incarnation
    return next((f"stack {each.name} made it" for each in stacks if each.arn.endswith(f"/{incarnation}")), "")


def _why_revision(thing: Thing, namespace: naming.Namespace, things: Iterable[Thing]) -> str:
    if thing.state != "ACTIVE":
        return f"it is {thing.state} already"
    mine = list(things)
    if thing.name == max((each.name for each in mine if each.kind == "revision"), key=_number):
        return "it is the newest of its family"
    database = namespace.database(thing.release)
    return next((f"{database} stands" for each in mine if each.kind == "instance" and each.name == database), "")


def _number(revision: str) -> int:
    return int(revision.rpartition(":")[2])


def _why_log_group(namespace: naming.Namespace, stacks: Iterable[Thing]) -> str:
    return f"{namespace} stands" if any(each.name == namespace.stack for each in stacks) else ""
