"""What people do in the middle of a promotion, and what they find when it failed after its release was active."""

from __future__ import annotations

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import resume
from snaplift.promotion.lock import PlanOutdated
from tests.integration.test_aborts import assert_gone, begin
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import TENANT, Installation, tenant


@pytest.fixture(scope="module", autouse=True)
def qa_serves(installation: Installation) -> None:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


def drive_but(driver: Driver, painted: str) -> str:
    """Do every step but the one that a person marked as success. Returns why it went no further."""
    for name in PROMOTE:
        if name != painted:
            try:
                driver.step(name)
            except Exception as error:
                return f"{name}: {error}"
    return ""


def test_s50_a_dry_run_whose_end_was_painted_green_makes_nothing(installation: Installation) -> None:
    driver = installation.driver("qa")
    dry = driver.plan("new").model_copy(update={"dry_run": True})
    with pytest.raises(StepFailed, match="this run is a dry run, which makes nothing"):
        driver.lock(dry)
    assert not installation.standing("qa").locked


def test_s51_what_had_changed_under_a_plan_is_told_by_the_end_too(installation: Installation) -> None:
    driver = installation.driver("qa")
    plan = driver.plan("new")
    installation.touch_pointer("qa")
    with pytest.raises(PlanOutdated):
        driver.lock(plan)
    with pytest.raises(Aborted, match="Why: lock: since the plan was made, the pointer was version"):
        driver.finish()


@pytest.mark.parametrize(
    ("painted", "missed"),
    [
        ("snapshot", "database: "),
        ("database", "credentials: database "),
        ("credentials", "smoke: "),
        ("adapt", "smoke: "),
        ("smoke", "deploy: "),
        ("deploy", "confirm: "),
        ("activate", "retire: "),
    ],
)
def test_s50_a_step_that_was_painted_green_is_missed_by_the_next(
    installation: Installation, painted: str, missed: str
) -> None:
    before = installation.standing("qa")
    # Its checks would not miss anything: what is missed is missed whatever the tenant checks.
    driver = installation.driver("qa", tenant(smoke=[]))
    candidate = begin(driver)
    why = drive_but(driver, painted)
    assert why.startswith(missed), why
    if painted in {"credentials", "adapt", "smoke"}:
        assert f"has not been through '{painted}', whatever its colour: clear that task" in why
    with pytest.raises(Aborted):
        driver.finish()
    assert installation.standing("qa") == before
    assert_gone(installation, candidate)


def test_s50_what_a_painted_confirm_would_have_waited_for_is_looked_at_by_activate(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver)
    for name in PROMOTE[: PROMOTE.index("deploy")]:
        driver.step(name)
    installation.laptop.set_delays({"ecs.pull": 3})
    try:
        driver.step("deploy")
        with pytest.raises(Exception, match="deployments are under way"):
            driver.step("activate")
    finally:
        installation.laptop.set_delays({"ecs.pull": 0})
    with pytest.raises(Aborted):
        driver.finish()


def test_s43_a_failure_after_the_activation_leaves_the_release_active(installation: Installation) -> None:
    before = installation.standing("qa")
    driver = installation.driver("qa")
    plan = driver.plan("new")
    driver.lock(plan)
    candidate = resume(driver.platforms, driver.namespace, driver.run).plan
    for name in PROMOTE[: PROMOTE.index("retire")]:
        driver.step(name)
    driver.note("retire: the old database could not be deleted")
    done = driver.finish()
    after = installation.standing("qa")
    assert done.result["active"] == candidate.release
    assert done.result["left"] == "retire: the old database could not be deleted"
    assert after.pointer.active is not None
    assert after.pointer.active.release == candidate.release
    assert set(after.databases) == {*before.databases, candidate.database}, "nothing was taken away"
    assert not after.locked
    assert after.answer is not None

    driver.lock(plan)  # a person clears retire, which clears the lock and finish with it
    driver.step("retire")
    assert driver.finish().result == {"active": candidate.release}
    assert set(installation.standing("qa").databases) == {candidate.database}


def test_s29_the_smoke_check_asks_the_candidate_and_not_what_serves(installation: Installation) -> None:
    before = installation.standing("qa")
    assert before.answer is not None
    driver = installation.driver("qa", tenant(smoke=[{"path": "/", "contains": " next ", "timeout": "20s"}]))
    driver.lock(driver.plan("new", "next"))
    for name in PROMOTE[: PROMOTE.index("deploy")]:
        driver.step(name)
    assert " next " not in (installation.answer("qa") or "")
    with pytest.raises(Aborted):
        driver.finish()
    assert installation.standing("qa") == before


def test_s32_a_candidate_is_opened_to_the_service_only_after_its_checks(installation: Installation) -> None:
    driver = installation.driver("qa")
    begin(driver)
    opened = []
    for name in PROMOTE[: PROMOTE.index("deploy")]:
        driver.step(name)
        if name in {"adapt", "smoke"}:
            promotion = resume(driver.platforms, driver.namespace, driver.run)
            group, service = promotion.database().security_group_id, promotion.plan.namespace.service_security_group_id
            [found] = installation.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
            allowed = {pair["GroupId"] for rule in found["IpPermissions"] for pair in rule["UserIdGroupPairs"]}
            opened.append(service in allowed)
    assert opened == [False, True]
    with pytest.raises(Aborted, match=f"{TENANT}-qa still serves"):
        driver.finish()
