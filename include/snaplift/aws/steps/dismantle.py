"""dismantle: take a namespace away, whatever of it stands, and nothing else.

The pointer says first that nothing is active, and goes last: until then a run that comes later finds the rest. What is
removed carries this installation's tags *and this namespace's*, and bears a name of the namespace's; a listing that
fails ends the step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.fence import Fence
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.aws.hooks.rds import FoundInstance
from snaplift.aws.hooks.ssm import PointerMissing
from snaplift.aws.steps.promotion import REMOVAL, Done, HeldLock, find_lock, utc_now, wait_for_moments
from snaplift.config.platform import Platforms
from snaplift.promotion.dismantling import Dismantling
from snaplift.promotion.lock import Lock, LockHeld, LockLost, Phase, Record
from snaplift.promotion.plan import Place
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from snaplift.stacks.outputs import PlatformOutputs

log = logging.getLogger(__name__)

# Of a task that nobody has to stop any more.
STOPPING = frozenset({"DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"})


def prepare(
    platforms: Platforms, namespace: str, platform: str, run: Run, *, final_snapshots: bool, only_expired: bool = False
) -> Dismantling:
    """Say what is to be taken away, and where it is.

    :raises StepFailed: its platform is unknown, or does not stand.
    """
    if platform not in platforms.platforms:
        raise StepFailed(f"{namespace} is on {platform}, which platforms.yaml does not name: put it back there first")
    place = Place.of(platform, platforms.platforms[platform])
    found = Aws.at(place).stacks.find(platform)
    if found is None or not found.created:
        raise StepFailed(f"platform {platform} does not stand: nothing of {namespace} can be looked for")
    return Dismantling(
        run=run,
        namespace=namespace,
        place=place,
        cluster=PlatformOutputs.read(platform, found.outputs).cluster_name,
        final_snapshots=final_snapshots,
        only_expired=only_expired,
    )


def under_way(platforms: Platforms, namespace: str, run: Run) -> Dismantling | None:
    """Find what this run has begun to take away: from then on the lock's record counts. None: nothing."""
    held = find_lock(platforms, namespace, run)
    work = held.lock.record.work if held else None
    return work if isinstance(work, Dismantling) else None


def advance(wanted: Dismantling, *, airflow: str = "", now: Callable[[], datetime] = utc_now) -> Wait | Done:
    """Take the next thing away, with the namespace's lock, which is given back at the end.

    :param airflow: the id of the metadata database that this run is in.
    :raises LockHeld: another run has the lock, for longer than moments.
    :raises StepFailed: something cannot be removed, or is not sure to be ours. The lock stays with this run.
    """
    place, locks = wanted.place, Aws.at(wanted.place).locks
    try:
        locks.acquire(place.lock_table, Record(work=wanted, acquired_at=now()), airflow)
    except LockHeld:
        if wait := wait_for_moments(place, locks, wanted.namespace):
            return wait
        raise
    lock = locks.renew(place.lock_table, wanted.namespace, wanted.run.token, Phase.PROMOTING, now())
    if not isinstance(lock.record.work, Dismantling):
        raise LockLost(f"this run promotes to {wanted.namespace}: it removes nothing")
    task = _Task.of(lock, lock.record.work)
    if task.work.only_expired and (until := task.prolonged(now())):
        locks.release(place.lock_table, lock)
        return Done(skipped=f"{wanted.namespace} was prolonged until {until:%Y-%m-%d %H:%M} UTC")
    if wait := task.next():
        return wait
    kept = task.kept()
    locks.release(place.lock_table, lock)
    return Done({"dismantled": wanted.namespace, "kept": kept})


def give_back(platforms: Platforms, namespace: str, run: Run) -> None:
    """Give the lock back, half-way: another run goes on from where this one came to."""
    held = find_lock(platforms, namespace, run)
    if held is not None and isinstance(held.lock.record.work, Dismantling):
        held.locks.release(held.place.lock_table, held.lock)


def take_over(held: HeldLock, _now: Callable[[], datetime]) -> Done:
    """End a removal in place of its run, which is dead: there is nothing to undo."""
    held.locks.release(held.place.lock_table, held.lock)
    return Done({"ended": f"the removal of {held.lock.namespace} is not finished: whoever removes it again goes on"})


@dataclass(frozen=True)
class _Task:
    """The removal under way."""

    work: Dismantling
    began: datetime
    aws: Aws

    @classmethod
    def of(cls, lock: Lock, work: Dismantling) -> _Task:
        locks, table = Aws.at(work.place).locks, work.place.lock_table
        fence = Fence(locks, table, lock.namespace, lock.token, lock.fence, lock.phase)
        return cls(work, lock.record.acquired_at, Aws.at(work.place, fence))

    @property
    def name(self) -> naming.Namespace:
        return self.work.name

    def next(self) -> Wait | None:
        """Remove what is next. None: nothing is left."""
        self._say_that_nothing_is_active()
        for remove in (self._service, self._tasks, self._databases, self._database_stacks, self._namespace):
            if wait := remove():
                return wait
        self._revisions()
        self._fingerprints()
        self._pointer()
        return None

    def prolonged(self, now: datetime) -> datetime | None:
        """When the preview's time is up, if it is not yet. A pointer that does not say it ends nothing."""
        tags = self.aws.pointers.tags(self.name.pointer)
        until = naming.read_expiry(tags) if tags is not None else None
        if tags is not None and until is None:
            raise StepFailed(f"{self.name.pointer} does not say when its time is up: it is left alone")
        return until if until is not None and until > now else None

    def kept(self) -> list[str]:
        """The final snapshots that there are of its databases."""
        found = [each for each in self.aws.databases.snapshots() if self._is_ours(each.tags)]
        return sorted(each.identifier for each in found if _is_final(each.identifier, self.name))

    # -- one kind of thing after the other ---------------------------------------------------------------------

    def _say_that_nothing_is_active(self) -> None:
        tags = self.aws.pointers.tags(self.name.pointer)
        if tags is None:
            return
        if not self._is_ours(tags):
            raise StepFailed(f"{self.name.pointer} was not made by {self.work.run.installation}: it is left alone")
        # What a removal leaves that is never taken up again goes with a reap, which keeps as much.
        if self.work.final_snapshots and naming.REMOVAL_TAG not in tags:
            began = str(naming.Release.at(self.began))
            self.aws.pointers.tag(self.name.pointer, {naming.REMOVAL_TAG: began})
        pointer, version = self.aws.pointers.read(self.name.pointer)
        if pointer != pointer.emptied():
            self.aws.pointers.write(self.name.pointer, pointer.emptied(), read_version=version)

    def _service(self) -> Wait | None:
        if stack := self._stack(self.name.service_stack):
            return self.aws.stacks.remove(stack, timeout=REMOVAL)
        if wait := self._adopted_service():
            return wait
        service = self.aws.services.service(self.work.cluster, self.name.service)
        if service is not None and service.status == "ACTIVE":
            raise StepFailed(f"service {self.name.service} is in no stack of ours and runs: delete it, then again")
        return None

    def _adopted_service(self) -> Wait | None:
        """A service that was adopted is in no stack of ours; the pointer, which goes last, names it."""
        try:
            name = self.aws.pointers.read(self.name.pointer)[0].service
        except PointerMissing:
            return None
        found = next(iter(self.aws.roster.services(self.work.cluster, [name])), None) if name else None
        if name is None or found is None:
            return None
        if not self._is_ours(found.tags):
            raise StepFailed(f"service {name} does not have the tags of {self.name}: it is left alone")
        if found.status == "ACTIVE":
            self.aws.sites.remove(self.work.cluster, name)
        # Its tasks are of a family of its own; it is INACTIVE when the last has stopped.
        given: dict[str, Any] = {"done": ("INACTIVE",), "absent": "done"}
        return self.aws.services.wait("service", name, scope=self.work.cluster, timeout=REMOVAL, **given)

    def _tasks(self) -> Wait | None:
        """Wait until no task runs: the service's are draining, and one-off tasks are stopped."""
        services, cluster = self.aws.services, self.work.cluster
        left = [
            task
            for task in services.family(cluster, self.name.family)
            if task.status != "STOPPED" and _family(task.task_definition) == self.name.family
        ]
        for task in left:
            if not self._is_ours(services.revision_tags(task.task_definition)):
                raise StepFailed(f"task {task.arn} is of a revision that is not ours: stop it, then again")
            if task.status not in STOPPING:
                services.stop(cluster, task, f"{self.name} is being removed")
        return services.wait_task(cluster, left[0], running=False, timeout=REMOVAL) if left else None

    def _databases(self) -> Wait | None:
        # All are begun before one is waited for.
        waits = [self._database(each) for each in list(self.aws.databases.instances()) if self._is_ours(each.tags)]
        return next(filter(None, waits), None)

    def _database(self, instance: FoundInstance) -> Wait | None:
        found = _database_of(instance.identifier, self.name)
        adopted = instance.tags.get(naming.ADOPTED_TAG) == instance.identifier
        if found is None and not adopted:
            # Whoever restores one of our snapshots by hand may have given the copy all of its tags.
            log.warning("instance %s has the tags of %s and no name of ours: left", instance.identifier, self.name)
            return None
        return self.aws.databases.remove(
            instance.identifier,
            resource_id=instance.resource_id,
            final_snapshot=self._final_snapshot(instance) if self.work.final_snapshots or adopted else None,
            timeout=REMOVAL,
        )

    def _final_snapshot(self, instance: FoundInstance) -> str:
        """Name it by the release; where data is authored, by when the removal began."""
        named = _database_of(instance.identifier, self.name)
        of_tag = instance.tags.get(naming.RELEASE_TAG) if named is None else None
        release = (naming.Release(of_tag) if of_tag else named and named.release) or naming.Release.at(self.began)
        return self.name.final_snapshot(release, instance.tags.get(naming.RUN_TAG) or self.work.run.hash)

    def _database_stacks(self) -> Wait | None:
        for stack in self._stacks_of_databases():
            if stack.busy and stack.status != "DELETE_IN_PROGRESS":
                return self.aws.stacks.wait_at_rest(stack, REMOVAL)
            # The stack was at rest when it was looked at: no instance comes of it any more that is not there now.
            instance = self.aws.databases.instance(stack.name)
            if instance is not None:
                if not self._is_ours(instance.tags):
                    raise StepFailed(
                        f"instance {instance.identifier} has not the tags of {self.name}: it is left alone"
                    )
                return self._database(instance)
            if resource_id := stack.outputs.get("ResourceId"):
                self.aws.fingerprints.forget(self.work.place.lock_table, self.name.fingerprint(resource_id))
            if wait := self.aws.stacks.remove(stack, timeout=REMOVAL):
                return wait
        return None

    def _stacks_of_databases(self) -> Iterator[FoundStack]:
        for name in [each.name for each in self.aws.stacks.all()]:
            if _database_of(name, self.name) and (stack := self._stack(name)):
                yield stack

    def _namespace(self) -> Wait | None:
        stack = self._stack(self.name.stack)
        return self.aws.stacks.remove(stack, timeout=REMOVAL) if stack else None

    def _revisions(self) -> None:
        """Deregister its task definitions: once its pointer is gone, nobody could tell that nothing needs them."""
        roster = self.aws.roster
        found = [each for each in list(roster.revisions(self.name.family)) if self._is_ours(each.tags)]
        running = {task.revision for task in roster.tasks(self.work.cluster, self.name.family)} if found else set()
        for each in found:
            if each.arn in running:
                raise StepFailed(f"a task has been started with {each.name}: stop it, then again")
            roster.remove_revision(each.arn)

    def _fingerprints(self) -> None:
        """Forget what its databases held, also of one that had gone before, for a rollback that no longer comes."""
        fingerprints, table = self.aws.fingerprints, self.work.place.lock_table
        for key in fingerprints.keys(table, self.name.fingerprint("")):
            fingerprints.forget(table, key)

    def _pointer(self) -> None:
        try:
            pointer, _ = self.aws.pointers.read(self.name.pointer)
        except PointerMissing:
            return
        if pointer != pointer.emptied():
            raise StepFailed(f"{self.name.pointer} says that something is active again: it is left alone")
        self.aws.pointers.remove(self.name.pointer)

    # -- what is ours ------------------------------------------------------------------------------------------

    def _is_ours(self, tags: dict[str, str]) -> bool:
        return naming.is_ours(tags, self.work.run.installation, self.name)

    def _stack(self, name: str) -> FoundStack | None:
        """Look a stack up that has a name of ours.

        :raises StepFailed: it does not carry the tags.
        """
        found = self.aws.stacks.find(name)
        if found is None or found.status == "DELETE_COMPLETE":
            return None
        if not self._is_ours(found.tags):
            raise StepFailed(f"stack {name} does not have the tags of {self.name}: it is left alone")
        return found


def _database_of(identifier: str, name: naming.Namespace) -> naming.DatabaseName | None:
    try:
        found = naming.DatabaseName.parse(identifier)
    except naming.InvalidName:
        return None
    return found if found.namespace == name else None


def _is_final(identifier: str, name: naming.Namespace) -> bool:
    try:
        return naming.FinalSnapshotName.parse(identifier).namespace == name
    except naming.InvalidName:
        return False


def _family(task_definition: str) -> str:
    return task_definition.rpartition("/")[2].rpartition(":")[0]
