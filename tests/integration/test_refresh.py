"""Data of production brought down, masked: what is personal is nowhere in the copy, at no time in anybody's reach."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import resume
from snaplift.config.tenant import Tenant
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.lock import PlanOutdated
from snaplift.promotion.plan import Plan
from tests.support.dag_run import run_dag
from tests.support.driving import REFRESH, Driver
from tests.support.installation import TENANT, Installation, Standing, tenant, write_configuration

pytestmark = pytest.mark.timeout(900)  # a command of Airflow's takes its time on a machine that others use too

PEOPLE = ("anna@people.test", "bo@people.test", "cleo@people.test")
MASKING: dict[str, Any] = {
    "steps": [
        {"sql": ["UPDATE people SET email = CONCAT('person', id, '@example.invalid')"]},
        {"command": ["sql", "DELETE FROM notes WHERE text LIKE '%%@people.test%%'"]},
    ],
    "checks": [
        {"sql": "SELECT COUNT(*) FROM people WHERE email NOT LIKE 'person%%@example.invalid'"},
        {"sql": "SELECT COUNT(*) FROM notes WHERE text LIKE '%%@%%'"},
    ],
    "data_class": "internal",
}
ENVIRONMENTS: dict[str, Any] = {
    "dev": {"platform": "platform-nonprod", "data_class": "internal"},
    "qa": {"platform": "platform-nonprod", "from": "dev"},
    "prod": {"platform": "platform-prod", "from": "qa", "data_class": "personal", "target_writes": "allow"},
    "bare": {"platform": "platform-nonprod", "from": "dev"},
}
CHANGES: dict[str, Any] = {"masking": MASKING, "environments": ENVIRONMENTS}
MASKED = tenant(**CHANGES)


@pytest.fixture(scope="module", autouse=True)
def prod_has_people(fresh_installation: Installation) -> None:
    """prod serves, and holds personal data; qa serves a release of dev's, which has none."""
    i = fresh_installation
    i.sql("dev", "CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(60) UNIQUE)")
    i.driver("qa", MASKED).promote("new")
    i.driver("prod", MASKED).promote("tested")
    i.sql("prod", *(f"INSERT INTO people (email) VALUES ('{each}')" for each in PEOPLE))
    i.sql("prod", f"INSERT INTO notes VALUES ('ask {PEOPLE[0]}')")


@pytest.fixture(autouse=True)
def prod_is_not_touched(fresh_installation: Installation) -> Iterator[None]:
    """Whatever becomes of a refresh, where its data are from all is as it was, and no snapshot of it is left."""
    before = fresh_installation.standing("prod"), contents(fresh_installation, "prod")
    yield
    assert (fresh_installation.standing("prod"), contents(fresh_installation, "prod")) == before
    assert [each for each in snapshots(fresh_installation) if "-prod-" in each] == []


def driver(installation: Installation, environment: str = "qa", of: Tenant = MASKED) -> Driver:
    return installation.driver(environment, of)


def contents(installation: Installation, environment: str) -> dict[str, list[Any]]:
    """Every row of every table of what is active."""
    tables = [row[0] for row in installation.sql(environment, "SHOW TABLES")]
    return {table: installation.sql(environment, f"SELECT * FROM {table}") for table in tables}


def snapshots(installation: Installation) -> dict[str, Any]:
    found = installation.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return {each["DBSnapshotIdentifier"]: each for each in found}


def tags_of(installation: Installation, identifier: str) -> dict[str, str]:
    [found] = installation.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    return {tag["Key"]: tag["Value"] for tag in found["TagList"]}


def begin(run: Driver, source: str = "", build: str = "") -> Plan:
    run.lock(run.plan_refresh(source, build))
    return resume(run.platforms, run.namespace, run.run).plan


def steps_until(run: Driver, last: str) -> None:
    for step in REFRESH[: REFRESH.index(last) + 1]:
        run.step(step)


def assert_nothing_is_kept(installation: Installation, before: Standing, plan: Plan) -> None:
    """Of a copy that was given up there is nothing, least of all a snapshot of it."""
    assert installation.standing(plan.environment) == before
    release = plan.release or ""
    assert [each for each in snapshots(installation) if release in each] == []


# -- the way of it ---------------------------------------------------------------------------------------------


def test_s24_no_original_address_is_found_in_the_copy(fresh_installation: Installation) -> None:
    i, run = fresh_installation, driver(fresh_installation)
    plan = begin(run)
    assert plan.source is not None
    assert plan.source.environment == "prod"  # the farthest, where none is said
    for step in REFRESH:
        run.step(step)
    run.finish()
    held = contents(i, "qa")
    assert [row[1] for row in held["people"]] == [f"person{n}@example.invalid" for n in (1, 2, 3)]
    assert not [address for address in PEOPLE if address in str(held)]
    assert held["place"] == [("qa",)]
    assert f"{TENANT}-qa.localhost" in (i.answer("qa") or "")
    active = i.pointer("qa")[0].active
    assert active is not None
    assert active.masked_from == "prod"
    assert active.snapshot is None
    # Its account is its own, and its secret another one than prod's.
    source = i.pointer("prod")[0].active
    assert source is not None
    assert source.database is not None
    with pytest.raises(pymysql.err.OperationalError):
        i.sql("qa", "SELECT 1", secret=source.database.secret)
    assert active.database is not None
    assert not [
        each for each in PEOPLE if each in str((tags_of(i, active.database.name), i.secret(active.database.secret)))
    ]


def test_what_was_active_before_is_kept_as_a_promotion_keeps_it(fresh_installation: Installation) -> None:
    i = fresh_installation
    before = i.pointer("qa")[0].active
    driver(i).refresh("prod")
    previous = i.pointer("qa")[0].previous
    assert before is not None
    assert previous is not None
    assert previous.run == before.run
    assert previous.final is not None
    assert previous.final.name in snapshots(i)


def test_s24_until_it_is_masked_only_the_orchestrator_and_its_tasks_reach_the_copy(
    fresh_installation: Installation,
) -> None:
    i, run = fresh_installation, driver(fresh_installation)
    before = i.standing("qa")
    plan = begin(run)
    steps_until(run, "credentials")
    [copy] = [each for each in i.instances("qa") if each["DBInstanceIdentifier"] == plan.database]
    [group] = [each["VpcSecurityGroupId"] for each in copy["VpcSecurityGroups"]]
    service = plan.namespace.service_security_group_id

    def sources() -> set[str]:
        [found] = i.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        pairs = [pair["GroupId"] for rule in found["IpPermissions"] for pair in rule.get("UserIdGroupPairs", [])]
        return {*pairs, *(each["CidrIp"] for rule in found["IpPermissions"] for each in rule.get("IpRanges", []))}

    assert sources() == {plan.namespace.job_security_group_id, "10.0.0.0/8"}
    # And nothing that RDS keeps by itself could bring it back.
    assert copy["BackupRetentionPeriod"] == 0
    assert naming.is_unmasked(tags_of(i, plan.database))
    run.step("mask")
    assert sources() == {plan.namespace.job_security_group_id, "10.0.0.0/8"}
    [copy] = [each for each in i.instances("qa") if each["DBInstanceIdentifier"] == plan.database]
    assert copy["BackupRetentionPeriod"] == 7
    for step in ("adapt", "register"):
        run.step(step)
    assert service not in sources()
    run.step("smoke")
    assert service in sources()
    with pytest.raises(Aborted):
        run.finish()
    assert i.standing("qa") == before


# -- what may not happen ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["lock", "snapshot", "database", "credentials", "mask", "adapt", "smoke"])
def test_s24_an_abort_keeps_nothing_of_the_copy(fresh_installation: Installation, last: str) -> None:
    i, run = fresh_installation, driver(fresh_installation)
    before = i.standing("qa")
    plan = begin(run)
    if last != "lock":
        steps_until(run, last)
    with pytest.raises(Aborted):
        run.finish()
    assert_nothing_is_kept(i, before, plan)


def test_s24_an_unmasked_copy_is_given_up_without_its_final_snapshot_whoever_does_it(
    fresh_installation: Installation,
) -> None:
    i, run = fresh_installation, driver(fresh_installation)
    before = i.standing("qa")
    plan = begin(run)
    steps_until(run, "credentials")
    promotion = resume(run.platforms, run.namespace, run.run)
    instance = promotion.aws.databases.instance(plan.database)
    assert instance is not None
    assert plan.parsed_release is not None
    final = plan.name.final_snapshot(plan.parsed_release, plan.run.hash)
    given: Any = {"resource_id": instance.resource_id, "timeout": timedelta(minutes=5)}
    promotion.aws.databases.remove(plan.database, final_snapshot=final, **given)
    with pytest.raises(Aborted):
        run.finish()
    assert final not in snapshots(i)
    assert_nothing_is_kept(i, before, plan)


@pytest.mark.parametrize("painted", ["adapt", "smoke", "deploy"])
def test_s50_no_step_goes_on_with_data_that_are_not_masked(fresh_installation: Installation, painted: str) -> None:
    i, run = fresh_installation, driver(fresh_installation)
    before = i.standing("qa")
    plan = begin(run)
    steps_until(run, "credentials")
    if painted == "deploy":
        run.step("register")
    with pytest.raises(StepFailed, match="has not been through 'mask', whatever its colour"):
        run.step(painted)
    with pytest.raises(Aborted):
        run.finish()
    assert_nothing_is_kept(i, before, plan)


def failing(**changes: Any) -> Tenant:
    return tenant(**CHANGES | {"masking": {**MASKING, **changes}})


def test_s24_a_check_that_finds_an_address_ends_it(fresh_installation: Installation) -> None:
    i = fresh_installation
    run = driver(i, of=failing(steps=[{"sql": ["UPDATE people SET email = 'x' WHERE id = 1"]}]))
    before = i.standing("qa")
    plan = begin(run)
    steps_until(run, "credentials")
    with pytest.raises(StepFailed, match=r"masking check 'SELECT COUNT.*' gave 3: expected 0"):
        run.step("mask")
    with pytest.raises(Aborted):
        run.finish()
    assert_nothing_is_kept(i, before, plan)


def test_s24_what_a_database_says_of_a_row_is_told_to_nobody(
    fresh_installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    i = fresh_installation
    # A duplicate, whose value MariaDB quotes.
    sql = f"UPDATE people SET email = '{PEOPLE[1]}' WHERE id = 1"
    run = driver(i, of=failing(steps=[{"sql": [sql]}]))
    before = i.standing("qa")
    plan = begin(run)
    steps_until(run, "credentials")
    with pytest.raises(StepFailed, match=r"masking.steps\[0\] was refused by the database with error 1062") as refused:
        run.step("mask")
    run.note(f"mask: {refused.value}")
    with pytest.raises(Aborted) as aborted:
        run.finish()
    assert refused.value.__suppress_context__
    assert not [each for each in PEOPLE if each in f"{refused.value} {aborted.value} {caplog.text}"]
    assert_nothing_is_kept(i, before, plan)


def test_an_interrupted_step_begins_again_from_a_fresh_restore(fresh_installation: Installation) -> None:
    i, run = fresh_installation, driver(fresh_installation)
    before = i.standing("qa")
    plan = begin(run)
    steps_until(run, "credentials")
    promotion = resume(run.platforms, run.namespace, run.run)
    instance = promotion.aws.databases.instance(plan.database)
    assert instance is not None
    promotion.aws.databases.tag(instance, {naming.MASK_TAG: f"{run.run.hash}/0-begun"})
    with pytest.raises(StepFailed, match="statement group 0 of mask was interrupted and may not be repeated"):
        run.step("mask")
    with pytest.raises(Aborted):
        run.finish()
    assert_nothing_is_kept(i, before, plan)


def test_s24_masked_data_go_nowhere_else(fresh_installation: Installation) -> None:
    i = fresh_installation
    driver(i).refresh("prod")
    with pytest.raises(PlanRefused, match="qa has masked data of prod, which go nowhere else: promote to qa first"):
        driver(i, "prod").plan("tested")


def test_s51_another_database_is_active_above_than_was_planned_with(fresh_installation: Installation) -> None:
    i, run = fresh_installation, driver(fresh_installation)
    plan = run.plan_refresh("prod")
    assert plan.source is not None
    other = plan.source.model_copy(update={"resource_id": "db-OTHER"})
    with pytest.raises(PlanOutdated, match="another database is active in xy-0146-prod"):
        run.lock(plan.model_copy(update={"source": other}))
    assert not i.standing("qa").locked


def test_where_nothing_is_active_it_brings_the_first_data(fresh_installation: Installation) -> None:
    i = fresh_installation
    of = tenant(**CHANGES | {"environments": {**ENVIRONMENTS, "prod": {**ENVIRONMENTS["prod"], "from": "bare"}}})
    driver(i, "bare", of).refresh("prod")
    assert not [each for each in PEOPLE if each in str(contents(i, "bare"))]
    assert f"{TENANT}-bare.localhost" in (i.answer("bare") or "")


def test_s24_masked_data_that_a_timestamp_brings_back_stay_masked_data(fresh_installation: Installation) -> None:
    """No pointer names them any more, and their database is gone: they go nowhere else all the same."""
    i = fresh_installation
    of = tenant(
        **CHANGES | {"environments": {**ENVIRONMENTS, "bare": {**ENVIRONMENTS["bare"], "target_writes": "allow"}}}
    )
    masked = i.pointer("bare")[0].active
    assert masked is not None
    assert masked.masked_from == "prod"
    for _ in range(2):
        time.sleep(1.1)  # releases have different names
        driver(i, "bare", of).promote("new")
    plan = driver(i, "bare", of).plan(str(masked.release))
    assert plan.mode == "restored"
    assert plan.earlier is not None
    assert (plan.earlier.masked_from, plan.earlier.snapshot, plan.earlier.build) == ("prod", None, masked.build)


# -- where data are authored -----------------------------------------------------------------------------------


def test_s09_authored_data_are_not_replaced_unless_that_is_allowed(fresh_installation: Installation) -> None:
    with pytest.raises(PlanRefused, match=r"xy-0146-dev-db cannot be told: .* target_writes: ask \(or allow\) for dev"):
        driver(fresh_installation, "dev").plan_refresh("prod")


def test_dev_gets_masked_data_and_the_next_release_begins_with_them(fresh_installation: Installation) -> None:
    i = fresh_installation
    allowed = {**ENVIRONMENTS, "dev": {**ENVIRONMENTS["dev"], "target_writes": "allow"}}
    of = tenant(**CHANGES | {"environments": allowed})
    driver(i, "dev", of).refresh("prod")
    held = contents(i, "dev")
    assert held["place"] == [("dev",)]
    assert not [each for each in PEOPLE if each in str(held)]
    active = i.pointer("dev")[0].active
    assert active is not None
    assert active.database is not None
    # What was authored there stays, protected, until a person takes it away.
    [authored] = [each for each in i.instances("dev") if each["DBInstanceIdentifier"] == f"{TENANT}-dev-db"]
    assert authored["DeletionProtection"]
    i.sql("dev", "INSERT INTO notes VALUES ('written after the refresh')")
    run = driver(i, "qa", of)
    assert (plan := run.plan("new")).source
    assert plan.source.instance == active.database.name
    run.promote("new")
    assert ("written after the refresh",) in contents(i, "qa")["notes"]
    with pytest.raises(PlanRefused, match="dev has masked data of prod, which go nowhere else: ask for 'new'"):
        driver(i, "qa", of).plan("tested")
    # A second one takes the first one's database away, as a promotion does.
    driver(i, "dev", of).refresh("prod")
    assert active.database.name not in i.standing("dev").databases
    assert f"{TENANT}-dev-db" in i.standing("dev").databases


# -- through Airflow -------------------------------------------------------------------------------------------


def test_a_refresh_runs_as_a_dag_and_its_log_has_no_address(fresh_installation: Installation, tmp_path: Path) -> None:
    i = fresh_installation
    aws = i.laptop.environment()
    config = write_configuration(tmp_path / "config", i.platforms, **CHANGES)
    conf = {"environment": "qa", "from": "", "build": "next", "dry_run": False}
    log = run_dag(f"{TENANT}.refresh", tmp_path / "run", config, aws, conf=conf)
    assert "state=success, run_type=manual" in log, log[-5000:]
    assert not [each for each in PEOPLE if each in log]
    assert not [each for each in PEOPLE if each in str(contents(i, "qa"))]
    assert " next " in (i.answer("qa") or "")
