"""All that refers to a tenant's things: pointers, what runs, live locks, and what a rollback goes back to."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from snaplift import naming
from snaplift.promotion.estate import SeenLock, SeenPointer, Survey, Thing
from snaplift.promotion.pointer import Revision


class References:
    """What is referred to, by name, ARN or resource id, each with the reason that is told.

    :param expired: namespaces whose previous database has stood for its time. What else a rollback needs stays.
    """

    def __init__(self, surveys: Iterable[Survey], tenant: str, expired: Collection[naming.Namespace] = ()) -> None:
        seen = list(surveys)
        self.pointers: dict[naming.Namespace, SeenPointer] = {}
        self.locks: dict[naming.Namespace, SeenLock] = {}
        self._standing = {each for survey in seen for each in _standing(survey) if str(each.tenant) == tenant}
        self._revisions = {thing.arn: thing for survey in seen for thing in survey.of_kind("revision")}
        self._why: dict[str, str] = {}
        for survey in seen:
            for pointer in survey.pointers:
                name = naming.Namespace.parse(pointer.namespace)
                if str(name.tenant) == tenant:
                    self.pointers[name] = pointer
                    self._add_pointer(name, pointer, expired=name in expired)
            for lock in survey.locks:
                locked = lock.locked
                if locked is not None and str(locked.tenant) == tenant:
                    self.locks[locked] = lock
                    self._add(lock.names, f"a run is under way: {lock.why}")
            for service in survey.services:
                for arn in service.revisions:
                    self._add_in_use(arn, f"service {service.name} runs it")
            for task in survey.tasks:
                self._add_in_use(task.revision, f"task {task.arn.rpartition('/')[2]} is {task.status} with it")

    @property
    def namespaces(self) -> frozenset[naming.Namespace]:
        """Those of the tenant that there is something of."""
        return frozenset({*self.pointers, *self.locks, *self._standing})

    def why_uncertain(self, namespace: naming.Namespace) -> str:
        """Say why it cannot be told what a namespace refers to; empty: it can."""
        if lock := self.locks.get(namespace):
            return f"a run is under way: {lock.why}"
        pointer = self.pointers.get(namespace)
        if pointer is None:
            return f"{namespace} has no pointer, which never means that nothing is active"
        return f"the pointer of {namespace} cannot be read" if pointer.pointer is None else ""

    def why_kept(self, thing: Thing) -> str:
        """Say what refers to a thing; empty: nothing does."""
        # By name also where the resource id is another: that is for a person to look into.
        found = (self._why.get(name) for name in (thing.name, thing.arn))
        return next(filter(None, found), "")

    def _add_pointer(self, name: naming.Namespace, seen: SeenPointer, *, expired: bool) -> None:
        if seen.pointer is None:
            return
        for role in ("active", "previous", "candidate"):
            revision: Revision | None = getattr(seen.pointer, role)
            if revision is None:
                continue
            why = f"{role} in {name}"
            stands = revision.database is not None and not (role == "previous" and expired)
            self._add(revision.restored_from, why)
            if stands:
                self._add(revision.used, why)
                self._add_needs(revision.task_definition, why)

    def _add_in_use(self, arn: str, why: str) -> None:
        self._add([arn], why)
        self._add_needs(arn, why)
        revision = self._revisions.get(arn)
        if revision is not None and revision.namespace is not None:
            self._add([revision.adopted or revision.namespace.database(revision.release)], why)

    def _add_needs(self, arn: str, why: str) -> None:
        if revision := self._revisions.get(arn):
            self._add(revision.needs, why)

    def _add(self, names: Iterable[str], why: str) -> None:
        for name in names:
            self._why.setdefault(name, why)


def _standing(survey: Survey) -> Iterable[naming.Namespace]:
    """Namespaces that something is there of which a pointer has to tell about."""
    for thing in survey.of_kind("stack", "instance"):
        if thing.is_ours(survey.installation) and (namespace := thing.namespace):
            yield namespace
