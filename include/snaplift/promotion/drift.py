"""Drift: where what runs is not what the pointer and the configuration say, and what would mend it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from snaplift import naming
from snaplift.promotion.earlier import PASSING_STATES
from snaplift.promotion.estate import SeenService, Survey, Thing, ThingKind, owner
from snaplift.promotion.plan import Frozen
from snaplift.promotion.pointer import DatabaseReference, Pointer, Revision
from snaplift.promotion.previews import untold
from snaplift.stacks.settings import EnvironmentSettings

_AT_REST: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})

OVERDUE: Final = timedelta(days=1)
"""How long a preview may stand when its time is up: fleet.expire looks every quarter of an hour."""
_TAGGED: Final[frozenset[ThingKind]] = frozenset({"secret", "snapshot", "parameter"})
"""Whose tags are looked at by their names. The service's and the databases' are where the pointer names them, stacks'
where they are compared with the configuration."""


class Deviation(Frozen):
    """One thing that is not as it should be."""

    namespace: str
    thing: str
    expected: str
    found: str
    mend: str
    """What would put it right; nothing does by itself."""

    def __str__(self) -> str:
        return f"{self.thing}: expected {self.expected}, found {self.found}. {self.mend}"


def deviations(survey: Survey, settings: Mapping[str, EnvironmentSettings], broken: Iterable[str]) -> list[Deviation]:
    """Compare what stands with what pointers and configuration say, namespace by namespace.

    A namespace with a promotion under way is left out: it is meant to change.

    :param settings: of every namespace that the configuration names on a platform of this survey.
    :param broken: tenants whose file cannot be read: of what they have only the pointer's part is compared.
    """
    unknown, index = set(broken), _Index(survey)
    found: list[Deviation] = []
    for namespace in compared(survey, settings):
        known = settings.get(str(namespace))
        look = _Look(index, namespace, known)
        preview = namespace.is_preview and look.seen is not None  # it is in no file
        if known is None and str(namespace.tenant) not in unknown and not preview:
            found.append(look.unconfigured())
        found += look.all()
    return found


def compared(survey: Survey, settings: Iterable[str]) -> list[naming.Namespace]:
    """Name what is compared, in order: what the configuration names, and what something of ours is for.

    :param settings: the namespaces that the configuration names on a platform of this survey.
    """
    things = (thing for thing in survey.things if thing.is_ours(survey.installation))
    found = {str(thing.namespace) for thing in things if thing.namespace is not None}
    locked = {lock.namespace for lock in survey.locks}
    return [naming.Namespace.parse(name) for name in sorted({*settings, *found} - locked)]


def of_stack(namespace: naming.Namespace, stack: str, unlike: Iterable[str]) -> Deviation | None:
    """Say that a stack is not as the configuration says; none: it is.

    :param unlike: what of it is not.
    """
    if not (what := ", ".join(unlike)):
        return None
    mend = f"Run {namespace.tenant.change_dag_id} for {namespace.environment}: it shows the change, and makes it"
    expected, found = "as the configuration says", f"otherwise: {what}"
    return Deviation(namespace=str(namespace), thing=f"stack {stack}", expected=expected, found=found, mend=mend)


def unreadable(namespace: naming.Namespace, why: str) -> Deviation:
    """Say that a namespace's stacks could not be compared with the configuration."""
    mend = "Nothing is concluded of them; the others were looked at. The next run looks again"
    return Deviation(
        namespace=str(namespace), thing=f"stacks of {namespace}", expected="to be read", found=why, mend=mend
    )


class _Index:
    """A survey, so that of a large one each namespace's part is found at once."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.pointers = {each.namespace: each for each in survey.pointers}
        self.of: dict[naming.Namespace, list[Thing]] = defaultdict(list)
        """By the namespace that their tags name."""
        self.named: dict[naming.Namespace, list[Thing]] = defaultdict(list)
        """By the namespace whose they would be by their names."""
        self.instances: dict[str, Thing] = {}
        for thing in survey.things:
            if thing.namespace is not None:
                self.of[thing.namespace].append(thing)
            if (named := owner(thing.kind, thing.name)) is not None:
                self.named[named].append(thing)
            if thing.kind == "instance":
                self.instances[thing.name] = thing


class _Look:
    """One namespace, compared."""

    def __init__(self, index: _Index, namespace: naming.Namespace, settings: EnvironmentSettings | None) -> None:
        self.namespace = namespace
        self.settings = settings
        self.seen = index.pointers.get(str(namespace))
        self.things = index.of.get(namespace, [])
        self.named = index.named.get(namespace, [])
        self.instances = index.instances
        self.survey = index.survey
        self.services = index.survey.services
        self.installation = index.survey.installation

    def all(self) -> Iterator[Deviation]:
        yield from self._stacks()
        yield from self._tags()
        if self.namespace.is_preview:
            yield from self._preview()
        if self.seen is None:
            if self.things:
                yield self._deviation(
                    self.namespace.pointer, "the pointer", "none", "Put its last value back: history is in SSM"
                )
            return
        if self.seen.pointer is None:
            mend = "Put an earlier version of the parameter back (runbook: the pointer cannot be read)"
            yield self._deviation(self.namespace.pointer, "a pointer", self.seen.why, mend)
            return
        pointer = self.seen.pointer
        if pointer.candidate is not None:
            mend = "snaplift lock show says whether a run is to end it; fleet.recover ends what a dead run left"
            yield self._deviation(self.namespace.pointer, "no candidate", pointer.candidate.release or "one", mend)
        yield from self._service(pointer)
        yield from self._databases(pointer)

    def unconfigured(self) -> Deviation:
        mend = "Put the tenant's file back, or take the tenant away (how-to: take a tenant away)"
        count = f"{len(self.things)} things that are in no tenant's file"
        return self._deviation(str(self.namespace), "an environment of a tenant's file", count, mend)

    # -- stacks ------------------------------------------------------------------------------------------------

    def _stacks(self) -> Iterator[Deviation]:
        for stack in self.things:
            if stack.kind == "stack" and stack.state not in _AT_REST:
                mend = "See the stack's events (runbook: a stack failed)"
                yield self._deviation(f"stack {stack.name}", "at rest", stack.state, mend)

    # -- tags --------------------------------------------------------------------------------------------------

    def _tags(self) -> Iterator[Deviation]:
        for thing in self.named:
            if thing.kind not in _TAGGED or naming.is_ours(thing.tags, self.installation, self.namespace):
                continue
            if thing.tags.get(naming.INSTALLATION_TAG) in {None, self.installation}:  # otherwise it is theirs
                mend = "Put its tags back: whatever has lost them is looked after by nobody"
                yield self._deviation(str(thing), "tags of this namespace", str(thing.tags or "none"), mend)

    def _preview(self) -> Iterator[Deviation]:
        """A preview's time and place are tags of its pointer: without them it would stay for ever."""
        pointer = next((each for each in self.named if each.kind == "parameter"), None)
        if pointer is None or not naming.is_ours(pointer.tags, self.installation, self.namespace):
            return  # said already
        thing, places = f"preview {self.namespace}", [each.platform for each in self.survey.places]
        platform, until = pointer.tags.get(naming.PLATFORM_TAG), naming.read_expiry(pointer.tags)
        if platform not in places:
            mend = untold(self.namespace, pointer.tags, self.installation, places)
            yield self._deviation(thing, f"the tag {naming.PLATFORM_TAG}, one of ours", platform or "none", mend)
        remove = f"{self.namespace.tenant.preview_remove_dag_id} with {self.namespace.environment}"
        if until is None:
            said = pointer.tags.get(naming.EXPIRES_TAG, "none")
            mend = f"It never goes by itself: run {remove}, or {self.namespace.tenant.preview_dag_id} to give it time"
            yield self._deviation(thing, f"the tag {naming.EXPIRES_TAG}, until when it stands", said, mend)
        elif until + OVERDUE < self.survey.as_of:
            mend = f"See whether fleet.expire is switched on, and what its last runs say; or run {remove}"
            yield self._deviation(thing, f"gone since {until:%Y-%m-%d %H:%M} UTC", "that it stands", mend)

    # -- the service -------------------------------------------------------------------------------------------

    def _service(self, pointer: Pointer) -> Iterator[Deviation]:
        called = pointer.service or self.namespace.service
        service = next((each for each in self.services if each.name == called), None)
        name = f"service {called}"
        active = pointer.active
        if active is None:
            if service is not None:
                yield self._deviation(name, "none, since nothing is active", _short(service.revisions), "Delete it")
            return
        promote = f"Promote again, with release {active.release or 'as it is'}"
        if service is None:
            yield self._deviation(name, _short((active.task_definition,)), "no service", promote)
            return
        yield from self._runs(name, service, active, promote)

    def _runs(self, name: str, service: SeenService, active: Revision, promote: str) -> Iterator[Deviation]:
        if service.revisions[:1] != (active.task_definition,):
            found = _short(service.revisions)
            yield self._deviation(name, _short((active.task_definition,)), found, f"{promote}, or roll it back in ECS")
        if service.running != service.desired or not service.desired:
            mend = "See the service's events in ECS"
            yield self._deviation(name, "all its tasks running", f"{service.running} of {service.desired}", mend)
        if not naming.is_ours(service.tags, self.installation, self.namespace):
            yield self._deviation(name, "tags of this namespace", str(service.tags or "none"), "Put its tags back")

    # -- databases ---------------------------------------------------------------------------------------------

    def _databases(self, pointer: Pointer) -> Iterator[Deviation]:
        told = set()
        for role, revision in (("active", pointer.active), ("previous", pointer.previous)):
            # A code-only deployment names one database as both.
            if revision is not None and revision.database is not None and revision.database.resource_id not in told:
                told.add(revision.database.resource_id)
                yield from self._database(role, revision.database)

    def _database(self, role: str, wanted: DatabaseReference) -> Iterator[Deviation]:
        thing = f"database {wanted.name} ({role})"
        instance = self.instances.get(wanted.name)
        if instance is None:
            mend = "Restore its snapshot by promoting its release again" if role == "active" else "No rollback to it"
            yield self._deviation(thing, wanted.resource_id, "no instance", mend)
            return
        if instance.resource_id != wanted.resource_id:
            mend = "It was made again by hand: promote its release again"
            yield self._deviation(thing, wanted.resource_id, instance.resource_id, mend)
        if instance.state not in PASSING_STATES:
            yield self._deviation(thing, "a state that serves", instance.state, "Start or repair it in RDS")
        if not instance.protected:
            mend = f"aws rds modify-db-instance --db-instance-identifier {instance.name} --deletion-protection"
            yield self._deviation(thing, "deletion protection", "none", mend)
        if role == "active":
            yield from self._as_configured(thing, instance)
        if not naming.is_ours(instance.tags, self.installation, self.namespace):
            yield self._deviation(thing, "tags of this namespace", str(instance.tags or "none"), "Put its tags back")

    def _as_configured(self, thing: str, instance: Thing) -> Iterator[Deviation]:
        if self.settings is None:
            return
        wanted, mend = self.settings.database, "The next promotion brings what the file says"
        if instance.instance_class != wanted.instance_class:
            yield self._deviation(f"{thing}, its class", wanted.instance_class, instance.instance_class, mend)
        if instance.size < wanted.storage:
            yield self._deviation(f"{thing}, its storage", f"{wanted.storage} GB", f"{instance.size} GB", mend)
        if instance.multi_az != wanted.multi_az:
            yield self._deviation(f"{thing}, its zones", _zones(wanted.multi_az), _zones(instance.multi_az), mend)

    def _deviation(self, thing: str, expected: str, found: str, mend: str) -> Deviation:
        return Deviation(namespace=str(self.namespace), thing=thing, expected=expected, found=found, mend=mend)


def _short(revisions: Iterable[str]) -> str:
    return ", ".join(each.rpartition("/")[2] for each in revisions) or "nothing"


def _zones(multi_az: bool) -> str:  # noqa: FBT001
    return "a standby in another zone" if multi_az else "one"
