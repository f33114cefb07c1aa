"""Infrastructure that a platform names is refused where it is not what the platform needs, with all that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.config.platform import ExistingNetwork, Platform
from snaplift.promotion.existing import Existing, Key, Listener, Subnet, named, problems
from tests.unit.stacks.examples import ACCOUNT, KEY, LISTENER, PLATFORMS, REGION

PLATFORM = PLATFORMS.platforms["platform-existing"]
NEW = PLATFORMS.platforms["platform-new"]
GROUP = "sg-0123456789abcdef1"
assert isinstance(PLATFORM.network, ExistingNetwork)
VPC = PLATFORM.network.vpc
SUBNETS = (*PLATFORM.network.public_subnets, *PLATFORM.network.private_subnets)
LISTENING = Listener(
    protocol=PLATFORM.listener.protocol,
    port=PLATFORM.listener.port,
    balancer_type="application",
    vpc=VPC,
    security_groups=(GROUP,),
)
USABLE = Key(state="Enabled", manager="CUSTOMER", spec="SYMMETRIC_DEFAULT")


def found(**changes: Any) -> Existing:
    given = {
        "account": ACCOUNT,
        "vpcs": (VPC,),
        "subnets": {each: Subnet(vpc=VPC, zone=f"{REGION}{'ab'[n % 2]}") for n, each in enumerate(SUBNETS)},
        "clusters": ("shared",),
        "listeners": {LISTENER: LISTENING},
        "security_groups": {GROUP: VPC},
        "keys": {KEY: USABLE},
    }
    return Existing.model_validate({**given, **changes})


def listening(**changes: Any) -> Existing:
    return found(listeners={LISTENER: LISTENING.model_copy(update=changes)})


def test_what_is_as_it_has_to_be_is_built_upon() -> None:
    assert problems(PLATFORM, found()) == []


def test_a_platform_that_names_nothing_needs_nothing() -> None:
    assert not named(NEW.model_copy(update={"key": None})).anything
    assert problems(NEW, Existing(account=ACCOUNT)) == []


def test_another_platforms_key_is_that_platforms_concern() -> None:
    assert named(PLATFORMS.platforms["platform-plain"]).key is None


def test_in_another_account_nothing_else_is_said() -> None:
    [said] = problems(PLATFORM, Existing(account="999999999999"))
    assert f"is in account 999999999999, and the platform in {ACCOUNT}" in said


def test_everything_that_is_absent_is_named() -> None:
    said = problems(PLATFORM, Existing(account=ACCOUNT))
    assert said == [
        f"there is no network {VPC}",
        "there is no active cluster 'shared'",
        f"load balancer web: there is no listener {LISTENER}",
        f"there is no key {KEY}",
    ]


ALL_IN_A = {each: Subnet(vpc=VPC, zone=f"{REGION}a") for each in SUBNETS}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (found(subnets=ALL_IN_A), f"the public subnets are all in {REGION}a: two zones are needed"),
        (found(subnets={**ALL_IN_A, SUBNETS[1]: Subnet(vpc="vpc-9", zone="z")}), "is in vpc-9, not in"),
        (found(subnets={each: ALL_IN_A[each] for each in SUBNETS[1:]}), f"there is no subnet {SUBNETS[0]}"),
        (listening(balancer_type="network"), "an application load balancer is needed"),
        (
            listening(protocol="HTTP", port=80),
            "its listener has HTTP on port 80, and 'listener' says HTTPS on port 443",
        ),
        (listening(vpc="vpc-9"), f"it is in vpc-9, not in {VPC}"),
        (listening(security_groups=("sg-9",)), f"its security groups are sg-9, and {GROUP} is not one of them"),
        (found(security_groups={}), f"there is no security group {GROUP}"),
        (found(keys={KEY: USABLE.model_copy(update={"state": "PendingDeletion"})}), "is PendingDeletion: enable it"),
        (found(keys={KEY: USABLE.model_copy(update={"manager": "AWS"})}), "is managed by AWS"),
        (found(keys={KEY: USABLE.model_copy(update={"spec": "RSA_2048"})}), "is RSA_2048"),
    ],
)
def test_what_is_not_as_it_has_to_be_is_told(facts: Existing, said: str) -> None:
    assert any(said in each for each in problems(PLATFORM, facts)), problems(PLATFORM, facts)


def test_what_is_in_another_region_is_not_looked_for_here() -> None:
    elsewhere: Platform = PLATFORM.model_copy(
        update={
            "key": KEY.replace(REGION, "us-east-1"),
            "load_balancers": (
                PLATFORM.load_balancers[0].model_copy(
                    update={"existing_listener": LISTENER.replace(REGION, "us-east-1")}
                ),
            ),
        }
    )
    assert [each for each in problems(elsewhere, found()) if "us-east-1, and the platform in" in each] == problems(
        elsewhere, found()
    )
    assert len(problems(elsewhere, found())) == 2


def test_a_load_balancer_that_stands_needs_a_network_that_stands() -> None:
    mixed = PLATFORM.model_copy(update={"network": NEW.network})
    assert any("name the network too" in each for each in problems(mixed, found()))
