"""lock: one promotion at a time per namespace; then every fact that the plan rests on is read again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.outlook import is_of
from snaplift.aws.steps.plan import look_before
from snaplift.aws.steps.promotion import Done, utc_now
from snaplift.aws.steps.standing import find_kept
from snaplift.config.fields import format_duration
from snaplift.promotion.earlier import refuse_reuse
from snaplift.promotion.lock import LockHeld, Phase, PlanOutdated, Record, check_unchanged
from snaplift.promotion.plan import Place, Plan, Source
from snaplift.promotion.wait import Wait


def advance(
    plan: Plan,
    now: Callable[[], datetime] = utc_now,
    *,
    airflow: str = "",
    since: datetime | None = None,
) -> Wait | Done:
    """Take the lock with the plan, its release decided, as its record.

    A run whose release is active already, and of which a person cleared a task, goes on by the record that it had.

    :param airflow: the id of the metadata database that this run is in.
    :param since: when this run began to wait for the lock, the same however often it is asked; None: it does not wait.
    :raises LockHeld: another run has it, and the environment's ``lock_wait`` is over.
    :raises PlanOutdated: what the plan rests on has changed; the lock is given back.
    :raises StepFailed: it is a dry run, whatever colour a person gave to the task that ends it.
    """
    if plan.dry_run:
        raise StepFailed("this run is a dry run, which makes nothing: start another without dry_run")
    aws, place = Aws.at(plan.place), plan.place
    moment = now()
    completed = _completed(aws, plan)
    record = completed or Record(work=_with_release(plan, moment), acquired_at=moment)
    try:
        lock = aws.locks.acquire(place.lock_table, record, airflow)
    except LockHeld as held:
        return wait_or_give_up(place, str(plan.name), plan.effective.lock_wait, held, moment, since)
    decided = lock.record.plan
    # An earlier try may have taken the lock and died before it checked; one that went on has made something.
    if completed is None and (lock.record.acquired_at == record.acquired_at or not has_begun(decided)):
        try:
            _check(decided)
        except PlanOutdated as outdated:
            aws.locks.note_failure(place.lock_table, lock.namespace, lock.token, f"lock: {outdated}")
            aws.locks.release(place.lock_table, lock)
            raise
    return Done({"release": decided.release, "database": decided.database, "fence": lock.fence})


def _completed(aws: Aws, plan: Plan) -> Record | None:
    """The record by which this run, with this plan, made what is active now. None: nothing of it is."""
    lock = aws.locks.find(plan.place.lock_table, str(plan.name))
    earlier = lock.record.work if lock is not None and lock.token == plan.run.token else None
    if lock is None or not isinstance(earlier, Plan) or earlier.before != plan.before:
        return None
    pointer, _ = aws.pointers.read(plan.name.pointer)
    return lock.record if is_of(pointer.active, earlier) else None


def wait_or_give_up(
    place: Place, name: str, limit: timedelta, held: LockHeld, moment: datetime, since: datetime | None
) -> Wait:
    """Wait for the lock for what is left of the time.

    :raises LockHeld: nothing is left of it.
    """
    left = limit - (moment - since) if since is not None else timedelta(0)
    if left <= timedelta(0):
        waited = f", {format_duration(limit)} after this run came" if since is not None and limit else ""
        raise LockHeld(
            f"{held}{waited}. Wait for it to end, or end it in Airflow. If it does not go on: snaplift lock show {name}"
        )
    return Aws.at(place).locks.wait(
        "lock", name, scope=place.lock_table, done=(Phase.FREE,), absent="done", timeout=left
    )


def _with_release(plan: Plan, moment: datetime) -> Plan:
    """Name the new release by the moment, or by the first second after it whose name is free."""
    if not plan.takes_snapshot or plan.source_name is None or plan.source is None:
        return plan
    _check_newer(plan, naming.Release.at(moment))
    databases = Aws.at(plan.source.place).databases
    for second in range(60):
        release = naming.Release.at(moment + timedelta(seconds=second))
        if str(release) != _active(plan) and databases.snapshot(plan.source_name.snapshot(release)) is None:
            return plan.decided(release)
    raise StepFailed(f"every snapshot name of the next minute is taken in {plan.source_name}: look at what makes them")


def _active(plan: Plan) -> str | None:
    """The active release, which may have become so within this very second."""
    return plan.before.active.release if plan.before.active else None


def _check_newer(plan: Plan, release: naming.Release) -> None:
    """A new release is named by this machine's clock; by one that is slow it would pass for an older one."""
    active = _active(plan)
    if active is not None and str(release) < active:
        raise StepFailed(
            f"{release} would be older than {active}, which is active in {plan.name}: put the clock of Airflow's "
            "workers right"
        )


def has_begun(plan: Plan) -> bool:
    """Say whether anything stands that this run has made: then its lock stays, for ``finish`` to undo that.

    Any one thing of it counts. A person may have deleted another by hand. A run that uses a database that stands makes
    none, and what it begins with is the pointer's candidate.
    """
    aws = Aws.at(plan.place)
    pointer, _ = aws.pointers.read(plan.name.pointer)
    if pointer.candidate is not None and pointer.candidate.run == plan.run.hash:
        return True
    if plan.reuses is not None:
        return False
    made_by = set()
    if plan.takes_snapshot and plan.source is not None and plan.snapshot is not None:
        snapshot = Aws.at(plan.source.place).databases.snapshot(plan.snapshot)
        made_by.add(snapshot.tags.get(naming.RUN_TAG) if snapshot else None)
    stack, instance = aws.stacks.find(plan.database), aws.databases.instance(plan.database)
    made_by |= {stack.run if stack else None, instance.tags.get(naming.RUN_TAG) if instance else None}
    return plan.run.hash in made_by


def _check(plan: Plan) -> None:
    aws = Aws.at(plan.place)
    found, _ = look_before(aws, plan.name, plan.platform.cluster_name)
    check_unchanged(plan.before, found)
    if plan.reuses is not None and (
        why := refuse_reuse(plan.reuses, plan.made_by, find_kept(aws, plan.name, plan.reuses, plan.run.installation))
    ):
        raise PlanOutdated(f"since the plan was made, something has changed: {why}. Plan again")
    if plan.mode == "refresh" and plan.source:
        _check_source(plan, plan.source)
    if plan.mode in {"tested", "standing", "restored", "imported"} and plan.snapshot:
        snapshot = Aws.at(plan.source.place if plan.source else plan.place).databases.snapshot(plan.snapshot)
        if snapshot is None or snapshot.status != "available":
            status = snapshot.status if snapshot else "gone"
            raise PlanOutdated(f"since the plan was made, snapshot {plan.snapshot} is {status}: plan again")


def _check_source(plan: Plan, source: Source) -> None:
    """What serves above is what is brought down. Its namespace is not locked: a snapshot is in nobody's way."""
    name = naming.Namespace(plan.name.tenant, source.environment)
    active = Aws.at(source.place).pointers.read(name.pointer)[0].active
    if active is None or active.database is None or active.database.resource_id != source.resource_id:
        raise PlanOutdated(f"since the plan was made, another database is active in {name} than {source.instance}: "
                           "plan again")  # fmt: skip
