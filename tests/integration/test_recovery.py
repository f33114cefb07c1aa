"""What a dead run began is ended in its place, a live run is left alone, and who meets a lock is told who has it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from snaplift.aws import driving
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.aws.hooks.rds import DatabaseHook
from snaplift.aws.steps import lock, recover
from snaplift.aws.steps.ending import take_over
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import Done, find_lock, resume
from snaplift.promotion.deployment import NotConfirmed
from snaplift.promotion.lock import LEASE, Lock, LockHeld, LockLost, UnreadableLock
from snaplift.promotion.plan import Plan
from snaplift.promotion.recovery import Holder
from snaplift.promotion.wait import Wait
from tests.support.driving import PROMOTE, Driver, drive
from tests.support.installation import TENANT, Installation, tenant
from tests.support.racing import check, race

QA = f"{TENANT}-qa"
RACES = 5
"""How often two promotions of one namespace are started at the same instant."""


@pytest.fixture(scope="module", autouse=True)
def qa_serves(installation: Installation) -> None:
    """A release is active, which no recovery may harm."""
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


@pytest.fixture(autouse=True)
def no_lock_is_left(installation: Installation) -> Iterator[None]:
    yield
    assert installation.lock_phase("qa") in {None, "free"}


def begin(driver: Driver, last: str = "lock") -> Plan:
    """Promote as far as a step; the plan as it was recorded."""
    driver.lock(driver.plan("new"))
    for step in () if last == "lock" else PROMOTE[: PROMOTE.index(last) + 1]:
        driver.step(step)
    found = find_lock(driver.platforms, driver.namespace, driver.run)
    assert found is not None
    return found.lock.record.plan


def gone(_: Lock) -> Holder:
    """What Airflow says of a run that was deleted."""
    return Holder(run=None)


def alive(_: Lock) -> Holder:
    return Holder(run="running")


def elsewhere(_: Lock) -> None:
    """Another Airflow's run cannot be asked for."""


def recovered(installation: Installation, ask: recover.Ask = gone, later: timedelta = timedelta(0)) -> list[Done]:
    """One run of fleet.recover."""

    def now() -> datetime:
        return datetime.now(UTC) + later

    found = recover.find(installation.platforms, ask, now)
    return [drive(lambda lead=lead: recover.advance(installation.platforms, lead, ask, now)) for lead in found]  # type: ignore[misc]


# -- dead ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["lock", "snapshot", "database", "adapt", "smoke", "deploy", "confirm"])
def test_s48_a_run_that_was_deleted_after_any_step_is_undone_by_the_recovery(
    installation: Installation, last: str
) -> None:
    before = installation.standing("qa")
    driver = installation.driver("qa")
    candidate = begin(driver, last)
    [done] = recovered(installation)
    assert done.result["ended"].startswith(f"aborted, {QA} still serves ")
    assert done.result["why"] == "its run no longer exists"
    assert done.result["run"] == str(driver.run)
    after = installation.standing("qa")
    assert after == before
    assert candidate.database not in after.databases
    assert recovered(installation) == []


def test_s02_a_run_that_died_after_its_activation_is_completed(installation: Installation) -> None:
    driver = installation.driver("qa")
    candidate = begin(driver, "activate")
    before = installation.standing("qa")
    [done] = recovered(installation)
    assert done.result["ended"] == f"release {candidate.release} stays active"
    after = installation.standing("qa")
    assert (after.pointer, after.service, after.databases) == (before.pointer, before.service, before.databases)
    assert after.pointer.active is not None
    assert after.pointer.active.release == candidate.release
    assert not after.locked


def test_s02_a_release_that_became_active_just_before_it_was_to_be_undone_stays_active(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was taken for dead and was not: its last step got in between."""
    driver = installation.driver("qa")
    candidate = begin(driver, "confirm")
    enter = LockHook.enter

    def after_the_last_step(self: LockHook, *given: Any) -> Lock:
        driver.step("activate")
        return enter(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(LockHook, "enter", after_the_last_step)
        [done] = recovered(installation)
    assert done.result["ended"] == f"release {candidate.release} stays active"
    after = installation.standing("qa")
    assert after.pointer.active is not None
    assert after.pointer.active.release == candidate.release
    assert after.service is not None
    assert after.service[0] == after.pointer.active.task_definition
    assert candidate.database in after.databases


def test_s53_a_first_promotion_whose_run_is_gone_leaves_no_service(installation: Installation) -> None:
    before = installation.standing("bare")
    begin(installation.driver("bare"), "deploy")
    [done] = recovered(installation)
    assert done.result["ended"].startswith(f"aborted, nothing is active in {TENANT}-bare, as before")
    assert installation.standing("bare") == before


def test_s48_a_lost_airflows_lock_is_recovered_when_its_lease_is_over_and_not_before(
    installation: Installation,
) -> None:
    before = installation.standing("qa")
    begin(installation.driver("qa"), "database")
    assert recovered(installation, elsewhere, LEASE - timedelta(minutes=5)) == []
    [done] = recovered(installation, elsewhere, LEASE + timedelta(minutes=5))
    assert "its lease is over" in done.result["why"]
    assert installation.standing("qa") == before


def test_a_recovery_that_died_half_way_is_gone_on_with_by_the_next(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = installation.standing("qa")
    begin(installation.driver("qa"), "confirm")

    def dies(*_: Any, **__: Any) -> None:
        raise TimeoutError

    late = LEASE + timedelta(minutes=5)
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseHook, "remove", dies)
        with pytest.raises(TimeoutError):
            recovered(installation, elsewhere, late)
    assert installation.lock_phase("qa") == "aborting"
    assert len(recovered(installation, elsewhere, late)) == 1, "its own work has not made the lock look alive"
    assert installation.standing("qa") == before


def test_s47_a_step_that_outlived_its_run_writes_nothing_beside_the_recovery(installation: Installation) -> None:
    before = installation.standing("qa")
    driver = installation.driver("qa")
    begin(driver, "snapshot")
    outlived = resume(driver.platforms, driver.namespace, driver.run)
    [lead] = recover.find(installation.platforms, gone)
    recover.advance(installation.platforms, lead, gone)
    with pytest.raises(LockLost):
        outlived.aws.stacks.client.delete_stack(StackName="any")
    with pytest.raises(LockLost):
        driver.step("database")
    recovered(installation)
    assert installation.standing("qa") == before
    with pytest.raises(Aborted):  # should it be brought back, it ends as it was ended
        driver.finish()


# -- alive ---------------------------------------------------------------------------------------------------------


def test_s17_a_live_runs_lock_is_left_alone_however_old_its_lease(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver, "snapshot")
    assert recovered(installation, alive, timedelta(days=30)) == []
    driver.step("database")
    with pytest.raises(Aborted):
        driver.finish()


def test_s17_a_run_that_was_brought_back_after_it_was_found_dead_is_left_alone(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver)
    [lead] = recover.find(installation.platforms, gone)
    done = recover.advance(installation.platforms, lead, alive)
    assert isinstance(done, Done)
    assert done.skipped.endswith("left alone, its run is running")
    driver.step("snapshot")
    with pytest.raises(Aborted):
        driver.finish()


def test_s17_a_run_that_ends_while_it_is_judged_is_not_ended_twice(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver)
    [lead] = recover.find(installation.platforms, gone)

    def ends(of: Lock) -> Holder:
        with pytest.raises(Aborted):
            driver.finish()
        return Holder(run=None)

    assert recover.advance(installation.platforms, lead, ends) == Done(skipped=f"the lock of {QA} was given back")


def test_s17_the_same_run_begun_anew_is_not_taken_for_the_dead_one(installation: Installation) -> None:
    """It was cleared from its first task on, after its lock was found."""
    driver = installation.driver("qa")
    begin(driver)
    [lead] = recover.find(installation.platforms, gone)
    seen = find_lock(driver.platforms, driver.namespace, driver.run)
    assert seen is not None
    with pytest.raises(Aborted):
        driver.finish()
    begin(driver)
    assert recover.advance(installation.platforms, lead, gone) == Done(skipped=f"the lock of {QA} was given back")
    assert take_over(seen) == Done(skipped=f"the lock of {QA} was given back")
    driver.step("snapshot")
    with pytest.raises(Aborted):
        driver.finish()


def test_what_is_kept_of_a_database_is_not_taken_for_a_lock(installation: Installation) -> None:
    table = f"{installation.cluster('qa')}-locks"
    kept = [item["namespace"]["S"] for item in installation.client("dynamodb").scan(TableName=table)["Items"]]
    assert [key for key in kept if key.startswith(f"{QA}/")]
    assert LockHook(region_name="eu-central-1", aws_conn_id=None).held(table) == []


def test_another_installations_lock_is_left_alone(installation: Installation) -> None:
    begin(installation.driver("qa"))
    other = installation.platforms.model_copy(update={"installation": "other"})
    assert recover.find(other, gone) == []
    assert len(recovered(installation)) == 1


# -- what goes wrong on the way --------------------------------------------------------------------------------------


def test_s14_a_platform_whose_locks_cannot_be_listed_is_red_and_keeps_no_other_from_being_recovered(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = installation.standing("qa")
    begin(installation.driver("qa"))
    listed = LockHook.held

    def refused(self: LockHook, table: str) -> list[str]:
        if table == "platform-prod-locks":
            raise PermissionError("AccessDenied: dynamodb:Scan")
        return listed(self, table)

    monkeypatch.setattr(LockHook, "held", refused)
    leads = {lead.platform: lead for lead in recover.find(installation.platforms, gone)}
    assert str(leads["platform-prod"]).startswith("the locks of platform-prod: PermissionError: AccessDenied")
    with pytest.raises(PermissionError):
        recover.advance(installation.platforms, leads["platform-prod"], gone)
    drive(lambda: recover.advance(installation.platforms, leads["platform-nonprod"], gone))
    assert installation.standing("qa") == before


def test_a_lock_that_cannot_be_read_is_red_and_keeps_no_other_from_being_recovered(installation: Installation) -> None:
    before = installation.standing("qa")
    begin(installation.driver("qa"))
    place = {"TableName": "platform-nonprod-locks"}
    odd = {"namespace": {"S": "ab-0200-qa"}}
    content = {"phase": "promoting", "token": "x", "record": "{}"}
    dynamodb = installation.client("dynamodb")
    dynamodb.put_item(**place, Item={**odd, **{name: {"S": text} for name, text in content.items()}})
    try:
        [lead, other] = recover.find(installation.platforms, gone)
        assert str(lead).startswith("ab-0200-qa: UnreadableLock: the lock of ab-0200-qa cannot be read")
        with pytest.raises(UnreadableLock):
            recover.advance(installation.platforms, lead, gone)
        drive(lambda: recover.advance(installation.platforms, other, gone))
    finally:
        dynamodb.delete_item(**place, Key=odd)
    assert installation.standing("qa") == before


def test_s14_a_connection_to_another_account_is_not_taken_for_one_without_locks(installation: Installation) -> None:
    elsewhere = {
        name: platform.model_copy(update={"account": "210987654321"})
        for name, platform in installation.platforms.platforms.items()
    }
    leads = recover.find(installation.platforms.model_copy(update={"platforms": elsewhere}), gone)
    assert [lead.platform for lead in leads] == list(elsewhere)
    assert "is in account 000000000000, and platform-nonprod in 210987654321" in leads[0].why


def test_an_airflow_that_does_not_say_how_a_run_stands_leaves_its_lock_and_keeps_no_other_waiting(
    installation: Installation,
) -> None:
    driver = installation.driver("qa")
    begin(driver)

    def silent(_: Lock) -> Holder:
        raise ConnectionError("no answer")

    [lead] = recover.find(installation.platforms, silent)
    assert (lead.namespace, lead.why) == (QA, "ConnectionError: no answer")
    with pytest.raises(ConnectionError):
        recover.advance(installation.platforms, lead, silent)
    assert installation.lock_phase("qa") == "promoting"
    recovered(installation)


def test_what_is_waited_for_longer_than_anything_takes_is_red(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = installation.driver("qa")
    begin(driver, "database")
    wait = Wait(connection="", region="", kind="stack", name="slow", done=(), timeout=1)
    [lead] = recover.find(installation.platforms, gone)
    with monkeypatch.context() as patch:
        patch.setattr(recover, "take_over", lambda *_: wait)
        assert recover.advance(installation.platforms, lead, gone) == wait
        with pytest.raises(StepFailed, match="stack slow is still waited for, which has never taken so long"):
            recover.advance(installation.platforms, lead, gone, lambda: datetime.now(UTC) + timedelta(hours=13))
    recovered(installation)


def test_s06_an_abort_that_cannot_finish_says_what_is_left_and_who_finishes_it(installation: Installation) -> None:
    before = installation.standing("qa")
    assert before.service is not None
    driver, ecs = installation.driver("qa"), installation.client("ecs")
    candidate = begin(driver, "database")
    ecs.update_service(cluster=installation.cluster("qa"), service=QA, desiredCount=0)
    try:
        with pytest.raises(NotConfirmed) as failed:
            recovered(installation)
    finally:
        ecs.update_service(cluster=installation.cluster("qa"), service=QA, desiredCount=before.service[1])
    [note] = failed.value.__notes__
    assert note.startswith(f"Left to do: service {QA} stays on ")
    assert f"database {candidate.database} is deleted" in note
    assert f"the lock of {QA} is given back." in note
    assert f"clear 'finish' of run {driver.run}" in note
    assert note.endswith(f"snaplift lock break {QA}")
    assert candidate.database in installation.standing("qa").databases
    eventually_recovered(installation)
    assert installation.standing("qa") == before


def eventually_recovered(installation: Installation) -> None:
    """Recover until the service is confirmed, as later runs of the DAG do."""
    for _ in range(1000):
        try:
            recovered(installation)
        except NotConfirmed:
            threading.Event().wait(0.1)
        else:
            return
    raise AssertionError("it was never confirmed")


# -- two at once -----------------------------------------------------------------------------------------------------


def test_s16_the_loser_waits_until_the_winner_has_ended_and_then_goes_on(installation: Installation) -> None:
    winner, loser = installation.driver("qa"), installation.driver("qa")
    plan, since = loser.plan("new"), datetime.now(UTC)
    begin(winner)
    wait = lock.advance(plan, since=since)
    assert isinstance(wait, Wait)
    assert (wait.kind, wait.name, wait.scope, wait.done) == ("lock", QA, "platform-nonprod-locks", ("free",))
    told: list[str] = []

    def the_winner_ends(of: Wait) -> None:
        told.append(str(of))
        with pytest.raises(Aborted):
            winner.finish()

    done = driving.drive(lambda: lock.advance(plan, since=since), tell=the_winner_ends, first=0.05)
    assert told == [f"lock {QA}"]
    assert done.result["fence"] > winner.results["lock"].result["fence"]
    loser.step("snapshot")
    with pytest.raises(Aborted):
        loser.finish()


def test_s16_the_loser_gives_up_after_its_time_and_says_who_has_it(installation: Installation) -> None:
    winner, loser = installation.driver("qa"), installation.driver("qa", tenant(lock_wait="1h"))
    plan, since = loser.plan("new"), datetime.now(UTC)
    begin(winner)
    rest = lock.advance(plan, lambda: since + timedelta(minutes=45), since=since)
    assert isinstance(rest, Wait)
    assert rest.timeout == 15 * 60, "a wait that is gone on with has not begun anew"
    with pytest.raises(LockHeld) as held:
        lock.advance(plan, lambda: since + timedelta(hours=1), since=since)
    said = str(held.value)
    assert said.startswith(f"{QA} is locked by run {winner.run} since ")
    assert " UTC (promoting), 1h after this run came. Wait for it to end" in said
    assert said.endswith(f"snaplift lock show {QA}")
    with pytest.raises(Aborted):
        winner.finish()


def test_s16_an_environment_that_does_not_wait_says_at_once_who_has_it(installation: Installation) -> None:
    winner, loser = installation.driver("qa"), installation.driver("qa", tenant(lock_wait="0s"))
    plan = loser.plan("new")
    begin(winner)
    with pytest.raises(LockHeld, match=f"{QA} is locked by run {winner.run} since "):
        lock.advance(plan, since=datetime.now(UTC))
    with pytest.raises(Aborted):
        winner.finish()


def test_s16_of_two_that_start_at_the_same_instant_exactly_one_wins_every_time(installation: Installation) -> None:
    """The winner goes on; the loser has made nothing. ``make chaos`` has more rounds of it."""
    before = installation.standing("qa")
    plans = [installation.driver("qa").plan("new") for _ in range(2)]
    rds, place = installation.client("rds"), plans[0].place
    lock = LockHook(region_name=place.region, aws_conn_id=None).find(place.lock_table, QA)
    for found in race(installation.platforms, plans, RACES):
        lock = check(found, plans[0], rds, lock)
    assert installation.standing("qa") == before
