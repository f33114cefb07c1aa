"""Drift: where what runs is not what the pointer and the configuration say, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from snaplift import naming
from snaplift.promotion.earlier import PASSING_STATES
from snaplift.promotion.estate import SeenService, Survey, Thing
from snaplift.promotion.plan import Frozen
from snaplift.promotion.pointer import DatabaseReference, Pointer, Revision
from snaplift.stacks.settings import EnvironmentSettings

_AT_REST: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})


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
    locked = {lock.namespace for lock in survey.locks}
    unknown = set(broken)
    found: list[Deviation] = []
    for name in sorted({*settings, *_namespaces(survey)} - locked):
        namespace = naming.Namespace.parse(name)
        known = settings.get(name)
        look = _Look(survey, namespace, known)
        preview = namespace.is_preview and look.seen is not None  # it is in no file
        if known is None and str(namespace.tenant) not in unknown and not preview:
            found.append(look.unconfigured())
        found += look.all()
    return found


def _namespaces(survey: Survey) -> set[str]:
    things = (thing for thing in survey.things if thing.is_ours(survey.installation))
    return {str(thing.namespace) for thing in things if thing.namespace is not None}


class _Look:
    """One namespace, compared."""

    def __init__(self, survey: Survey, namespace: naming.Namespace, settings: EnvironmentSettings | None) -> None:
        self.namespace = namespace
        self.settings = settings
        self.seen = survey.pointer(namespace)
        self.things = [each for each in survey.things if each.namespace == namespace]
        self.everything = survey.things
        self.services = survey.services
        self.installation = survey.installation

    def all(self) -> Iterator[Deviation]:
        yield from self._stacks()
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
        for role, revision in (("active", pointer.active), ("previous", pointer.previous)):
            if revision is not None and revision.database is not None:
                yield from self._database(role, revision.database)

    def _database(self, role: str, wanted: DatabaseReference) -> Iterator[Deviation]:
        thing = f"database {wanted.name} ({role})"
        instances = [each for each in self.everything if each.kind == "instance" and each.name == wanted.name]
        if not instances:
            mend = "Restore its snapshot by promoting its release again" if role == "active" else "No rollback to it"
            yield self._deviation(thing, wanted.resource_id, "no instance", mend)
            return
        [instance] = instances
        if instance.resource_id != wanted.resource_id:
            mend = "It was made again by hand: promote its release again"
            yield self._deviation(thing, wanted.resource_id, instance.resource_id, mend)
        if instance.state not in PASSING_STATES:
            yield self._deviation(thing, "a state that serves", instance.state, "Start or repair it in RDS")
        if role == "active":
            yield from self._as_configured(thing, instance)
        if not naming.is_ours(instance.tags, self.installation, self.namespace):
            yield self._deviation(thing, "tags of this namespace", str(instance.tags or "none"), "Put its tags back")

    def _as_configured(self, thing: str, instance: Thing) -> Iterator[Deviation]:
        if not instance.protected:
            yield self._deviation(
                thing, "deletion protection", "none", f"aws rds modify-db-instance --db-instance-identifier "
                f"{instance.name} --deletion-protection"
            )  # fmt: skip
        if self.settings is None:
            return
        wanted = self.settings.database
        if instance.instance_class != wanted.instance_class:
            mend = "The next promotion brings what the file says"
            yield self._deviation(f"{thing}, its class", wanted.instance_class, instance.instance_class, mend)
        if instance.size < wanted.storage:
            mend = "The next promotion brings what the file says"
            yield self._deviation(f"{thing}, its storage", f"{wanted.storage} GB", f"{instance.size} GB", mend)

    def _deviation(self, thing: str, expected: str, found: str, mend: str) -> Deviation:
        return Deviation(namespace=str(self.namespace), thing=thing, expected=expected, found=found, mend=mend)


def _short(revisions: Iterable[str]) -> str:
    return ", ".join(each.rpartition("/")[2] for each in revisions) or "nothing"
