"""A release goes dev → qa → prod: its rows, its credentials, its build; whatever is repeated is made once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql
import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.rds import DatabaseHook
from snaplift.aws.steps import finish, lock
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import resume
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.lock import LockHeld, PlanOutdated
from snaplift.promotion.plan import Plan
from tests.integration.test_aborts import begin
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import TENANT, Installation, Standing


@dataclass
class Way:
    """What was seen on the way of one release through all environments."""

    release: str
    first: dict[str, Any]
    """What each step said, and what it said when it was asked again."""
    again: dict[str, Any]
    made: dict[str, int]
    """How many of each kind of thing the promotion to qa made."""
    qa: Standing
    prod: Standing


def counts(installation: Installation) -> dict[str, int]:
    """Everything that a repeated call could make twice."""
    rds, ecs = installation.client("rds"), installation.client("ecs")
    secrets = installation.client("secretsmanager").get_paginator("list_secrets").paginate()
    stacks = installation.client("cloudformation").get_paginator("describe_stacks").paginate()
    deployments: list[Any] = []
    if installation.standing("qa").service:
        found = ecs.list_service_deployments(cluster=installation.cluster("qa"), service=f"{TENANT}-qa")
        deployments = found["serviceDeployments"]
    return {
        "snapshots": len(rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]),
        "instances": len(rds.describe_db_instances()["DBInstances"]),
        "stacks": sum(len(page["Stacks"]) for page in stacks),
        "secrets": sum(len(page["SecretList"]) for page in secrets),
        "revisions": len(ecs.list_task_definitions(familyPrefix=f"{TENANT}-qa")["taskDefinitionArns"]),
        "deployments": len(deployments),
        "tasks": len(installation.tasks("qa")),
    }


@pytest.fixture(scope="module")
def way(installation: Installation) -> Way:
    """dev changes after the snapshot; qa's promotion is driven with every step done twice."""
    i = installation
    i.sql("dev", "INSERT INTO notes VALUES ('before the snapshot')")
    if i.pointer("qa")[0].active is None:
        i.driver("qa").promote("new")  # so that the service and a previous database are there
    before = counts(i)
    driver = i.driver("qa")
    begin(driver)
    first, again = {}, {}
    for name in PROMOTE:
        if name == "database":
            i.sql("dev", "INSERT INTO notes VALUES ('after the snapshot')")
        first[name] = driver.step(name)
        again[name] = driver.step(name)
    driver.finish()
    made = {name: number - before[name] for name, number in counts(i).items()}
    release = str(first["activate"].result["release"])
    i.driver("prod").promote("tested")
    return Way(release, first, again, made, i.standing("qa"), i.standing("prod"))


def notes(installation: Installation, environment: str) -> list[str]:
    return [row[0] for row in installation.sql(environment, "SELECT text FROM notes ORDER BY text")]


# -- the data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["qa", "prod"])
def test_the_rows_are_devs_as_of_the_snapshot(installation: Installation, way: Way, environment: str) -> None:
    found = notes(installation, environment)
    assert "before the snapshot" in found
    assert "after the snapshot" not in found
    assert "after the snapshot" in notes(installation, "dev")


@pytest.mark.parametrize("environment", ["dev", "qa", "prod"])
def test_the_data_know_where_they_are(installation: Installation, way: Way, environment: str) -> None:
    assert installation.sql(environment, "SELECT name FROM place") == [(environment,)]


@pytest.mark.parametrize("environment", ["qa", "prod"])
def test_s24_devs_credentials_do_not_open_it(installation: Installation, way: Way, environment: str) -> None:
    active = installation.pointer("dev")[0].active
    assert active is not None
    assert active.database is not None
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        installation.sql(environment, "SELECT 1", secret=active.database.secret)
    assert installation.sql("dev", "SELECT 1", secret=active.database.secret) == [(1,)]


@pytest.mark.parametrize("environment", ["qa", "prod"])
def test_s23_no_account_that_came_with_the_copy_is_left(installation: Installation, way: Way, environment: str) -> None:
    found = {row[0] for row in installation.sql(environment, "SELECT GRANTEE FROM information_schema.USER_PRIVILEGES")}
    active = installation.pointer(environment)[0].active
    assert active is not None
    assert found == {f"'xy0146_{active.run}'@'%'"}


# -- what stands afterwards ------------------------------------------------------------------------------------


def test_the_release_and_the_build_that_qa_tested_are_prods(way: Way) -> None:
    qa, prod = way.qa.pointer.active, way.prod.pointer.active
    assert qa is not None
    assert prod is not None
    assert (prod.release, prod.build, prod.snapshot) == (qa.release, qa.build, qa.snapshot)
    assert qa.release == way.release
    assert qa.database != prod.database


@pytest.mark.parametrize("environment", ["qa", "prod"])
def test_one_database_stands_and_the_pointer_names_it(way: Way, environment: str) -> None:
    standing: Standing = getattr(way, environment)
    active = standing.pointer.active
    assert active is not None
    assert active.database is not None
    assert standing.databases == {active.database.name: (active.database.resource_id, True)}
    assert standing.pointer.candidate is None
    assert standing.service == (active.task_definition, 1, 1)
    assert standing.stacks == (
        f"{TENANT}-{environment} CREATE_COMPLETE",
        f"{active.database.name} CREATE_COMPLETE",
        f"{TENANT}-{environment}-service CREATE_COMPLETE",
    )
    assert len(standing.secrets) == 1
    assert not standing.locked


def test_each_site_answers_with_its_own_address(installation: Installation, way: Way) -> None:
    for environment, standing in (("qa", way.qa), ("prod", way.prod)):
        port = installation.platforms.platforms[installation.cluster(environment)].listener.port
        assert standing.answer is not None
        assert standing.answer.startswith(f"http://{TENANT}-{environment}.localhost:{port} stable ")


def test_the_previous_database_went_after_its_final_snapshot_and_the_pointer_says_so(
    installation: Installation, way: Way
) -> None:
    previous = way.qa.pointer.previous
    assert previous is not None
    assert previous.database is None
    kept = str(way.first["retire"].result["final_snapshot"])
    assert kept == f"{TENANT}-qa-final-{previous.release}-{previous.run}"
    [found] = installation.client("rds").describe_db_snapshots(DBSnapshotIdentifier=kept)["DBSnapshots"]
    assert found["Status"] == "available"


def test_no_task_but_the_services_own_runs(installation: Installation, way: Way) -> None:
    groups = [task["group"] for task in installation.tasks("qa")]
    assert groups == [f"service:{TENANT}-qa"]


# -- repeated --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [name for name in PROMOTE if name not in {"credentials", "retire", "deploy"}])
def test_s18_a_step_that_is_repeated_says_the_same(way: Way, step: str) -> None:
    assert way.again[step] == way.first[step]


def test_s40_every_step_done_twice_makes_everything_once(way: Way) -> None:
    assert way.made == {
        "snapshots": 2,  # the release's, and the previous database's final one
        "instances": 0,  # one came, one went
        "stacks": 0,
        "secrets": 0,
        "revisions": 1,
        "deployments": 1,
        "tasks": 0,
    }


def test_s41_an_abort_that_is_run_again_changes_nothing_and_tells_the_same(
    installation: Installation, way: Way
) -> None:
    driver = installation.driver("qa")
    begin(driver)
    with pytest.raises(Aborted) as first:
        driver.finish()
    standing = installation.standing("qa")
    with pytest.raises(Aborted) as second:
        driver.finish()
    assert str(second.value) == str(first.value)
    assert installation.standing("qa") == standing


# -- who may -----------------------------------------------------------------------------------------------------


def test_s16_a_lock_that_another_run_holds_is_refused_with_who_holds_it(installation: Installation, way: Way) -> None:
    holder, other = installation.driver("qa"), installation.driver("qa")
    plan = other.plan("new")
    begin(holder)
    with pytest.raises(LockHeld) as held:
        other.lock(plan)
    assert f"{TENANT}-qa is locked by run {holder.run} since " in str(held.value)
    assert other.finish().skipped  # and it takes nothing from the holder
    holder.step("snapshot")
    with pytest.raises(Aborted):
        holder.finish()


def test_s16_two_environments_are_promoted_at_once(installation: Installation, way: Way) -> None:
    qa, bare = installation.driver("qa"), installation.driver("bare")
    begin(qa)
    begin(bare)
    for driver in (qa, bare):
        with pytest.raises(Aborted):
            driver.finish()


def test_s51_a_pointer_that_moved_after_the_plan_is_found_out_under_the_lock(
    installation: Installation, way: Way
) -> None:
    driver = installation.driver("qa")
    plan = driver.plan("new")
    _, version = installation.pointer("qa")
    installation.touch_pointer("qa")
    with pytest.raises(PlanOutdated, match=f"the pointer was version {version} and is {version + 1}"):
        driver.lock(plan)
    assert installation.lock_phase("qa") == "free"


def test_s51_a_check_that_was_interrupted_is_made_by_the_next_try(
    installation: Installation, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = installation.driver("qa")
    plan = driver.plan("new")
    installation.touch_pointer("qa")

    def interrupted(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(lock, "look_before", interrupted)
        with pytest.raises(TimeoutError):
            driver.lock(plan)
    with pytest.raises(PlanOutdated):
        driver.lock(plan)
    assert installation.lock_phase("qa") == "free"


def test_s38_a_snapshot_that_went_after_the_plan_is_found_out_under_the_lock(
    installation: Installation, way: Way
) -> None:
    driver = installation.driver("qa")
    release = begin(driver).release
    driver.step("snapshot")
    with pytest.raises(Aborted):
        driver.finish()
    other = installation.driver("qa")
    plan = other.plan(str(release))
    installation.client("rds").delete_db_snapshot(DBSnapshotIdentifier=plan.snapshot)
    with pytest.raises(PlanOutdated, match=f"snapshot {plan.snapshot} is gone: plan again"):
        other.lock(plan)
    with pytest.raises(PlanRefused, match=f"release {release} has no snapshot"):
        other.plan(str(release))


def test_s33_two_releases_of_one_second_have_two_names(installation: Installation, way: Way) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    names = []
    for _ in range(2):
        driver = installation.driver("bare")
        lock.advance(driver.plan("new"), lambda: moment)
        driver.step("snapshot")
        names.append(resume(driver.platforms, driver.namespace, driver.run).plan.release)
        with pytest.raises(Aborted):
            driver.finish()
    assert names == ["20300101t000000z", "20300101t000001z"]
    for name in names:
        installation.client("rds").delete_db_snapshot(DBSnapshotIdentifier=f"{TENANT}-dev-snapshot-{name}")


@pytest.fixture
def shared(installation: Installation, way: Way) -> tuple[Driver, Driver]:
    """Promotions of two environments that took their locks in the same second, before either began its snapshot."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    qa, bare = installation.driver("qa"), installation.driver("bare")
    for driver in (qa, bare):
        lock.advance(driver.plan("new"), lambda: moment)
    releases = {resume(each.platforms, each.namespace, each.run).plan.release for each in (qa, bare)}
    assert len(releases) == 1
    return qa, bare


def test_s33_two_environments_promoted_in_the_same_second_get_one_release(
    installation: Installation, shared: tuple[Driver, Driver]
) -> None:
    before = counts(installation)["snapshots"]
    first, second = shared
    for driver in shared:
        driver.step("snapshot")
    assert second.results["snapshot"] == first.results["snapshot"]
    assert counts(installation)["snapshots"] == before + 1
    with pytest.raises(Aborted):  # the one that took the snapshot: the other goes on with it
        first.finish()
    second.step("database")
    second.step("credentials")
    with pytest.raises(Aborted):
        second.finish()
    assert counts(installation)["snapshots"] == before + 1
    assert installation.standing("bare").databases == {}


def test_s45_one_that_only_found_its_releases_snapshot_is_undone_without_it(
    installation: Installation, shared: tuple[Driver, Driver]
) -> None:
    first, second = shared
    for driver in shared:
        driver.step("snapshot")
    with pytest.raises(Aborted):
        second.finish()
    first.step("database")
    with pytest.raises(Aborted):
        first.finish()
    assert not installation.standing("qa").locked
    assert not installation.standing("bare").locked


def test_s17_a_lease_is_renewed_at_each_step(installation: Installation, way: Way) -> None:
    driver = installation.driver("bare")
    begin(driver)
    later = datetime.now(UTC) + timedelta(hours=5)
    renewed = resume(driver.platforms, driver.namespace, driver.run, lambda: later).lock
    assert renewed.lease_until > later
    with pytest.raises(Aborted):
        finish.advance(driver.platforms, driver.namespace, driver.run)


# -- leftovers ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leftover(installation: Installation, way: Way) -> Plan:
    """A run that died after it made its database, and whose lock was lost."""
    driver = installation.driver("bare")
    made = begin(driver)
    driver.step("snapshot")
    driver.step("database")
    installation.lose_lock("bare")
    return made


def standing_release(installation: Installation, leftover: Plan) -> Driver:
    """Another run that brings the same release to the same place, locked."""
    driver = installation.driver("bare")
    begin(driver, str(leftover.release))
    driver.step("snapshot")
    return driver


def test_s45_a_leftover_that_was_active_once_is_not_deleted(installation: Installation, leftover: Plan) -> None:
    rds = installation.client("rds")
    driver = standing_release(installation, leftover)  # planned while nothing shows that it was
    rds.modify_db_instance(DBInstanceIdentifier=leftover.database, DeletionProtection=True)
    with pytest.raises(StepFailed, match=f"{leftover.database} was active once: it is left alone"):
        driver.step("database")
    with pytest.raises(PlanRefused, match="was active once, still stands, and nothing is active in"):
        installation.driver("bare").plan(str(leftover.release))
    with pytest.raises(Aborted):
        driver.finish()
    assert leftover.database in installation.standing("bare").databases
    rds.modify_db_instance(DBInstanceIdentifier=leftover.database, DeletionProtection=False)


def test_another_installations_namesake_is_left_alone(installation: Installation, leftover: Plan) -> None:
    before = installation.standing("bare")
    others = Driver(
        installation.platforms.model_copy(update={"installation": "other"}), installation.tenant, "bare", "other"
    )
    plan = others.plan("new")
    assert leftover.release is not None
    # Its snapshot has another name; the database is brought to the same one.
    lock.advance(plan.model_copy(update={"mode": "standing", "release": leftover.release}))
    with pytest.raises(StepFailed, match=f"{leftover.database} exists and was not made by snaplift: it is left alone"):
        others.step("database")
    with pytest.raises(Aborted):
        others.finish()
    assert installation.standing("bare") == before


def test_s45_a_leftover_of_another_run_is_deleted_and_never_adopted(installation: Installation, leftover: Plan) -> None:
    before = installation.standing("bare").databases[leftover.database]
    driver = standing_release(installation, leftover)
    driver.step("database")
    after = installation.standing("bare").databases[leftover.database]
    assert after[0] != before[0]
    driver.step("credentials")
    with pytest.raises(Aborted):
        driver.finish()
    assert installation.standing("bare").databases == {}


# -- interrupted -------------------------------------------------------------------------------------------------


def test_s18_a_smoke_step_that_died_after_its_checks_passed_passes_again(
    installation: Installation, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = installation.driver("qa")
    begin(driver)
    for name in PROMOTE[: PROMOTE.index("smoke")]:
        driver.step(name)

    def dies(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(DatabaseHook, "tag", dies)
        with pytest.raises(TimeoutError):
            driver.step("smoke")
    assert driver.step("smoke").result == {"checks": 2}
    for name in ("deploy", "confirm"):
        driver.step(name)
    backed_up(installation, driver)
    driver.step("retire")
    driver.finish()
    assert [task["group"] for task in installation.tasks("qa")] == [f"service:{TENANT}-qa"]


def test_s43_an_activation_that_ended_before_its_database_was_protected_is_completed_by_finish(
    installation: Installation, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = installation.driver("qa")
    begin(driver)
    for name in PROMOTE[: PROMOTE.index("activate")]:
        driver.step(name)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(DatabaseHook, "set_protection", refused)
        with pytest.raises(PermissionError):
            driver.step("activate")
    candidate = resume(driver.platforms, driver.namespace, driver.run).plan.database
    assert not installation.standing("qa").databases[candidate][1]
    driver.finish()
    standing = installation.standing("qa")
    assert standing.databases[candidate][1]
    assert not standing.locked


def backed_up(installation: Installation, driver: Driver) -> None:
    """Activate while RDS backs the candidate up, which it does after a restore and which refuses a change."""
    candidate = resume(driver.platforms, driver.namespace, driver.run).plan.database
    rds = installation.client("rds")
    installation.laptop.set_delays({"rds.snapshot": 2})
    rds.create_db_snapshot(DBInstanceIdentifier=candidate, DBSnapshotIdentifier="by-hand")
    installation.laptop.set_delays({"rds.snapshot": 0.5})
    driver.step("activate")
    installation.laptop.set_delays({"rds.snapshot": 0})
    assert installation.standing("qa").databases[candidate][1], "it is protected"
    rds.delete_db_snapshot(DBSnapshotIdentifier="by-hand")
