"""What was written in the target since the last promotion is never discarded unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pymysql
import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks import mysql
from snaplift.aws.steps import smoke
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import find_lock
from snaplift.config.retention import Retention
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.describe import describe
from snaplift.promotion.plan import Plan
from tests.integration.test_aborts import begin
from tests.integration.test_promotion import counts
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import TENANT, Installation, Standing, tenant

NOTE = "INSERT INTO notes VALUES ('a visitor was here')"
UNWRITTEN = "DELETE FROM notes WHERE text = 'a visitor was here'"
UNTIL_DEPLOY = PROMOTE[: PROMOTE.index("deploy")]


def with_setting(target_writes: str | None, *, scratch: tuple[str, ...] = ()) -> Any:
    """The tenant, with what becomes of writes in qa."""
    environments: dict[str, Any] = {
        "dev": {"platform": "platform-nonprod"},
        "qa": {"platform": "platform-nonprod", "from": "dev", "target_writes": target_writes},
        "prod": {"platform": "platform-prod", "from": "qa"},
    }
    return tenant(environments=environments, database={"name": "notes", "scratch_tables": scratch})


@pytest.fixture(scope="module")
def served_once(installation: Installation) -> None:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


@pytest.fixture(autouse=True)
def served(installation: Installation, served_once: None) -> Iterator[Standing]:
    """A release is active in qa, and nothing was written there."""
    installation.sql("qa", UNWRITTEN)
    yield installation.standing("qa")
    installation.sql("qa", UNWRITTEN)


def plan(installation: Installation, target_writes: str | None, **changes: Any) -> Plan:
    return installation.driver("qa", with_setting(target_writes, **changes)).plan("new")


def reason(installation: Installation, target_writes: str | None = "refuse", **changes: Any) -> str:
    with pytest.raises(PlanRefused) as refused:
        plan(installation, target_writes, **changes)
    [found] = refused.value.reasons
    return found


def database(installation: Installation, environment: str = "qa") -> str:
    active = installation.pointer(environment)[0].active
    assert active is not None
    assert active.database is not None
    return active.database.name


def key(installation: Installation, name: str) -> dict[str, dict[str, str]]:
    """Of what is kept of a database."""
    [found] = installation.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return {"namespace": {"S": f"{TENANT}-qa/{found['DbiResourceId']}"}}


def items(installation: Installation) -> list[dict[str, Any]]:
    """What is kept of qa's databases, beside the lock and what a rollback would need."""
    found = installation.client("dynamodb").scan(TableName=f"{installation.cluster('qa')}-locks")["Items"]
    previous = installation.pointer("qa")[0].previous
    with_snapshot = f"{TENANT}-qa/{previous.final.resource_id}" if previous and previous.final else ""
    kept = [item for item in found if item["namespace"]["S"].startswith(f"{TENANT}-qa/")]
    return [item for item in kept if item["namespace"]["S"] not in OTHERS | {with_snapshot}]


OTHERS: set[str] = set()
"""What is kept of databases that other tests left standing beside the active one."""


@pytest.fixture(scope="module", autouse=True)
def others(installation: Installation, served_once: None) -> None:
    own = key(installation, database(installation))["namespace"]["S"]
    OTHERS.update(item["namespace"]["S"] for item in items(installation) if item["namespace"]["S"] != own)


def up_to_deploy(installation: Installation, target_writes: str) -> Driver:
    driver = installation.driver("qa", with_setting(target_writes))
    begin(driver)
    for name in UNTIL_DEPLOY:
        driver.step(name)
    return driver


def plan_of(driver: Driver) -> Plan:
    """As it was recorded with the lock."""
    found = find_lock(driver.platforms, driver.namespace, driver.run)
    found = found or find_lock(driver.platforms, driver.namespace, driver.run, ended=True)
    assert found is not None
    return found.lock.record.plan


# -- the plan ----------------------------------------------------------------------------------------------------


def test_s09_writes_in_the_target_refuse_the_next_promotion_with_tables_and_counts(
    installation: Installation, served: Standing
) -> None:
    installation.sql("qa", NOTE, NOTE, "UPDATE place SET name = 'elsewhere'")
    before = counts(installation)
    assert reason(installation) == (
        f"{database(installation)} was written to since it was activated, which would be lost: notes: 2 rows more; "
        "place: changed, same number of rows. Bring what is to stay to where the data is authored, and say "
        "target_writes: ask (or allow) for qa to have the rest discarded"
    )
    assert counts(installation) == before
    assert installation.standing("qa").pointer == served.pointer
    installation.sql("qa", "UPDATE place SET name = 'qa'")


def test_s09_a_target_that_nobody_wrote_to_is_promoted_to(installation: Installation) -> None:
    made = plan(installation, "refuse")
    assert made.writes is not None
    assert not made.writes.at_stake
    assert "nothing since it was activated" in describe(made)


def test_s09_an_update_that_keeps_the_count_is_seen(installation: Installation) -> None:
    installation.sql("qa", "UPDATE notes SET text = CONCAT(text, '!')")
    assert "notes: changed, same number of rows" in reason(installation)
    installation.sql("qa", "UPDATE notes SET text = TRIM(TRAILING '!' FROM text)")
    assert not plan(installation, "refuse").writes.at_stake  # type: ignore[union-attr]


def test_s09_tables_that_came_and_tables_that_went_are_seen(installation: Installation) -> None:
    installation.sql("qa", "CREATE TABLE `odd ``name` (id INT PRIMARY KEY)", "RENAME TABLE place TO places")
    try:
        found = reason(installation)
    finally:
        installation.sql("qa", "DROP TABLE `odd ``name`", "RENAME TABLE places TO place")
    assert "odd `name: is new, with 0 rows" in found
    assert "place: is gone" in found
    assert "places: is new, with 1 row" in found


def test_s09_tables_that_the_application_fills_by_itself_are_not_counted(installation: Installation) -> None:
    installation.sql("qa", NOTE)
    assert not plan(installation, "refuse", scratch=("notes",)).writes.at_stake  # type: ignore[union-attr]
    assert "notes: 1 row more" in reason(installation, scratch=("place",))


def test_s09_where_nothing_is_promoted_further_writes_are_refused_unless_it_is_said_otherwise() -> None:
    assert tenant().target_writes("prod") == "refuse"
    assert tenant().target_writes("qa") == "allow"
    assert with_setting("ask").target_writes("qa") == "ask"


@pytest.mark.parametrize("target_writes", ["ask", "allow", None])
def test_s09_where_they_may_be_lost_the_plan_tells_them(installation: Installation, target_writes: str | None) -> None:
    installation.sql("qa", NOTE)
    made = plan(installation, target_writes)
    assert str(made.writes) == "notes: 1 row more"
    assert "notes: 1 row more" in describe(made)
    assert made.asks_to_discard == (target_writes == "ask")


def test_a_namespace_in_which_nothing_is_active_has_nothing_to_lose(installation: Installation) -> None:
    assert installation.driver("bare").plan("new").writes is None


# -- it cannot be told -------------------------------------------------------------------------------------------


@pytest.fixture
def without_fingerprint(installation: Installation) -> Iterator[None]:
    """As it is after a promotion by a version that took none."""
    table, dynamodb = f"{installation.cluster('qa')}-locks", installation.client("dynamodb")
    [item] = items(installation)
    dynamodb.delete_item(TableName=table, Key={"namespace": item["namespace"]})
    yield
    dynamodb.put_item(TableName=table, Item=item)


@pytest.mark.usefixtures("without_fingerprint")
def test_what_a_target_held_that_nobody_looked_at_cannot_be_told(installation: Installation) -> None:
    assert "cannot be told: no fingerprint of it was taken when it was activated" in reason(installation)
    asks, goes_on = plan(installation, "ask"), plan(installation, "allow")
    assert asks.asks_to_discard
    assert "cannot be told (no fingerprint" in describe(goes_on)


def test_s15_a_fingerprint_that_is_something_else_is_not_taken_for_no_writes(installation: Installation) -> None:
    table, dynamodb = f"{installation.cluster('qa')}-locks", installation.client("dynamodb")
    [item] = items(installation)
    dynamodb.put_item(TableName=table, Item={**item, "fingerprint": {"B": b"something else"}})
    try:
        assert "is not what snaplift writes" in reason(installation)
    finally:
        dynamodb.put_item(TableName=table, Item=item)


def test_a_target_that_cannot_be_read_is_not_taken_for_one_without_writes(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mysql, "_TABLES", "SELECT nothing FROM nowhere")
        assert f"{database(installation)} does not let itself be read: Table 'notes.nowhere'" in reason(installation)
    active = installation.pointer("qa")[0].active
    assert active is not None
    assert active.database is not None
    secrets = installation.client("secretsmanager")
    secrets.delete_secret(SecretId=active.database.secret)
    try:
        with pytest.raises(PlanRefused) as refused:
            plan(installation, "refuse")
        # One reason of two: a service whose secret is gone could not come up again either.
        assert f"cannot be told: secret {active.database.secret} is gone" in refused.value.reasons[-1]
    finally:
        secrets.restore_secret(SecretId=active.database.secret)


# -- between the plan and the deployment -------------------------------------------------------------------------


@pytest.mark.parametrize("target_writes", ["refuse", "ask"])
def test_s51_writes_that_come_after_the_plan_end_the_promotion(
    installation: Installation, served: Standing, target_writes: str
) -> None:
    driver = up_to_deploy(installation, target_writes)
    installation.sql("qa", NOTE)
    with pytest.raises(StepFailed) as failed:
        driver.step("deploy")
    assert str(failed.value) == (
        f"writes have come since the plan: notes: 1 row more (target_writes: {target_writes}): plan again"
    )
    assert installation.pointer("qa")[0].candidate is None
    with pytest.raises(Aborted):
        driver.finish()
    assert installation.standing("qa") == replace(served, answer=installation.answer("qa"))  # it counts the notes
    assert installation.sql("qa", "SELECT COUNT(*) FROM notes WHERE text = 'a visitor was here'") == [(1,)]
    assert [item["namespace"]["S"] for item in items(installation)] == [
        key(installation, database(installation))["namespace"]["S"]
    ]


def test_s51_what_was_announced_and_agreed_to_is_discarded_and_what_came_on_top_is_not(
    installation: Installation,
) -> None:
    installation.sql("qa", NOTE)
    driver = up_to_deploy(installation, "ask")
    installation.sql("qa", NOTE)
    with pytest.raises(StepFailed, match="writes have come since the plan: notes: 2 rows more"):
        driver.step("deploy")
    installation.sql("qa", f"{UNWRITTEN} LIMIT 1")
    assert driver.step("deploy").result["discarded"] == "notes: 1 row more"
    with pytest.raises(Aborted):
        driver.finish()


def test_s51_where_they_may_be_lost_they_are_told_when_they_are(installation: Installation) -> None:
    driver = up_to_deploy(installation, "allow")
    installation.sql("qa", NOTE)
    assert driver.step("deploy").result["discarded"] == "notes: 1 row more"
    # The service has been told: its old tasks go, and writing does not turn it back any more.
    assert "discarded" not in driver.step("deploy").result
    with pytest.raises(Aborted):
        driver.finish()


def test_s51_a_deployment_that_began_is_not_stopped_by_what_is_written_meanwhile(installation: Installation) -> None:
    driver = up_to_deploy(installation, "refuse")
    driver.step("deploy")
    installation.sql("qa", NOTE)
    driver.step("deploy")
    with pytest.raises(Aborted):
        driver.finish()


def test_s09_what_was_written_while_the_service_was_deployed_is_told_when_the_release_is_active(
    installation: Installation,
) -> None:
    driver = up_to_deploy(installation, "refuse")
    driver.step("deploy")
    installation.sql("qa", NOTE)
    driver.step("confirm")
    assert driver.step("activate").result["discarded"] == "notes: 1 row more"
    driver.step("retire")
    driver.finish()
    assert not plan(installation, "refuse").writes.at_stake  # type: ignore[union-attr]


# -- what is kept ------------------------------------------------------------------------------------------------


def test_s18_what_is_kept_is_of_before_anybody_could_write(installation: Installation) -> None:
    driver = up_to_deploy(installation, "refuse")
    for name in PROMOTE[PROMOTE.index("deploy") : PROMOTE.index("retire")]:
        driver.step(name)
    installation.sql("qa", NOTE)
    driver.step("smoke")  # cleared and run again, while it serves
    driver.step("retire")
    driver.finish()
    assert "notes: 1 row more" in reason(installation)


def test_s18_as_long_as_nobody_could_write_it_is_taken_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = installation.driver("qa", with_setting("refuse"))
    begin(driver)
    for name in PROMOTE[: PROMOTE.index("smoke")]:
        driver.step(name)

    def dies(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(smoke, "_open", dies)
        with pytest.raises(TimeoutError):
            driver.step("smoke")
    driver.step("smoke")
    with pytest.raises(Aborted):
        driver.finish()
    [item] = items(installation)
    assert {"namespace": item["namespace"]} == key(installation, database(installation))


def test_it_is_of_one_moment_and_nobody_who_writes_waits(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = mysql._table

    def written_meanwhile(cursor: Any, name: str, key: str | None, size: int) -> Any:
        found = read(cursor, name, key, size)
        if name == "notes":  # the first one
            installation.sql("qa", NOTE, "INSERT INTO place VALUES ('meanwhile')")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(mysql, "_table", written_meanwhile)
        assert not plan(installation, "refuse").writes.at_stake  # type: ignore[union-attr]
    assert "notes: 1 row more; place: 1 row more" in reason(installation)
    installation.sql("qa", "DELETE FROM place WHERE name = 'meanwhile'")


def test_of_a_large_table_an_update_in_its_place_is_not_seen_and_a_new_row_is(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.sql("qa", "UPDATE place SET name = 'elsewhere'")
    monkeypatch.setattr(mysql, "CHECKED", -1)
    assert not plan(installation, "refuse").writes.at_stake  # type: ignore[union-attr]
    installation.sql("qa", NOTE)
    assert "notes: 1 row more" in reason(installation)
    installation.sql("qa", "UPDATE place SET name = 'qa'")


def every_key(installation: Installation) -> set[str]:
    found = installation.client("dynamodb").scan(TableName=f"{installation.cluster('qa')}-locks")["Items"]
    return {item["namespace"]["S"] for item in found}


def test_what_is_kept_of_a_database_goes_once_no_rollback_restores_it(installation: Installation) -> None:
    [before] = items(installation)
    installation.driver("qa").promote("new")
    [after] = items(installation)
    assert before["namespace"]["S"] in every_key(installation)  # with its final snapshot, which a rollback restores
    installation.driver("qa").promote("new")
    assert before["namespace"]["S"] not in every_key(installation)
    [after] = items(installation)
    assert after["namespace"] != before["namespace"]
    assert {"namespace": after["namespace"]} == key(installation, database(installation))
    assert "token" not in after, "it is no lock"


# -- an abort ----------------------------------------------------------------------------------------------------


def test_s09_what_was_written_to_a_candidate_that_is_aborted_is_kept_and_told(installation: Installation) -> None:
    driver = up_to_deploy(installation, "allow")
    driver.step("deploy")
    driver.step("confirm")
    answered = installation.post("qa", "a visitor was here")
    assert answered == 201
    kept = f"{TENANT}-qa-final-{plan_of(driver).release}-{plan_of(driver).run.hash}"
    for _ in range(2):  # and once more, by Airflow or a clear: the same words
        with pytest.raises(Aborted, match=f"What visitors wrote to .* meanwhile is in snapshot {kept}. Why: "):
            driver.finish()
    [found] = installation.client("rds").describe_db_snapshots(DBSnapshotIdentifier=kept)["DBSnapshots"]
    assert found["Status"] == "available"


def test_s09_what_was_written_to_a_candidate_of_which_nothing_is_kept_is_told_all_the_same(
    installation: Installation,
) -> None:
    settings = with_setting("allow").model_copy(update={"retention": Retention(final_snapshot=False)})
    driver = installation.driver("qa", settings)
    begin(driver)
    for name in (*UNTIL_DEPLOY, "deploy", "confirm"):
        driver.step(name)
    assert installation.post("qa", "a visitor was here") == 201
    candidate = plan_of(driver).database
    for _ in range(2):  # and once more, when it has gone: the same words
        with pytest.raises(Aborted, match=f"Gone with {candidate}, of which no final snapshot is kept: notes: 1 row"):
            driver.finish()


def test_s09_what_could_not_be_told_of_a_candidate_is_kept_and_not_claimed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = up_to_deploy(installation, "allow")
    driver.step("deploy")
    driver.step("confirm")
    kept = f"{TENANT}-qa-final-{plan_of(driver).release}-{plan_of(driver).run.hash}"

    def unreadable(*_: Any) -> Any:
        raise pymysql.err.OperationalError(1040, "Too many connections")

    monkeypatch.setattr(mysql, "fingerprint", unreadable)
    for _ in range(2):  # and once more, when the database is gone
        with pytest.raises(Aborted, match=f"meanwhile could not be told: if they did, it is in snapshot {kept}, "):
            driver.finish()


def test_s09_a_candidate_that_nobody_wrote_to_leaves_no_snapshot(installation: Installation) -> None:
    before = counts(installation)["snapshots"]
    driver = up_to_deploy(installation, "allow")
    driver.step("deploy")
    driver.step("confirm")
    with pytest.raises(Aborted) as aborted:
        driver.finish()
    assert "snapshot" not in str(aborted.value)
    assert counts(installation)["snapshots"] == before + 1  # the release's
