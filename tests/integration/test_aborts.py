"""However a promotion fails before its release is active, everything is as it was and the next one can go on."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import resume
from snaplift.promotion.deployment import NotConfirmed
from snaplift.promotion.lock import LockLost
from snaplift.promotion.plan import Plan
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import TENANT, Installation, tenant


@pytest.fixture(scope="module", autouse=True)
def qa_serves(installation: Installation) -> None:
    """A release is active, which no failure may harm."""
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


def begin(driver: Driver, release: str = "new", build: str = "") -> Plan:
    """Plan and take the lock; the plan as it was recorded."""
    driver.lock(driver.plan(release, build))
    return resume(driver.platforms, driver.namespace, driver.run).plan


def assert_gone(installation: Installation, candidate: Plan) -> None:
    """Nothing of a candidate is left but its snapshot, which is the source's."""
    environment = candidate.environment
    assert not [task for task in installation.tasks(environment) if is_of(task, candidate, installation)]
    found = installation.standing(environment)
    assert candidate.database not in found.databases
    assert not [name for name in found.stacks if name.startswith(candidate.database)]
    assert not [name for name in found.secrets if candidate.run.hash in name]
    assert not found.locked


def is_of(task: Any, candidate: Plan, installation: Installation) -> bool:
    ecs = installation.client("ecs")
    tags = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"], include=["TAGS"])["tags"]
    return {"key": "snaplift:run", "value": candidate.run.hash} in tags


# -- stopped at each step --------------------------------------------------------------------------------------

STOPS = ("lock", "snapshot", "database", "adapt", "smoke", "deploy", "confirm")
"""credentials and register leave nothing that the steps before them do not."""


@pytest.mark.parametrize("last", STOPS)
def test_s41_a_run_that_is_stopped_after_any_step_is_undone(installation: Installation, last: str) -> None:
    before = installation.standing("qa")
    driver = installation.driver("qa")
    candidate = begin(driver)
    for step in () if last == "lock" else PROMOTE[: PROMOTE.index(last) + 1]:
        driver.step(step)
    with pytest.raises(Aborted, match=f"aborted, {TENANT}-qa still serves") as aborted:
        driver.finish()
    assert str(aborted.value).endswith("Why: the run was ended before its release was active")
    assert installation.standing("qa") == before
    assert_gone(installation, candidate)
    with pytest.raises(Aborted, match="Why: the run was ended"):  # once more, by Airflow or a clear: the same words
        driver.finish()


@pytest.mark.parametrize(("step", "delay"), [("database", "rds.restore"), ("snapshot", "rds.snapshot")])
def test_s30_a_run_that_is_stopped_while_a_step_waits_is_undone(
    installation: Installation, step: str, delay: str
) -> None:
    before = installation.standing("qa")
    driver = installation.driver("qa")
    candidate = begin(driver)
    for earlier in PROMOTE[: PROMOTE.index(step)]:
        driver.step(earlier)
    installation.laptop.set_delays({delay: 1.5})
    try:
        import_module(f"snaplift.aws.steps.{step}").advance(resume(driver.platforms, driver.namespace, driver.run))
        with pytest.raises(Aborted):
            driver.finish()
    finally:
        installation.laptop.set_delays({delay: 0})
    assert installation.standing("qa") == before
    assert_gone(installation, candidate)


# -- failing ---------------------------------------------------------------------------------------------------


def aborted(installation: Installation, driver: Driver, build: str = "") -> str:
    """Run a promotion that fails: why, as its abort says, with everything as it was."""
    before = installation.standing(driver.environment)
    with pytest.raises(Aborted) as failed:
        driver.promote("new", build)
    assert installation.standing(driver.environment) == before
    assert not installation.standing(driver.environment).locked
    return str(failed.value).partition(" Why: ")[2]


@pytest.mark.parametrize("build", ["sick", "crash"])
def test_s03_a_build_that_never_becomes_healthy_is_rolled_back(installation: Installation, build: str) -> None:
    # Its smoke check asks the database only, so that the build gets as far as the service.
    driver = installation.driver("qa", tenant(smoke=[{"sql": "SELECT COUNT(*) FROM notes"}]))
    why = aborted(installation, driver, build)
    assert why.startswith("confirm: the deployment ended ROLLBACK_")
    assert "circuit breaker (arn:" in why


def test_a_smoke_check_that_fails_ends_it_before_any_visitor_sees_it(installation: Installation) -> None:
    question = "SELECT COUNT(*) FROM notes WHERE text = 'none'"
    driver = installation.driver("qa", tenant(smoke=[{"sql": question}]))
    assert aborted(installation, driver) == f"smoke: smoke check '{question}' gave 0: expected at least 1"


def test_a_smoke_check_without_a_number_says_which_it_is(installation: Installation) -> None:
    driver = installation.driver("qa", tenant(smoke=[{"sql": "SELECT text FROM notes WHERE text = 'none'"}]))
    why = aborted(installation, driver)
    assert why.startswith("smoke: smoke check 'SELECT text")
    assert why.endswith("expected one row with one number, got 0 rows")


def test_a_command_that_fails_is_named_with_where_its_log_is(installation: Installation) -> None:
    why = aborted(installation, installation.driver("qa", tenant(adapt=[{"command": ["exit", "3"]}])))
    assert why.startswith("adapt: 'exit 3' ended with 3")
    assert f"see log group /snaplift/{TENANT}/qa, task " in why


def test_s21_a_restore_that_fails_is_undone_with_its_stack(installation: Installation) -> None:
    installation.laptop.set_failures({"rds.restore": "incompatible-restore"})
    try:
        why = aborted(installation, installation.driver("qa"))
    finally:
        installation.laptop.set_failures({"rds.restore": None})
    assert why.startswith(f"database: stack {TENANT}-qa-db-")
    assert "incompatible-restore" in why


def test_a_failed_snapshot_ends_it(installation: Installation) -> None:
    installation.laptop.set_failures({"rds.snapshot": "failed"})
    try:
        why = aborted(installation, installation.driver("qa"))
    finally:
        installation.laptop.set_failures({"rds.snapshot": None})
    assert why.startswith(f"snapshot: snapshot {TENANT}-dev-snapshot-")


# -- what an abort must not do ---------------------------------------------------------------------------------


def test_s06_a_service_that_somebody_else_deployed_is_left_alone_until_it_is_put_back(
    installation: Installation,
) -> None:
    before = installation.standing("qa")
    assert before.service is not None
    driver, ecs = installation.driver("qa"), installation.client("ecs")
    candidate = begin(driver)
    for step in PROMOTE[: PROMOTE.index("confirm")]:
        driver.step(step)
    given = ecs.describe_task_definition(taskDefinition=before.service[0])["taskDefinition"]
    kept = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn")
    other = ecs.register_task_definition(
        **{name: given[name] for name in kept}, containerDefinitions=given["containerDefinitions"]
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=installation.cluster("qa"), service=f"{TENANT}-qa", taskDefinition=other)

    with pytest.raises((StepFailed, NotConfirmed)):
        driver.step("confirm")
    with pytest.raises(NotConfirmed, match=other):
        driver.finish()
    meanwhile = installation.standing("qa")
    assert meanwhile.locked
    assert candidate.database in meanwhile.databases
    assert meanwhile.pointer.active == before.pointer.active

    ecs.update_service(cluster=installation.cluster("qa"), service=f"{TENANT}-qa", taskDefinition=before.service[0])
    eventually_aborted(driver)
    assert installation.standing("qa") == before


def eventually_aborted(driver: Driver) -> None:
    """Finish until the service is confirmed, as the task's retries do."""
    deadline = time.monotonic() + 60
    while True:
        try:
            driver.finish()
        except NotConfirmed:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        except Aborted:
            return
        else:
            raise AssertionError("it did not say that it aborted")


def test_a_candidate_that_is_protected_is_not_deleted(installation: Installation) -> None:
    before = installation.standing("qa")
    driver, rds = installation.driver("qa"), installation.client("rds")
    candidate = begin(driver)
    driver.step("snapshot")
    driver.step("database")
    rds.modify_db_instance(DBInstanceIdentifier=candidate.database, DeletionProtection=True)
    with pytest.raises(StepFailed, match="is protected from deletion, so it was active once"):
        driver.finish()
    assert candidate.database in installation.standing("qa").databases
    rds.modify_db_instance(DBInstanceIdentifier=candidate.database, DeletionProtection=False)
    with pytest.raises(Aborted):
        driver.finish()
    assert installation.standing("qa") == before


def test_a_reason_that_passed_is_not_told_as_the_one_that_ended_it(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver)
    driver.note("snapshot: Throttling")
    driver.step("snapshot")
    with pytest.raises(Aborted, match="the run was ended before its release was active"):
        driver.finish()


def test_an_abort_keeps_the_reason(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver)
    driver.note("snapshot: the last word")
    with pytest.raises(Aborted, match="Why: snapshot: the last word"):
        driver.finish()


def test_once_it_is_being_aborted_no_step_goes_on(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver)
    with pytest.raises(Aborted):
        driver.finish()
    with pytest.raises(LockLost, match="does not hold the lock"):
        driver.step("snapshot")


# -- the first promotion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["database", "confirm"])
def test_s53_a_first_promotion_that_fails_leaves_no_service_and_a_pointer_to_nothing(
    installation: Installation, after: str
) -> None:
    before = installation.standing("bare")
    driver = installation.driver("bare")
    candidate = begin(driver)
    for step in PROMOTE[: PROMOTE.index(after) + 1]:
        driver.step(step)
    with pytest.raises(Aborted, match=f"nothing is active in {TENANT}-bare, as before"):
        driver.finish()
    assert installation.standing("bare") == before
    assert (before.pointer.active, before.service) == (None, None)
    assert_gone(installation, candidate)


# -- afterwards ------------------------------------------------------------------------------------------------


def test_after_all_that_a_promotion_succeeds_and_a_clear_of_it_that_fails_does_not_end_well(
    installation: Installation,
) -> None:
    """The cleared run made what is active; what it was doing when it failed is not."""
    before = installation.standing("qa")
    driver = installation.driver("qa")
    driver.promote("new")
    after = installation.standing("qa")
    assert before.pointer.active is not None
    assert after.pointer.previous is not None
    assert after.pointer.previous.release == before.pointer.active.release
    assert not after.locked
    assert before.pointer.active.database is not None
    assert before.pointer.active.database.name not in after.databases
    assert len(after.databases) == len(before.databases)

    begin(driver)
    driver.step("snapshot")
    driver.step("database")
    with pytest.raises(Aborted):
        driver.finish()
    assert installation.standing("qa") == after
