"""reap: take away what nothing refers to any more, one thing at a time, each looked at again under its lock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.fence import Fence
from snaplift.aws.hooks.cloudformation import NEVER_CREATED
from snaplift.aws.hooks.rds import NO_SNAPSHOT
from snaplift.aws.hooks.ssm import PointerMissing
from snaplift.aws.steps import marks
from snaplift.aws.steps.previews import find_previews_of
from snaplift.aws.steps.promotion import REMOVAL, Done, HeldLock, utc_now, wait_for_moments
from snaplift.aws.steps.removal import Ground, remove
from snaplift.aws.steps.survey import Scope, check_whole, survey
from snaplift.promotion.costs import Bill, Cost, platforms_of
from snaplift.promotion.estate import Survey, Thing
from snaplift.promotion.lock import Errand, Lock, LockHeld, Phase, Record
from snaplift.promotion.plan import Frozen, Place
from snaplift.promotion.reaping import Action, Fleet, Verdict, decide, mark_of, stale_marks
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)


class Departure(Frozen):
    """A thing that is to go."""

    thing: Thing
    platform: str
    since: datetime
    why: str
    cost: Cost | None = None
    """A month, to be told when it is gone; None: it has no price."""

    @classmethod
    def of(cls, verdict: Verdict, bill: Bill | None = None) -> Departure:
        """Say only what its going needs: a run passes many."""
        thing = verdict.thing.model_copy(update={"outputs": {}, "needs": ()})
        assert verdict.since is not None  # it is marked
        cost = bill.cost(thing) if bill else None
        return cls(thing=thing, platform=verdict.platform, since=verdict.since, why=verdict.why, cost=cost)

    @property
    def namespace(self) -> naming.Namespace:
        assert self.thing.namespace is not None  # or it would not go
        return self.thing.namespace


def find(fleet: Fleet, now: Callable[[], datetime] = utc_now) -> tuple[tuple[Survey, ...], list[Verdict]]:
    """Survey everything, and say what becomes of each thing. Nothing is changed.

    :raises Exception: something could not be listed: nothing is concluded then.
    """
    surveys = survey(fleet.platforms, now)
    check_whole(surveys)
    return surveys, decide(surveys, fleet, now())


def bill(fleet: Fleet, surveys: tuple[Survey, ...]) -> Bill:
    """Say what each thing costs a month."""
    prices = {name: platform.prices for name, platform in fleet.platforms.platforms.items()}
    return Bill.of(surveys, platforms_of(fleet.tenants.values()), prices)


def mark(fleet: Fleet, surveys: tuple[Survey, ...], verdicts: list[Verdict]) -> None:
    """Write down since when nothing refers to what was found so, and forget it of what is referred to again."""
    hooks = {name: Aws(each.connection, each.region).marks for name, each in fleet.platforms.platforms.items()}
    for verdict in verdicts:
        if verdict.action is Action.MARK and verdict.since is not None:
            hooks[verdict.platform].put(naming.lock_table(verdict.platform), mark_of(verdict.thing), verdict.since)
    for platform, key in sorted(stale_marks(surveys, verdicts)):
        hooks[platform].remove(naming.lock_table(platform), key)


def advance(
    fleet: Fleet, departure: Departure, run: Run, *, airflow: str = "", now: Callable[[], datetime] = utc_now
) -> Wait | Done:
    """Look at a thing once more, under the lock of its namespace, and do the next thing that its going takes.

    The lock is held for this look and write only: what AWS then takes its time for needs none.

    :raises StepFailed: it cannot be removed, or is no longer what it was.
    """
    if why := fleet.why_quarantined(departure.namespace):
        return Done(skipped=why)
    if wait := _going(fleet, departure):
        return wait
    try:
        with _borrowed(fleet, departure, run, airflow, now()) as lock:
            return _look_again(fleet, departure, lock, now)
    except LockHeld as held:
        return _wait_for(held)


class _Held(LockHeld):
    """A lock that could not be had."""

    def __init__(self, said: str, place: Place, namespace: naming.Namespace) -> None:
        super().__init__(said)
        self.place, self.namespace = place, namespace


@contextmanager
def _borrowed(fleet: Fleet, departure: Departure, run: Run, airflow: str, moment: datetime) -> Iterator[Lock]:
    """Hold the locks of all namespaces from which the thing may be referred to; its own is given.

    A release's snapshot is restored in any of its tenant's environments.
    """
    own, taken, what = departure.namespace, {}, f"reap {departure.thing}"
    with ExitStack() as stack:
        for name, place in sorted(_referring(fleet, departure)):
            aws = Aws.at(place)
            errand = Errand(run=run, namespace=str(name), what=what, thing=departure.thing.identity)
            try:
                aws.pointers.read(name.pointer)
            except PointerMissing:
                if name != own:
                    continue  # not provisioned: nothing is promoted to it
                raise
            try:
                lock = aws.locks.acquire(place.lock_table, Record(work=errand, acquired_at=moment), airflow)
            except LockHeld as held:
                raise _Held(str(held), place, name) from held
            stack.callback(aws.locks.release, place.lock_table, lock)
            taken[name] = lock
        yield taken[own]


def _referring(fleet: Fleet, departure: Departure) -> Iterator[tuple[naming.Namespace, Place]]:
    """The namespaces from which a thing may be referred to, each with where it is: previews show releases as well."""
    own = departure.namespace
    for name in _namespaces(fleet, own) if departure.thing.kind == "snapshot" else (own,):
        place = fleet.place(name)
        assert place is not None  # the configuration has it
        yield name, place
    if departure.thing.kind == "snapshot":
        for each in find_previews_of(fleet.platforms, own.tenant):
            yield each.name, Place.of(each.platform, fleet.platforms.platforms[each.platform])


def _namespaces(fleet: Fleet, of: naming.Namespace) -> tuple[naming.Namespace, ...]:
    return tuple(naming.Namespace(of.tenant, name) for name in fleet.tenants[str(of.tenant)].environments)


def _wait_for(held: LockHeld) -> Wait | Done:
    """Wait for another thing of the same reap; a promotion may take hours, and the next reap comes."""
    if isinstance(held, _Held) and (
        wait := wait_for_moments(held.place, Aws.at(held.place).locks, str(held.namespace))
    ):
        return wait
    return Done(skipped=f"{held}: the next reap looks at it")


def take_over(held: HeldLock, _now: Callable[[], datetime]) -> Done:
    """End an errand in place of its run, which is dead: there is nothing to undo."""
    held.locks.release(held.place.lock_table, held.lock)
    work = held.lock.record.work
    assert isinstance(work, Errand)  # or another would end it
    return Done({"ended": f"{held.lock.namespace} was held to {work.what}, which {work.then}"})


def _going(fleet: Fleet, departure: Departure) -> Wait | None:
    """Wait for what is being deleted already; that needs no lock."""
    place, thing = fleet.place(departure.namespace), departure.thing
    if place is None or thing.kind not in {"instance", "stack"}:
        return None
    aws = Aws.at(place)
    instance, stack = aws.databases.instance(thing.name), aws.stacks.find(thing.name)
    if instance is not None and instance.status == "deleting" and instance.resource_id == thing.resource_id:
        return aws.databases.wait(
            "db_instance", thing.name, identity=thing.resource_id, done=(), absent="done", timeout=REMOVAL
        )
    if stack is not None and stack.status == "DELETE_IN_PROGRESS" and stack.run == thing.run:
        return aws.stacks.remove(stack, timeout=REMOVAL)
    return None


def _look_again(fleet: Fleet, departure: Departure, lock: Lock, now: Callable[[], datetime]) -> Wait | Done:
    """Judge the thing by what is there now; only if it still is to go, it goes."""
    namespace, place = departure.namespace, fleet.place(departure.namespace)
    assert place is not None  # it is not quarantined
    plain = Aws.at(place)
    if plain.marks.find(place.lock_table, mark_of(departure.thing)) is None:
        return Done(skipped="its mark is gone: it went, or was referred to meanwhile")
    verdict = _verdict(fleet, departure, lock.token, now)
    aws = Aws.at(place, Fence(plain.locks, place.lock_table, str(namespace), lock.token, lock.fence, Phase.REAPING))
    if verdict is not None and verdict.action is not Action.REMOVE:
        return Done(skipped=verdict.why)
    if verdict is not None and (wait := _remove(Ground(aws, namespace, lock.record.run.installation, place.lock_table),
                                               fleet, verdict.thing)):  # fmt: skip
        return wait
    aws.marks.remove(place.lock_table, mark_of(departure.thing))
    cost = {"cost": departure.cost.model_dump()} if departure.cost else {}
    return Done({"removed": str(departure.thing), "why": departure.why, **cost})


def _verdict(fleet: Fleet, departure: Departure, token: str, now: Callable[[], datetime]) -> Verdict | None:
    """What becomes of the thing, or of the stack that its database leaves. None: it is gone."""
    for thing in (departure.thing, _stack_of(fleet, departure)):
        if thing is None:
            continue
        scope = Scope(_namespaces(fleet, departure.namespace), thing, token, departure.since)
        for verdict in decide(survey(fleet.platforms, now, scope), fleet, now()):
            if (verdict.thing.kind, verdict.thing.identity) == (thing.kind, thing.identity):
                return verdict
    return None


def _stack_of(fleet: Fleet, departure: Departure) -> Thing | None:
    """The stack of a database that has gone, if the same run made it."""
    place, thing = fleet.place(departure.namespace), departure.thing
    if thing.kind != "instance" or place is None:
        return None
    found = Aws.at(place).stacks.find(thing.name) if not thing.adopted else None
    if found is None or found.run != thing.run:
        return None
    return Thing(kind="stack", name=found.name, arn=found.id, state=found.status, tags=found.tags)


def _remove(ground: Ground, fleet: Fleet, thing: Thing) -> Wait | None:
    """Do the next thing. None: it is gone."""
    aws = ground.aws
    match thing.kind:
        case "instance":
            final = _final_snapshot(ground, fleet, thing)
            if final:
                _tell_on(ground, thing)
            _forget_previous(ground, thing, final)
            return remove(ground, thing.name, resource_id=thing.resource_id, run=thing.run, final_snapshot=final)
        case "stack":
            return remove(ground, thing.name, resource_id=None, run=thing.run, final_snapshot=None)
        case "snapshot":
            found = aws.databases.snapshot(thing.name)
            if found is not None and (found.arn, found.created_at) == (thing.arn, thing.created_at):
                aws.databases.remove_snapshot(found)
        case "secret":
            aws.credentials.remove(thing.arn)
        case "revision":
            aws.roster.remove_revision(thing.arn)
        case "log_group":
            aws.log_groups.remove(thing.name)
        case "parameter":  # it is never to go
            raise AssertionError(thing)
    return None


def _forget_previous(ground: Ground, thing: Thing, final: str | None) -> None:
    """The pointer says first that the previous database stands no longer, as at the end of a promotion."""
    pointer, version = ground.aws.pointers.read(ground.name.pointer)
    previous = pointer.previous.database if pointer.previous else None
    if previous is not None and previous.resource_id == thing.resource_id:
        ground.aws.pointers.write(ground.name.pointer, pointer.previous_is_gone(final), read_version=version)


def _tell_on(ground: Ground, thing: Thing) -> None:
    """Write on a database that was active what its final snapshot inherits, so that retention keeps that for its time.

    Nobody compares any more what it holds with what it was when it was activated.
    """
    instance = ground.aws.databases.instance(thing.name) if thing.protected else None  # until the removal lifts it
    if instance is not None and instance.resource_id == thing.resource_id and marks.WRITES not in instance.tags:
        ground.aws.databases.tag(instance, {marks.WRITES: marks.UNTOLD})


def _never_came_to_be(ground: Ground, thing: Thing) -> bool:
    """Say whether a database never was one: its own stack's creation failed. What cannot be told is no yes.

    Only a complete stack's database is activated, and that lasts; its protection does not: a removal lifts it first.
    """
    stack = ground.aws.stacks.find(thing.name) if not thing.adopted else None
    failed = stack is not None and stack.run == thing.run and stack.status in NEVER_CREATED
    return failed and not thing.protected


def _final_snapshot(ground: Ground, fleet: Fleet, thing: Thing) -> str | None:
    """Name the snapshot that keeps what a database held; None: the environment wants none, or it never held anything.

    Of one that failed RDS takes none, and it goes only if it never held anything. What a removal left that promised
    snapshots keeps one whatever the environment wants, also where data was authored.
    """
    if thing.state in NO_SNAPSHOT and _never_came_to_be(ground, thing):
        return None
    if removal := (ground.aws.pointers.tags(ground.name.pointer) or {}).get(naming.REMOVAL_TAG):
        made_by = thing.run or naming.run_hash("fleet.reap", thing.identity)
        return ground.name.final_snapshot(thing.release or naming.Release(removal), made_by)
    settings = fleet.settings(ground.name)
    if settings is None or thing.release is None:
        return None
    # Of what stood before snaplift came there is no release's snapshot: the final one is all that is left.
    if not settings.retention.final_snapshot and not thing.adopted:
        return None
    return ground.name.final_snapshot(thing.release, thing.run)
