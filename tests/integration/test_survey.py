"""The survey reads what stands, thing by thing, and all that refers to it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from snaplift.aws.steps.survey import survey
from snaplift.promotion.estate import Survey, Thing
from tests.support.installation import ACCOUNT, REGION, TENANT, Installation

QA = f"{TENANT}-qa"


@pytest.fixture(scope="module")
def installation(fresh_installation: Installation) -> Installation:
    return fresh_installation


@pytest.fixture(scope="module")
def surveyed(installation: Installation) -> Survey:
    """Both platforms of the laptop are in one account and region, so there is one survey."""
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")
    [found] = survey(installation.platforms)
    return found


def named(surveyed: Survey, kind: str, name: str) -> Thing:
    [found] = [each for each in surveyed.things if each.kind == kind and each.name == name]
    return found


def test_what_is_active_is_seen_with_all_that_refers_to_it(installation: Installation, surveyed: Survey) -> None:
    pointer, version = installation.pointer("qa")
    active = pointer.active
    assert active is not None
    assert active.database is not None
    [seen] = [each for each in surveyed.pointers if each.namespace == QA]
    assert (seen.pointer, seen.version) == (pointer, version)
    instance = named(surveyed, "instance", active.database.name)
    assert instance.resource_id == active.database.resource_id
    assert instance.protected
    assert (str(instance.namespace), str(instance.release), instance.run) == (QA, active.release, active.run)
    assert named(surveyed, "stack", active.database.name).outputs["ResourceId"] == instance.resource_id
    assert active.snapshot is not None
    assert named(surveyed, "snapshot", active.snapshot).is_ours(installation.platforms.installation)
    revision = named(surveyed, "revision", active.task_definition.rpartition("/")[2])
    assert active.database.secret in revision.needs
    assert active.database.secret in {each.arn for each in surveyed.of_kind("secret")}
    assert f"/snaplift/{TENANT}/qa" in revision.needs
    [service] = [each for each in surveyed.services if each.name == QA]
    assert service.revisions[0] == active.task_definition
    assert active.task_definition in {each.revision for each in surveyed.tasks}


def test_everything_of_a_namespace_carries_its_tags(installation: Installation, surveyed: Survey) -> None:
    ours = [each for each in surveyed.things if each.is_ours(installation.platforms.installation)]
    kinds = {each.kind for each in ours if str(each.namespace) == QA}
    assert kinds == {"stack", "instance", "secret", "parameter", "revision", "log_group"}
    assert all(each.created_at is None or each.created_at < datetime.now(UTC) for each in ours)


def test_both_platforms_are_in_one_survey(surveyed: Survey) -> None:
    assert surveyed.standing == {"platform-nonprod", "platform-prod"}
    assert {(place.account, place.region) for place in surveyed.places} == {(ACCOUNT, REGION)}


def test_a_lock_that_is_held_is_seen_with_what_its_promotion_rests_on(installation: Installation) -> None:
    driver = installation.driver("qa")
    driver.lock(driver.plan("new"))
    try:
        [seen] = survey(installation.platforms)[0].locks
        active = installation.pointer("qa")[0].active
        assert active is not None
        assert seen.namespace == QA
        assert {active.task_definition, active.snapshot, f"{TENANT}-dev-db"} <= seen.names
    finally:
        with pytest.raises(RuntimeError, match="aborted"):
            driver.finish()


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("rds", "DescribeDBInstances"),
        ("rds", "DescribeDBSnapshots"),
        ("cloudformation", "DescribeStacks"),
        ("secretsmanager", "ListSecrets"),
        ("ssm", "GetParametersByPath"),
        ("ssm", "ListTagsForResource"),
        ("logs", "DescribeLogGroups"),
        ("logs", "ListTagsForResource"),
        ("ecs", "ListTaskDefinitions"),
        ("ecs", "DescribeTaskDefinition"),
        ("ecs", "ListServices"),
        ("ecs", "DescribeServices"),
        ("ecs", "ListTasks"),
        ("ecs", "DescribeTasks"),
        ("dynamodb", "Scan"),
    ],
)
def test_s14_a_listing_that_is_refused_makes_no_survey(
    installation: Installation, surveyed: Survey, service: str, operation: str
) -> None:
    laptop = installation.laptop
    laptop.set_faults({"action": "deny", "service": service, "operation": operation, "times": 1000})
    try:
        with pytest.raises(ClientError, match="AccessDenied"):
            survey(installation.platforms)
    finally:
        laptop.set_faults()


def test_s27_throttled_listings_are_asked_again_and_nothing_is_missed(
    installation: Installation, surveyed: Survey
) -> None:
    laptop = installation.laptop
    laptop.set_faults(*({"action": "throttle", "nth": number, "times": 1} for number in (1, 9, 17, 25, 33)))
    try:
        [found] = survey(installation.platforms)
    finally:
        laptop.set_faults()
    assert {each.identity for each in found.things} >= {each.identity for each in surveyed.things}


def test_s14_a_survey_in_another_account_is_refused(installation: Installation) -> None:
    platform = installation.platforms.platforms["platform-nonprod"].model_copy(update={"account": "123456789012"})
    elsewhere = installation.platforms.model_copy(update={"platforms": {"platform-nonprod": platform}})
    with pytest.raises(RuntimeError, match="account"):
        survey(elsewhere)
