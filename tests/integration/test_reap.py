"""Orphans go softly, over several reaps; what is nearly one stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks import rds as hook
from snaplift.aws.steps import dismantle, offboard, reap, recover
from snaplift.aws.steps.promotion import Done, find_lock
from snaplift.aws.steps.provision import provision_namespace
from snaplift.promotion.lock import Errand, Record
from snaplift.promotion.pointer import FinalSnapshot
from snaplift.promotion.reaping import Action, Fleet, Verdict, within
from snaplift.promotion.recovery import Holder
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from tests.support.driving import PROMOTE, PROVISION, Driver, drive
from tests.support.installation import REGION, TENANT, Installation, tenant

QA = naming.Namespace.parse(f"{TENANT}-qa")
RUN = Run(installation="acme", dag_id="fleet.reap", run_id="run-1")
RETENTION = {"grace": "1h", "snapshots": 1, "snapshots_min": 0}


@pytest.fixture(scope="module")
def installation(fresh_installation: Installation) -> Installation:
    return fresh_installation


@pytest.fixture(scope="module", autouse=True)
def qa_serves(installation: Installation) -> None:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


@pytest.fixture(autouse=True)
def no_lock_is_left(installation: Installation) -> Iterator[None]:
    yield
    assert installation.lock_phase("qa") in {None, "free"}


def fleet(installation: Installation, **retention: object) -> Fleet:
    configured = tenant(retention={**RETENTION, **retention})
    return Fleet(platforms=installation.platforms, tenants={TENANT: configured})


def later(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def run_reap(of: Fleet, hours: float = 0) -> tuple[list[Verdict], list[Done]]:
    """One run of fleet.reap, so many hours from now."""
    surveys, verdicts = reap.find(of, lambda: later(hours))
    reap.mark(of, surveys, verdicts)
    going, _ = within(verdicts, 100)
    done = []
    for verdict in going:
        assert verdict.since is not None
        departure = reap.Departure(thing=verdict.thing, platform=verdict.platform, since=verdict.since, why=verdict.why)
        done.append(drive(lambda each=departure: reap.advance(of, each, RUN, now=lambda: later(hours))))  # type: ignore[misc]
    return verdicts, done


def leave_candidate(installation: Installation, *, active_once: bool = False) -> Driver:
    """A run that lost its lock, and with it what it had made."""
    driver = installation.driver("qa")
    driver.lock(driver.plan("new"))
    for step in PROMOTE[: PROMOTE.index("database") + 1]:
        driver.step(step)
    installation.lose_lock("qa")
    if active_once:
        name = QA.database(naming.Release(driver.results["lock"].result["release"]))
        installation.client("rds").modify_db_instance(
            DBInstanceIdentifier=name, DeletionProtection=True, ApplyImmediately=True
        )
    return driver


def actions(verdicts: list[Verdict], name: str) -> dict[str, Action]:
    return {each.thing.kind: each.action for each in verdicts if each.thing.name == name}


def test_an_orphaned_database_is_marked_then_left_for_its_grace_then_gone_with_all_it_had(
    installation: Installation,
) -> None:
    before = installation.standing("qa")
    driver = leave_candidate(installation, active_once=True)
    release = naming.Release(driver.results["lock"].result["release"])
    name, of = QA.database(release), fleet(installation)
    verdicts, done = run_reap(of)
    assert actions(verdicts, name)["instance"] is Action.MARK
    verdicts, done = run_reap(of, 0.5)
    assert actions(verdicts, name)["instance"] is Action.WAIT
    assert done == []
    assert name in installation.standing("qa").databases
    _, done = run_reap(of, 2)
    assert f"instance {name}" in {each.result.get("removed") for each in done}
    assert installation.standing("qa") == before
    final = QA.final_snapshot(release, driver.run.hash)
    assert installation.client("rds").describe_db_snapshots(DBSnapshotIdentifier=final)["DBSnapshots"]
    verdicts, _ = run_reap(of, 2)
    assert actions(verdicts, name) == {}
    # It was active: what it held last is kept for its time, though no rollback goes back to it.
    for hours, expected in ((30, Action.WAIT), (29 * 24, Action.WAIT), (31 * 24, Action.REMOVE)):
        _, verdicts = reap.find(of, lambda hours=hours: later(hours))  # type: ignore[misc]
        assert actions(verdicts, final)["snapshot"] is expected


@pytest.mark.parametrize("protected", [True, False])
def test_s11_a_database_that_was_active_and_cannot_be_snapshot_stays_night_after_night(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, *, protected: bool
) -> None:
    """Also where a removal had lifted its protection before it failed."""
    driver = leave_candidate(installation, active_once=protected)
    release = naming.Release(driver.results["lock"].result["release"])
    name, of, read = QA.database(release), fleet(installation), hook._instance

    def unreachable(found: Any) -> hook.FoundInstance:
        instance = read(found)
        return replace(instance, status="incompatible-network") if instance.identifier == name else instance

    with monkeypatch.context() as patch:
        patch.setattr(hook, "_instance", unreachable)
        run_reap(of)
        for night in (2, 26, 50):
            with pytest.raises(StepFailed, match=f"instance {name} is incompatible-network: no final snapshot"):
                run_reap(of, night)
            assert installation.standing("qa").databases[name][1] is protected
    # Mended, it goes with its final snapshot.
    run_reap(of, 2)
    assert name not in installation.standing("qa").databases
    final = QA.final_snapshot(release, driver.run.hash)
    assert installation.client("rds").describe_db_snapshots(DBSnapshotIdentifier=final)["DBSnapshots"]


def test_what_an_environment_without_final_snapshots_had_goes_without_one(installation: Installation) -> None:
    driver = leave_candidate(installation)
    release = naming.Release(driver.results["lock"].result["release"])
    of = fleet(installation, final_snapshot=False)
    run_reap(of)
    run_reap(of, 2)
    assert QA.database(release) not in installation.standing("qa").databases
    with pytest.raises(ClientError, match="NotFound"):
        installation.client("rds").describe_db_snapshots(
            DBSnapshotIdentifier=QA.final_snapshot(release, driver.run.hash)
        )


def test_a_stack_a_secret_a_revision_and_a_snapshot_that_were_left_go(installation: Installation) -> None:
    driver = leave_candidate(installation)
    release = naming.Release(driver.results["lock"].result["release"])
    name, tags = QA.database(release), naming.tags("acme", QA, release=release, run="0a1b2c3d")
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    rds = installation.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    secret = f"{QA.application_secret(release, '0a1b2c3d')}/11111111-2222-3333-4444-555555555555"
    arn = installation.client("secretsmanager").create_secret(Name=secret, SecretString="{}", Tags=listed)["ARN"]
    ecs = installation.client("ecs")
    active = installation.pointer("qa")[0].active
    assert active is not None
    found = ecs.describe_task_definition(taskDefinition=active.task_definition)["taskDefinition"]
    kept = ("family", "networkMode", "containerDefinitions", "cpu", "memory", "executionRoleArn", "taskRoleArn")
    given = {key: found[key] for key in kept} | {"requiresCompatibilities": ["FARGATE"]}
    old, newest = (
        ecs.register_task_definition(**given, tags=[{"key": key, "value": value} for key, value in tags.items()])[
            "taskDefinition"
        ]["taskDefinitionArn"]
        for _ in range(2)
    )
    snapshot = naming.Namespace.parse(f"{TENANT}-dev").snapshot(release)
    of = fleet(installation, snapshots=1, snapshots_for="0s")
    run_reap(of)
    _, done = run_reap(of, 2)
    removed = {each.result.get("removed") for each in done}
    assert removed >= {
        f"stack {name}", f"secret {secret}", f"revision {old.rpartition('/')[2]}", f"snapshot {snapshot}"
    }  # fmt: skip
    assert "DeletedDate" in installation.client("secretsmanager").describe_secret(SecretId=arn)
    assert ecs.describe_task_definition(taskDefinition=old)["taskDefinition"]["status"] == "INACTIVE"
    assert ecs.describe_task_definition(taskDefinition=newest)["taskDefinition"]["status"] == "ACTIVE"
    assert not [each for each in installation.standing("qa").stacks if each.startswith(name)]
    assert installation.standing("qa").answer


def test_near_orphans_stay_over_many_reaps(installation: Installation) -> None:
    """Somebody else's with our names, another installation's, one that nobody tagged."""
    rds = installation.client("rds")
    release = naming.Release("20200101t000000z")
    for namespace, tags in (
        ("ab-9999-qa", naming.tags("acme", naming.Namespace.parse("ab-9999-qa"), release=release, run="0a1b2c3d")),
        (f"{TENANT}-qa", naming.tags("other", QA, release=release, run="0a1b2c3d")),
        (f"{TENANT}-prod", {}),
    ):
        rds.create_db_snapshot(
            DBSnapshotIdentifier=naming.Namespace.parse(namespace).final_snapshot(release, "0a1b2c3d"),
            DBInstanceIdentifier=f"{TENANT}-dev-db",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()] or [{"Key": "team", "Value": "crm"}],
        )
    before = installation.standing("qa")
    of = fleet(installation, snapshots_min=0)
    for hours in (0, 2, 24, 240):
        run_reap(of, hours)
    names = {each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]}
    assert {f"{each}-final-{release}-0a1b2c3d" for each in ("ab-9999-qa", f"{TENANT}-qa", f"{TENANT}-prod")} <= names
    assert installation.standing("qa") == before
    driver = installation.driver("qa")
    driver.promote("new")
    assert installation.standing("qa").answer


def test_s38_what_a_run_begins_to_use_between_the_survey_and_its_removal_stays(installation: Installation) -> None:
    """The same snapshot is being promoted when the reap comes to it."""
    of = fleet(installation, snapshots=1, snapshots_for="0s", snapshots_min=0)
    driver = installation.driver("qa")
    driver.promote("new")
    installation.driver("qa").promote("new")
    installation.driver("qa").promote("new")
    release = driver.results["lock"].result["release"]
    run_reap(of)
    _, verdicts = reap.find(of, lambda: later(2))
    [found] = [each for each in verdicts if each.thing.name == f"{TENANT}-dev-snapshot-{release}"]
    assert found.action is Action.REMOVE
    assert found.since is not None
    departure = reap.Departure(thing=found.thing, platform=found.platform, since=found.since, why=found.why)
    going = installation.driver("bare")
    going.lock(going.plan(release))
    try:
        done = reap.advance(of, departure, RUN, now=lambda: later(2))
        assert isinstance(done, Done)
        assert "is locked by run" in done.skipped
        going.step("snapshot")
    finally:
        installation.lose_lock("bare")
    # Given back, it goes.
    done = drive(lambda: reap.advance(of, departure, RUN, now=lambda: later(2)))
    assert done.result == {"removed": f"snapshot {found.thing.name}", "why": found.why}


def test_two_reaps_of_one_namespace_come_one_after_the_other_and_a_dead_one_leaves_its_lock_to_the_recovery(
    installation: Installation,
) -> None:
    leave_candidate(installation)
    of = fleet(installation)
    run_reap(of)
    surveys, verdicts = reap.find(of, lambda: later(2))
    [found] = [each for each in verdicts if each.action is Action.REMOVE and each.thing.kind == "instance"]
    assert found.since is not None
    departure = reap.Departure(thing=found.thing, platform=found.platform, since=found.since, why=found.why)
    place = of.place(QA)
    assert place is not None
    errand = Errand(run=RUN, namespace=str(QA), what="reap another", thing="another")
    Aws("", REGION).locks.acquire(place.lock_table, Record(work=errand, acquired_at=datetime.now(UTC)))
    outcome = reap.advance(of, departure, RUN, now=lambda: later(2))
    assert isinstance(outcome, Wait)
    assert outcome.kind == "lock"
    [lead] = recover.find(installation.platforms, lambda _: Holder(run=None))
    done = drive(lambda: recover.advance(installation.platforms, lead, lambda _: Holder(run=None)))
    assert "was held to reap another" in done.result["ended"]
    assert installation.lock_phase("qa") == "free"
    assert find_lock(installation.platforms, str(QA), RUN) is None
    done = drive(lambda: reap.advance(of, departure, RUN, now=lambda: later(2)))
    assert done.result["removed"] == f"instance {found.thing.name}"
    del surveys


def test_the_previous_database_goes_after_its_window_and_the_pointer_says_so_first(installation: Installation) -> None:
    keeping = tenant(retention={**RETENTION, "keep_previous": "3h"})
    installation.driver("qa", keeping).promote("new")
    pointer, _ = installation.pointer("qa")
    assert pointer.previous is not None
    assert pointer.previous.database is not None
    resource_id = pointer.previous.database.resource_id
    name, of = pointer.previous.database.name, Fleet(platforms=installation.platforms, tenants={TENANT: keeping})
    verdicts, _ = run_reap(of, 2)
    assert actions(verdicts, name)["instance"] is Action.KEEP
    verdicts, _ = run_reap(of, 4)
    assert actions(verdicts, name)["instance"] is Action.MARK
    run_reap(of, 6)
    pointer, _ = installation.pointer("qa")
    assert pointer.previous is not None
    assert pointer.previous.database is None
    assert name not in installation.standing("qa").databases
    assert pointer.previous.release is not None
    kept = QA.final_snapshot(naming.Release(pointer.previous.release), pointer.previous.run)
    assert pointer.previous.final == FinalSnapshot(name=kept, resource_id=resource_id)
    # A rollback that restores it compares it with what it held when it was activated.
    fingerprints = Aws("", REGION).fingerprints
    assert fingerprints.find(f"{installation.cluster('qa')}-locks", QA.fingerprint(resource_id))
    verdicts, _ = run_reap(of, 600)
    assert actions(verdicts, kept)["snapshot"] is Action.KEEP


def test_s11_what_an_offboarding_left_for_good_goes_with_the_final_snapshots_that_it_promised(
    installation: Installation,
) -> None:
    """The environments want none; where data was authored its protection had been lifted already."""
    leaving = tenant(retention={**RETENTION, "final_snapshot": False}).model_copy(update={"tenant": "zz-0996"})
    platforms = installation.platforms
    for environment in ("dev", "qa"):
        drive(lambda name=environment: provision_namespace(platforms, leaving, name, RUN))  # type: ignore[misc]
    Driver(platforms, leaving, "dev", "zz-dev").promote("origin", steps=PROVISION)
    Driver(platforms, leaving, "qa", "zz-qa").promote("new")
    run = Run(installation="acme", dag_id="fleet.offboard", run_id="dies")
    for target in offboard.find_targets(platforms, leaving, "all"):
        steps = iter([offboard.advance(platforms, [target], run), Done()])  # the service's stack goes
        drive(steps.__next__)
        dismantle.give_back(platforms, target.namespace, run)
    rds = installation.client("rds")
    databases = sorted(each for each in everything(rds, "DBInstances") if each.startswith("zz-0996-"))
    assert len(databases) == 2
    for name in databases:
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    of = Fleet(platforms=platforms, tenants={"zz-0996": leaving})
    run_reap(of)
    # A task that drains yet keeps its database.
    _, done = run_reap(of, 2)
    assert {f"instance {name}" for name in databases} <= {each.result.get("removed") for each in done}
    kept = {naming.FinalSnapshotName.parse(each).namespace for each in everything(rds, "DBSnapshots") if "-final-" in
            each and each.startswith("zz-0996-")}  # fmt: skip
    assert kept == {naming.Namespace.parse(f"zz-0996-{name}") for name in ("dev", "qa")}


def everything(rds: Any, kind: str) -> list[str]:
    operation = {"DBInstances": "describe_db_instances", "DBSnapshots": "describe_db_snapshots"}[kind]
    pages = rds.get_paginator(operation).paginate()
    return [each[f"{kind[:-1]}Identifier"] for page in pages for each in page[kind]]
