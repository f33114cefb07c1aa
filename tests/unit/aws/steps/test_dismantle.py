"""A namespace is taken away in an order that can be gone on with, and nothing that is not sure to be its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.aws.hooks.ecs import FoundTask, RevisionNeeds
from snaplift.aws.hooks.ecs_roster import FoundRevision, RosterTask
from snaplift.aws.hooks.rds import FoundInstance, FoundSnapshot
from snaplift.aws.hooks.ssm import PointerMissing
from snaplift.aws.steps import dismantle
from snaplift.aws.steps.ending import take_over
from snaplift.aws.steps.outlook import outlook
from snaplift.aws.steps.promotion import Done, HeldLock, Promotion
from snaplift.promotion.dismantling import Dismantling
from snaplift.promotion.lock import LEASE, Errand, Lock, LockHeld, LockLost, Phase, Record
from snaplift.promotion.plan import Place
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from tests.unit.promotion.examples import NEW, revision

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NAME = naming.Namespace.parse("xy-0146-pr4")
OTHER = naming.Namespace.parse("xy-0146-pr42")
RELEASE = naming.Release(NEW)
OURS = naming.tags("acme", NAME, release=RELEASE, run="0a1b2c3d")
PLACE = Place(
    platform="platform-new",
    connection="",
    region="eu-central-1",
    account="123456789012",
    lock_table="platform-new-locks",
)
RUN = Run(installation="acme", dag_id="xy-0146.preview_remove", run_id="manual__1")


def wait(what: str) -> Wait:
    return Wait(connection="", region="eu-central-1", kind="stack", name=what, done=(), timeout=60)


def stack(name: str, tags: dict[str, str] | None = None, status: str = "CREATE_COMPLETE", **outputs: str) -> FoundStack:
    return FoundStack(f"id of {name}", name, status, "", OURS if tags is None else tags, outputs)


def instance(identifier: str, tags: dict[str, str] | None = None) -> FoundInstance:
    tags = OURS if tags is None else tags
    given: dict[str, Any] = {"engine": "mariadb", "version": "10.11", "storage": 20, "encrypted": True}
    return FoundInstance(
        identifier, "arn", f"db-{identifier}", "available", key_arn=None, protected=True, tags=tags, **given
    )


@dataclass
class World:
    """What stands, and the calls that changed it, in their order. Whatever is begun has ended when it is waited for."""

    stacks: dict[str, FoundStack] = field(default_factory=dict)
    instances: dict[str, FoundInstance] = field(default_factory=dict)
    tasks: list[FoundTask] = field(default_factory=list)
    pointer: Pointer | None = field(default_factory=lambda: Pointer(active=revision(NEW, "qa")))
    pointer_tags: dict[str, str] = field(
        default_factory=lambda: naming.preview_tags("acme", NAME, "platform-new", NOW - timedelta(hours=1))
    )
    revisions: list[FoundRevision] = field(default_factory=list)
    running: list[RosterTask] = field(default_factory=list)
    fingerprints: set[str] = field(default_factory=set)
    lock: Lock | None = None
    done: list[str] = field(default_factory=list)
    fails: str = ""

    def did(self, what: str) -> None:
        self.done.append(what)


@dataclass
class Stacks:
    world: World

    def all(self) -> list[FoundStack]:
        if self.world.fails == "stacks":
            raise RuntimeError("the second page was refused")
        return list(self.world.stacks.values())

    def find(self, name: str) -> FoundStack | None:
        return self.world.stacks.get(name)

    def remove(self, found: FoundStack, *, timeout: timedelta) -> Wait | None:
        self.world.did(f"delete stack {found.name}")
        del self.world.stacks[found.name]
        return wait(found.name)

    def wait_at_rest(self, found: FoundStack, timeout: timedelta) -> Wait:
        self.world.stacks[found.name] = replace(found, status="CREATE_COMPLETE")
        self.world.instances[found.name] = instance(found.name)
        return wait(found.name)


@dataclass
class Databases:
    world: World

    def instances(self) -> Iterator[FoundInstance]:
        if self.world.fails == "instances":
            raise RuntimeError("the second page was refused")
        yield from list(self.world.instances.values())

    def instance(self, identifier: str) -> FoundInstance | None:
        return self.world.instances.get(identifier)

    def snapshots(self) -> Iterator[FoundSnapshot]:
        for identifier in ("xy-0146-pr4-final-20261123t020000z-0a1b2c3d", "xy-0146-pr4-snapshot-20261123t020000z"):
            yield FoundSnapshot(identifier, "db-1", "available", 100, "mariadb", "10.11", 20, True, None, OURS)

    def remove(self, identifier: str, *, resource_id: str, final_snapshot: str | None, timeout: timedelta) -> Wait:
        assert resource_id == f"db-{identifier}"
        self.world.did(f"delete instance {identifier}{f', keep {final_snapshot}' if final_snapshot else ''}")
        del self.world.instances[identifier]
        return wait(identifier)


@dataclass
class Services:
    world: World

    def service(self, cluster: str, name: str) -> None:
        assert (cluster, name) == ("the-cluster", str(NAME))

    def family(self, cluster: str, family: str) -> list[FoundTask]:
        return list(self.world.tasks)

    def revision_tags(self, arn: str) -> dict[str, str]:
        return OURS

    def stop(self, cluster: str, task: FoundTask, reason: str) -> None:
        self.world.did(f"stop {task.arn}")

    def wait_task(self, cluster: str, task: FoundTask, **given: Any) -> Wait:
        self.world.tasks.clear()
        return wait(task.arn)


@dataclass
class Pointers:
    world: World

    def tags(self, name: str) -> dict[str, str] | None:
        assert name == NAME.pointer
        return self.world.pointer_tags if self.world.pointer is not None else None

    def read(self, name: str) -> tuple[Pointer, int]:
        if self.world.pointer is None:
            raise PointerMissing("gone")
        return self.world.pointer, 7

    def tag(self, name: str, tags: dict[str, str]) -> None:
        self.world.did(f"tag {tags}")
        self.world.pointer_tags = {**self.world.pointer_tags, **tags}

    def write(self, name: str, pointer: Pointer, *, read_version: int) -> None:
        self.world.did("nothing is active")
        self.world.pointer = pointer

    def remove(self, name: str) -> None:
        self.world.did("delete pointer")
        self.world.pointer = None


@dataclass
class Locks:
    world: World

    def acquire(self, table: str, record: Record, airflow: str = "") -> Lock:
        lock, token = self.world.lock, record.token
        if lock is not None and lock.held and lock.token != token:
            raise LockHeld(str(lock))
        if lock is None or not lock.held:
            given: dict[str, Any] = {"token": token, "fence": (lock.fence if lock else 0) + 1, "record": record}
            until = record.acquired_at + LEASE
            lock = Lock(namespace=str(NAME), phase=Phase.PROMOTING, lease_until=until, airflow=airflow, **given)
        self.world.lock = lock
        return lock

    def renew(self, *_: Any) -> Lock:
        assert self.world.lock is not None
        return self.world.lock

    def find(self, table: str, namespace: str) -> Lock | None:
        return self.world.lock

    def wait(self, kind: Any, name: str, **given: Any) -> Wait:
        return Wait(connection="", region="eu-central-1", kind=kind, name=name, scope=given["scope"], done=("free",),
                    timeout=60)  # fmt: skip

    def release(self, table: str, lock: Lock) -> None:
        self.world.lock = lock.model_copy(update={"phase": Phase.FREE})


@dataclass
class Fingerprints:
    world: World

    def keys(self, table: str, prefix: str) -> list[str]:
        assert prefix == f"{NAME}/"
        return sorted(self.world.fingerprints)

    def forget(self, table: str, key: str) -> None:
        self.world.did(f"forget {key}")
        self.world.fingerprints.discard(key)


@dataclass
class Roster:
    world: World

    def revisions(self, family: str) -> Iterator[FoundRevision]:
        assert family == str(NAME)
        yield from self.world.revisions

    def tasks(self, cluster: str, family: str) -> list[RosterTask]:
        return self.world.running

    def remove_revision(self, arn: str) -> None:
        self.world.did(f"deregister {arn}")
        self.world.revisions = [each for each in self.world.revisions if each.arn != arn]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A preview that serves, and its namesake with more digits."""
    database, other = NAME.database(RELEASE), OTHER.database(RELEASE)
    theirs = naming.tags("acme", OTHER, release=RELEASE, run="0a1b2c3d")
    made = World(
        stacks={
            each.name: each
            for each in (
                stack(NAME.stack),
                stack(NAME.service_stack),
                stack(database, ResourceId="db-ONE"),
                stack(OTHER.stack, theirs),
                stack(OTHER.service_stack, theirs),
                stack(other, theirs),
            )
        },
        instances={database: instance(database), other: instance(other, theirs)},
        tasks=[FoundTask("arn:job", "arn:aws:ecs:…:task-definition/xy-0146-pr4:1", "RUNNING", None, {}, "")],
    )

    class Aws:
        @staticmethod
        def at(place: Place, fence: object = None) -> Any:
            assert place == PLACE
            return Hooks(made)

    monkeypatch.setattr(dismantle, "Aws", Aws)
    return made


class Hooks:
    """All that look at, and change, one world."""

    def __init__(self, world: World) -> None:
        self.stacks, self.databases, self.services = Stacks(world), Databases(world), Services(world)
        self.pointers, self.locks, self.fingerprints = Pointers(world), Locks(world), Fingerprints(world)
        self.roster = Roster(world)


def wanted(**changes: Any) -> Dismantling:
    given: dict[str, Any] = {"run": RUN, "namespace": str(NAME), "place": PLACE, "cluster": "the-cluster"}
    return Dismantling(**{**given, "final_snapshots": False, **changes})


def to_the_end(of: Dismantling | None = None) -> Done:
    while isinstance(outcome := dismantle.advance(of or wanted(), now=lambda: NOW), Wait):
        pass
    return outcome


WAY = [
    "nothing is active",
    "delete stack xy-0146-pr4-service",
    "stop arn:job",
    f"delete instance xy-0146-pr4-db-{NEW}",
    "forget xy-0146-pr4/db-ONE",
    f"delete stack xy-0146-pr4-db-{NEW}",
    "delete stack xy-0146-pr4",
    "delete pointer",
]


def test_the_pointer_says_first_that_nothing_is_active_and_goes_last(world: World) -> None:
    to_the_end()
    assert world.done == WAY
    assert world.lock is not None
    assert not world.lock.held


def test_s13_a_namesake_with_more_digits_is_not_touched(world: World) -> None:
    to_the_end()
    assert sorted(world.stacks) == [str(OTHER), OTHER.database(RELEASE), OTHER.service_stack]
    assert list(world.instances) == [OTHER.database(RELEASE)]


@pytest.mark.parametrize("waits", range(6))
def test_s18_another_run_goes_on_where_one_has_died(world: World, waits: int) -> None:
    for _ in range(waits):
        dismantle.advance(wanted(), now=lambda: NOW)
    if world.lock is not None:  # as fleet.recover gives it back
        world.lock = world.lock.model_copy(update={"phase": Phase.FREE})
    to_the_end(wanted(run=RUN.model_copy(update={"run_id": "manual__2"})))
    assert world.done == WAY


def test_what_is_gone_already_is_no_error(world: World) -> None:
    to_the_end()
    world.done.clear()
    assert to_the_end().result["dismantled"] == "xy-0146-pr4"
    assert world.done == []


@pytest.mark.parametrize("listing", ["stacks", "instances"])
def test_s14_a_listing_that_fails_ends_it_before_anything_that_is_listed_goes(world: World, listing: str) -> None:
    world.fails = listing
    with pytest.raises(RuntimeError, match="the second page"):
        to_the_end()
    assert world.pointer is not None
    assert str(NAME) in world.stacks


def test_s42_what_has_our_name_and_not_our_tags_is_left_alone(world: World) -> None:
    world.stacks[NAME.service_stack] = stack(NAME.service_stack, naming.tags("other", NAME))
    with pytest.raises(StepFailed, match="stack xy-0146-pr4-service does not have the tags of xy-0146-pr4"):
        to_the_end()
    assert world.done == ["nothing is active"]


def test_s42_what_has_our_tags_and_not_our_name_is_left_alone(world: World) -> None:
    """As a copy has that somebody restored by hand."""
    world.instances["xy-0146-pr4-debug"] = instance("xy-0146-pr4-debug")
    to_the_end()
    assert "xy-0146-pr4-debug" in world.instances


def test_a_pointer_of_another_installation_stops_it(world: World) -> None:
    world.pointer_tags = naming.tags("other", NAME)
    with pytest.raises(StepFailed, match="was not made by acme"):
        to_the_end()
    assert world.done == []


def test_s18_an_instance_that_a_dying_stack_makes_meanwhile_goes_too(world: World) -> None:
    """A stack is deleted only when it is at rest and no instance of it stands: deleting it would keep the instance."""
    name = NAME.database(RELEASE)
    world.stacks[name] = stack(name, status="CREATE_IN_PROGRESS", ResourceId="db-ONE")
    del world.instances[name]
    to_the_end()
    assert f"delete instance {name}" in world.done
    assert world.done.index(f"delete instance {name}") < world.done.index(f"delete stack {name}")


def test_s11_offboarding_keeps_a_final_snapshot_by_the_databases_own_run(world: World) -> None:
    done = to_the_end(wanted(final_snapshots=True))
    kept = NAME.final_snapshot(RELEASE, "0a1b2c3d")
    assert f"delete instance xy-0146-pr4-db-{NEW}, keep {kept}" in world.done
    assert done.result["kept"] == [kept]


def test_s11_where_data_is_authored_it_is_named_by_when_the_removal_began(world: World) -> None:
    world.instances = {"xy-0146-pr4-db": instance("xy-0146-pr4-db")}
    to_the_end(wanted(final_snapshots=True))
    assert "delete instance xy-0146-pr4-db, keep xy-0146-pr4-final-20261123t020000z-0a1b2c3d" in world.done


def test_s16_another_runs_lock_keeps_it_from_everything(world: World) -> None:
    dismantle.advance(wanted(run=RUN.model_copy(update={"run_id": "other"})), now=lambda: NOW)
    world.done.clear()
    with pytest.raises(LockHeld, match="other"):
        to_the_end()
    assert world.done == []


def test_a_lock_that_a_reap_holds_for_moments_is_waited_for(world: World) -> None:
    errand = Errand(run=RUN.model_copy(update={"dag_id": "fleet.reap"}), namespace=str(NAME), what="x", thing="db-X")
    world.lock = Locks(world).acquire(PLACE.lock_table, Record(work=errand, acquired_at=NOW))
    outcome = dismantle.advance(wanted(), now=lambda: NOW)
    assert isinstance(outcome, Wait)
    assert (outcome.kind, outcome.name, outcome.scope) == ("lock", str(NAME), PLACE.lock_table)
    assert world.done == []
    Locks(world).release(PLACE.lock_table, world.lock)
    to_the_end()
    assert world.done == WAY


def held(world: World) -> HeldLock:
    assert world.lock is not None
    hooks: Any = Locks(world)
    return HeldLock(world.lock, PLACE, hooks)


def test_s17_a_dead_removals_lock_is_given_back_and_nothing_is_undone(world: World) -> None:
    """As fleet.recover does it, and ``snaplift lock break``, which says so before."""
    dismantle.advance(wanted(), now=lambda: NOW)
    done, found = list(world.done), held(world)
    assert outlook(Promotion(*found)) == ["the lock of xy-0146-pr4 is given back, whose removal is not finished"]
    ended = take_over(found)
    assert isinstance(ended, Done)
    assert ended.result["ended"].startswith("the removal of xy-0146-pr4 is not finished: whoever removes it again")
    assert world.done == done
    assert world.lock is not None
    assert not world.lock.held


def test_s17_a_removals_lock_that_changed_hands_is_left_alone(world: World) -> None:
    dismantle.advance(wanted(), now=lambda: NOW)
    found = held(world)
    world.lock = found.lock.model_copy(update={"fence": 2})
    assert take_over(found) == Done(skipped="the lock of xy-0146-pr4 was given back")
    assert world.lock.held


def test_a_removals_lock_is_read_as_it_was_written_and_has_no_plan(world: World) -> None:
    dismantle.advance(wanted(), now=lambda: NOW)
    record = held(world).lock.record
    assert Record.model_validate_json(record.model_dump_json(by_alias=True)) == record
    assert record.work == wanted()
    with pytest.raises(LockLost, match="xy-0146-pr4 is being removed by run"):
        _ = record.plan
    assert str(held(world).lock).startswith("xy-0146-pr4 is locked by run xy-0146.preview_remove manual__1")


# -- expiry ----------------------------------------------------------------------------------------------------


def test_a_preview_that_was_prolonged_stays_and_its_lock_is_free(world: World) -> None:
    world.pointer_tags = naming.preview_tags("acme", NAME, "platform-new", NOW + timedelta(hours=1))
    assert to_the_end(wanted(only_expired=True)).skipped == "xy-0146-pr4 was prolonged until 2026-11-23 03:00 UTC"
    assert world.done == []
    assert world.lock is not None
    assert not world.lock.held


def test_a_preview_whose_time_is_up_goes(world: World) -> None:
    to_the_end(wanted(only_expired=True))
    assert world.done == WAY


def test_a_pointer_that_does_not_say_its_time_ends_nothing(world: World) -> None:
    world.pointer_tags = naming.tags("acme", NAME)
    with pytest.raises(StepFailed, match="does not say when its time is up"):
        to_the_end(wanted(only_expired=True))
    assert world.done == []


# -- what nothing would take away once the pointer is gone ---------------------------------------------------------


def definition(number: int, tags: dict[str, str] = OURS) -> FoundRevision:
    needs = RevisionNeeds(status="ACTIVE", secrets=(), roles=(), log_groups=(), images=())
    return FoundRevision(f"arn:{number}", f"{NAME}:{number}", None, needs, tags)


def test_its_own_revisions_and_fingerprints_go_before_its_pointer(world: World) -> None:
    world.revisions = [definition(1), definition(2, naming.tags("other", NAME)), definition(3, {})]
    world.fingerprints = {f"{NAME}/db-EARLIER"}
    to_the_end()
    assert world.done[-3:] == ["deregister arn:1", f"forget {NAME}/db-EARLIER", "delete pointer"]
    assert [each.arn for each in world.revisions] == ["arn:2", "arn:3"]


def test_s04_a_revision_that_a_task_runs_is_not_deregistered(world: World) -> None:
    world.revisions, world.running = [definition(1)], [RosterTask("arn:task", "arn:1", "PENDING")]
    with pytest.raises(StepFailed, match="a task has been started with xy-0146-pr4:1"):
        to_the_end()
    assert "deregister arn:1" not in world.done
    assert world.pointer is not None


def test_s11_the_pointer_says_first_that_final_snapshots_are_kept(world: World) -> None:
    dismantle.advance(wanted(final_snapshots=True), now=lambda: NOW)
    assert world.done[:2] == [f"tag {{'snaplift:removal': '{NEW}'}}", "nothing is active"]
