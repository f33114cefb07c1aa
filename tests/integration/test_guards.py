"""What a promotion makes sure of before it makes anything, and what stops everything that deletes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.ecs import ServiceHook
from snaplift.aws.steps import lock
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import Done, resume
from snaplift.aws.steps.provision import provision_namespace, provision_platform
from snaplift.aws.steps.retire import wait_unused
from snaplift.aws.steps.standing import find_missing
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.lock import PlanOutdated
from snaplift.promotion.pointer import Revision, UnreadablePointer
from snaplift.promotion.run import Run
from tests.integration.test_aborts import begin
from tests.integration.test_promotion import counts
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import TENANT, Installation, tenant

RUN = Run(installation="acme", dag_id="provision", run_id="guards")
INSTANCES, SNAPSHOTS = "L-7B6409FD", "L-272F1212"


@pytest.fixture(scope="module", autouse=True)
def qa_serves(installation: Installation) -> None:
    """A release is active in qa."""
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


@contextmanager
def quota(installation: Installation, code: str, left: int, used: int) -> Iterator[None]:
    """Leave room for some more than are used."""
    before = installation.laptop.control("GET", "quotas")
    installation.laptop.control("PUT", "quotas", {code: used + left})
    try:
        yield
    finally:
        installation.laptop.control("PUT", "quotas", {code: before[code]})


def standing_stacks(installation: Installation) -> int:
    pages = installation.client("cloudformation").get_paginator("describe_stacks").paginate()
    return sum(stack["StackStatus"] != "DELETE_COMPLETE" for page in pages for stack in page["Stacks"])


def active(installation: Installation, environment: str = "qa") -> Revision:
    found = installation.pointer(environment)[0].active
    assert found is not None
    return found


def reasons(driver: Driver, release: str = "new") -> list[str]:
    """Why there is no plan; empty: there is one."""
    try:
        driver.plan(release)
    except PlanRefused as refused:
        return refused.reasons
    return []


# -- quotas ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "counted", "what", "needed"),
    [
        (INSTANCES, "instances", "database instances", 1),
        (SNAPSHOTS, "snapshots", "manual snapshots", 2),  # the release's, and the final one of what goes
        ("StackLimit", "stacks", "stacks", 1),
    ],
)
def test_s26_a_quota_that_a_promotion_would_meet_half_way_refuses_it(
    installation: Installation, code: str, counted: str, what: str, needed: int
) -> None:
    before = counts(installation)
    used = standing_stacks(installation) if counted == "stacks" else before[counted]
    lacking = "none is left" if needed == 1 else f"{needed} are needed"
    with quota(installation, code, needed - 1, used):
        assert reasons(installation.driver("qa")) == [
            f"the account has {used} of {used + needed - 1} {what}: {lacking}"
        ]
    with quota(installation, code, needed, used):
        assert reasons(installation.driver("qa")) == []
    assert counts(installation) == before


def rules_of_nonprod(installation: Installation) -> int:
    """How many namespaces stand there, each with a target group and a rule: other tests may have made some."""
    found = 0
    for stack in installation.client("cloudformation").describe_stacks()["Stacks"]:
        with suppress(naming.InvalidName):
            found += naming.Namespace.parse(stack["StackName"]).environment != "prod"
    return found


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("target-groups-per-application-load-balancer", "target groups"),
        ("rules-per-application-load-balancer", "rules"),
    ],
)
def test_s26_a_load_balancer_without_room_for_a_namespace_is_found_before_its_stack_is_made(
    installation: Installation, code: str, what: str
) -> None:
    environments = {"dev": {"platform": "platform-nonprod"}, "more": {"platform": "platform-nonprod", "from": "dev"}}
    used = rules_of_nonprod(installation)
    with quota(installation, code, 0, used):
        with pytest.raises(StepFailed) as refused:
            provision_namespace(installation.platforms, tenant(environments=environments), "more", RUN)
        # What stands already is left as it is, and asks for no room.
        provision_namespace(installation.platforms, installation.tenant, "qa", RUN)
    assert str(refused.value) == f"nothing was made: load balancer web has {used} of {used} {what}: none is left"
    assert not installation._stacks("more")


def test_s26_a_namespace_or_platform_without_room_for_its_stack_is_not_begun(installation: Installation) -> None:
    environments = {"dev": {"platform": "platform-nonprod"}, "more": {"platform": "platform-nonprod", "from": "dev"}}
    platforms = installation.platforms
    other = platforms.model_copy(
        update={"platforms": {**platforms.platforms, "platform-third": platforms.platforms["platform-nonprod"]}}
    )
    used = standing_stacks(installation)
    with quota(installation, "StackLimit", 0, used):
        full = f"nothing was made: the account has {used} of {used} stacks"
        with pytest.raises(StepFailed, match=full):
            provision_namespace(platforms, tenant(environments=environments), "more", RUN)
        with pytest.raises(StepFailed, match=full):
            provision_platform(other, "platform-third", RUN)
    assert standing_stacks(installation) == used


# -- what serves could come up again -----------------------------------------------------------------------------


@pytest.fixture
def aws(installation: Installation) -> Aws:
    return Aws("", "eu-central-1")


def test_s46_nothing_is_missing_of_what_serves(installation: Installation, aws: Aws) -> None:
    assert find_missing(aws, active(installation)) == ()
    assert find_missing(aws, None) == ()


def test_s46_all_that_is_missing_of_a_revision_is_told(installation: Installation, aws: Aws) -> None:
    ecs, serving = installation.client("ecs"), active(installation)
    assert serving.database is not None
    region, account = "eu-central-1", "000000000000"
    secret = f"arn:aws:secretsmanager:{region}:{account}:secret:gone-AbCdEf"
    image = f"{account}.dkr.ecr.{region}.amazonaws.com/notes@sha256:{'0' * 64}"
    role = f"arn:aws:iam::{account}:role/snaplift/gone"
    container = {
        "name": "web",
        "image": image,
        "essential": True,
        "secrets": [{"name": "X", "valueFrom": f"{secret}:password::"}, {"name": "Y", "valueFrom": secret}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/gone", "awslogs-region": region, "awslogs-stream-prefix": "x"},
        },
    }
    made = ecs.register_task_definition(
        family="gone",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=role,
        containerDefinitions=[container],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.deregister_task_definition(taskDefinition=made)
    gone = serving.database.model_copy(update={"resource_id": "db-ANOTHER"})
    assert find_missing(aws, serving.model_copy(update={"task_definition": made, "database": gone})) == (
        f"task definition {made.rpartition('/')[2]} is INACTIVE",
        f"database {gone.name} (db-ANOTHER) is gone",
        f"image {image} is gone",
        f"secret {secret} is gone",
        f"role {role} is gone",
        "log group /gone is gone",
    )


def test_s46_a_promotion_is_refused_while_what_serves_could_not_come_up_again(installation: Installation) -> None:
    serving, secrets = active(installation), installation.client("secretsmanager")
    assert serving.database is not None
    before = counts(installation)
    secrets.delete_secret(SecretId=serving.database.secret)
    try:
        assert reasons(installation.driver("qa")) == [
            f"{TENANT}-qa could not go back to what it runs now, if this promotion failed: secret "
            f"{serving.database.secret} is gone. Put that back first"
        ]
    finally:
        secrets.restore_secret(SecretId=serving.database.secret)
    assert counts(installation) == before
    assert reasons(installation.driver("qa")) == []


# -- an older release --------------------------------------------------------------------------------------------


def test_s08_a_plan_from_before_a_newer_release_became_active_does_not_replace_it(installation: Installation) -> None:
    old = installation.driver("qa")
    planned = old.plan("new")
    installation.driver("qa").promote("new")
    serving = active(installation)
    with pytest.raises(PlanOutdated, match="the pointer was version"):
        old.lock(planned)
    assert active(installation) == serving
    assert installation.lock_phase("qa") == "free"


def test_s08_a_clock_that_is_slow_does_not_name_a_new_release_as_an_older_one(installation: Installation) -> None:
    driver = installation.driver("qa")
    planned = driver.plan("new")
    with pytest.raises(StepFailed, match=r"20200101t000000z would be older than \d+t\d+z, which is active"):
        lock.advance(planned, lambda: datetime(2020, 1, 1, tzinfo=UTC))
    assert installation.lock_phase("qa") == "free"


def test_s33_a_release_of_the_second_in_which_another_became_active_is_of_the_next(installation: Installation) -> None:
    """An adoption names what is active by the moment, and takes no snapshot whose name would be taken."""
    driver = installation.driver("qa")
    planned = driver.plan("new")
    active = planned.before.active
    assert active is not None
    assert active.release is not None
    moment = datetime.strptime(active.release, "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC)
    found = lock.advance(planned, lambda: moment)
    assert isinstance(found, Done)
    assert found.result["release"] == f"{moment + timedelta(seconds=1):%Y%m%dt%H%M%Sz}"
    with pytest.raises(Aborted):
        driver.finish()


# -- an answer that AWS did not give -----------------------------------------------------------------------------


def confirmed(installation: Installation) -> Driver:
    """A promotion that is about to be activated."""
    driver = installation.driver("qa")
    begin(driver)
    for name in PROMOTE[: PROMOTE.index("activate")]:
        driver.step(name)
    return driver


def test_s14_a_listing_that_breaks_off_stops_a_retire_and_an_abort(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = confirmed(installation)
    driver.step("activate")
    databases = installation.standing("qa").databases
    listed = ServiceHook.tasks

    def breaks_off(self: ServiceHook, *arguments: Any, **given: Any) -> Iterator[str]:
        yield from listed(self, *arguments, **given)
        answer: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not you"}}
        raise ClientError(answer, "ListTasks")

    with monkeypatch.context() as patch:
        # What still uses it is told first, and nothing is concluded from a page that was not seen.
        patch.setattr(ServiceHook, "tasks", breaks_off)
        promotion = resume(driver.platforms, driver.namespace, driver.run)
        with pytest.raises(ClientError, match="not you"):
            wait_unused(promotion, "20000101t000000z")
        with pytest.raises(ClientError, match="not you"):
            driver.step("retire")
    assert installation.standing("qa").databases == databases
    driver.step("retire")
    driver.finish()


@pytest.mark.parametrize("text", ["", "{}}", '{"active": null, "previous": null, "candidates": null}'])
def test_s15_an_unreadable_pointer_stops_everything_that_deletes(installation: Installation, text: str) -> None:
    driver = confirmed(installation)
    before = installation.standing("qa")
    ssm, name = installation.client("ssm"), f"/snaplift/{TENANT}/qa/pointer"
    written = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=text or "nothing", Type="String", Overwrite=True)
    try:
        for end in (driver.finish, lambda: driver.step("activate"), lambda: driver.step("retire")):
            with pytest.raises(UnreadablePointer, match="nothing is concluded from it"):
                end()
    finally:
        ssm.put_parameter(Name=name, Value=written, Type="String", Overwrite=True)
    after = installation.standing("qa")
    assert (after.databases, after.stacks, after.service) == (before.databases, before.stacks, before.service)
    assert after.locked
    with pytest.raises(Aborted):
        driver.finish()
