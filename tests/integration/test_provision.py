"""The layers that promotions stand on: made once, and what failed is made anew."""

from __future__ import annotations

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import provision
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import find_lock
from snaplift.config.platform import Platforms
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.run import Run
from tests.support.driving import PROVISION, drive
from tests.support.installation import TENANT, Installation

RUN = Run(installation="acme", dag_id="provision", run_id="again")


def stacks(installation: Installation) -> list[str]:
    pages = installation.client("cloudformation").get_paginator("describe_stacks").paginate()
    return sorted(each["StackId"] for page in pages for each in page["Stacks"])


def test_what_stands_is_left_as_it_is(installation: Installation) -> None:
    before, pointer = stacks(installation), installation.pointer("qa")
    for name in installation.platforms.platforms:
        drive(lambda name=name: provision.provision_platform(installation.platforms, name, RUN))  # type: ignore[misc]
    drive(lambda: provision.provision_namespace(installation.platforms, installation.tenant, "qa", RUN))
    assert stacks(installation) == before
    assert installation.pointer("qa") == pointer


def test_devs_database_is_made_from_nothing_filled_protected_and_served(installation: Installation) -> None:
    found = installation.standing("dev")
    active = found.pointer.active
    assert active is not None
    assert active.database is not None
    assert (active.release, active.snapshot) == (None, None)
    assert found.databases == {f"{TENANT}-dev-db": (active.database.resource_id, True)}
    assert found.service == (active.task_definition, 1, 1)
    assert ("first",) in installation.sql("dev", "SELECT text FROM notes")
    assert not found.locked


def test_devs_database_is_made_once(installation: Installation) -> None:
    with pytest.raises(PlanRefused, match=f"{TENANT}-dev has an active database already"):
        installation.driver("dev").plan("origin")


def test_every_host_rule_has_its_own_priority_and_the_load_balancer_knows_each_site(installation: Installation) -> None:
    elb = installation.client("elbv2")
    seen: list[str] = []
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            priorities = [rule["Priority"] for rule in rules]
            assert len(set(priorities)) == len(priorities)
            seen += [
                value
                for rule in rules
                for condition in rule["Conditions"]
                for value in condition["HostHeaderConfig"]["Values"]
            ]
    assert {f"{TENANT}-{environment}.localhost" for environment in installation.tenant.environments} <= set(seen)


def test_an_unknown_platform_or_environment_is_named_with_those_there_are(installation: Installation) -> None:
    with pytest.raises(StepFailed, match="'platform-x'; there are platform-nonprod, platform-prod"):
        provision.provision_platform(installation.platforms, "platform-x", RUN)
    with pytest.raises(StepFailed, match="'uat'; it has dev, qa, prod, bare"):
        provision.provision_namespace(installation.platforms, installation.tenant, "uat", RUN)


def with_new_platform(installation: Installation) -> Platforms:
    """The platforms and one that does not stand, last."""
    new = installation.platforms.platforms["platform-prod"].model_copy(update={"key": "platform-new"})
    return installation.platforms.model_copy(
        update={"platforms": {**installation.platforms.platforms, "platform-new": new}}
    )


def test_a_platform_that_does_not_stand_is_named(installation: Installation) -> None:
    platforms = with_new_platform(installation)
    on_it = installation.tenant.environments["qa"].model_copy(update={"platform": "platform-new"})
    moved = installation.tenant.model_copy(update={"environments": {**installation.tenant.environments, "qa": on_it}})
    with pytest.raises(StepFailed, match=r"platform platform-new does not stand: run platform\.provision for it first"):
        provision.provision_namespace(platforms, moved, "qa", RUN)


def test_a_platform_that_does_not_stand_yet_keeps_no_run_from_ending(installation: Installation) -> None:
    assert find_lock(with_new_platform(installation), f"{TENANT}-qa", RUN) is None


def test_an_origin_that_fails_is_undone_and_can_be_made_again(installation: Installation) -> None:
    """As if dev had never been: another pointer, and other names, are a tenant's of its own."""
    other = installation.tenant.model_copy(update={"tenant": "zz-0999"})
    platforms = installation.platforms
    drive(lambda: provision.provision_namespace(platforms, other, "dev", RUN))
    for stop, succeeds in (("smoke", False), ("activate", True)):
        driver = installation.driver("dev", other)
        driver.lock(driver.plan("origin"))
        for step in PROVISION[: PROVISION.index(stop) + 1]:
            driver.step(step)
        if succeeds:
            assert driver.finish().result == {"active": "origin"}
        else:
            with pytest.raises(Aborted, match="nothing is active in zz-0999-dev, as before"):
                driver.finish()
            rds = installation.client("rds")
            assert not [
                each for each in rds.describe_db_instances()["DBInstances"] if "zz-0999" in each["DBInstanceIdentifier"]
            ]
