"""A platform over infrastructure that stands: it makes the rest, and changes nothing of what it was given."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import provision
from snaplift.config.platform import Platforms
from snaplift.promotion.run import Run
from snaplift.stacks.outputs import PlatformOutputs
from tests.support.driving import PROVISION, Driver, drive
from tests.support.installation import REGION, Installation

RUN = Run(installation="acme", dag_id="provision", run_id="existing")
NAME = "platform-given"


def given(installation: Installation, **changes: Any) -> Platforms:
    """A platform over all that platform-nonprod made."""
    outputs = provision.platform_outputs(installation.platforms, "platform-nonprod")
    balancer = outputs.load_balancer("web")
    data = installation.platforms.model_dump(by_alias=True)
    data["platforms"][NAME] = {
        **data["platforms"]["platform-nonprod"],
        "network": {
            "vpc": outputs.vpc_id,
            "public_subnets": outputs.public_subnet_ids.split(","),
            "private_subnets": outputs.private_subnet_ids.split(","),
        },
        "cluster": outputs.cluster_name,
        "load_balancers": [
            {
                "name": "web",
                "existing_listener": balancer.listener,
                "existing_security_group": balancer.security_group,
            }
        ],
        "key": outputs.key_arn,
        **changes,
    }
    return Platforms.model_validate(data)


def test_what_is_named_and_not_there_is_told_and_nothing_is_made(installation: Installation) -> None:
    key = f"arn:aws:kms:{REGION}:000000000000:key/12345678-1234-1234-1234-123456789012"
    absent = {
        "vpc": "vpc-0123456789abcdef0",
        "public_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "private_subnets": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
    }
    listener = {"name": "web", "existing_listener": key.replace("kms", "elasticloadbalancing")}
    platforms = given(
        installation,
        network=absent,
        cluster="nobodys",
        load_balancers=[{**listener, "existing_security_group": "sg-0123456789abcdef0"}],
        key=key,
    )
    with pytest.raises(StepFailed) as failed:
        provision.provision_platform(platforms, NAME, RUN)
    for said in ("no network vpc-0123", "no active cluster 'nobodys'", "there is no listener", "there is no key"):
        assert said in str(failed.value)
    found = installation.client("cloudformation").describe_stacks()["Stacks"]
    assert NAME not in {each["StackName"] for each in found}


def test_a_platform_over_what_stands_makes_the_rest_and_serves(installation: Installation) -> None:
    platforms = given(installation)
    drive(lambda: provision.provision_platform(platforms, NAME, RUN))
    client = installation.client("cloudformation")
    made = {each["ResourceType"] for each in client.describe_stack_resources(StackName=NAME)["StackResources"]}
    assert not made & {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::ECS::Cluster", "AWS::KMS::Key"}
    assert not {each for each in made if each.startswith("AWS::ElasticLoadBalancingV2")}
    own, other = (provision.platform_outputs(platforms, name) for name in (NAME, "platform-nonprod"))
    shared = {"vpc_id", "public_subnet_ids", "private_subnet_ids", "cluster_name", "key_arn", "load_balancers"}
    assert own.model_dump(include=shared) == other.model_dump(include=shared)
    assert not set(own.model_dump(exclude=shared).items()) & set(
        other.model_dump(exclude=shared | {"parameter_groups"}).items()
    )
    assert set(PlatformOutputs.model_fields) == set(own.model_dump())

    environments = {"dev": installation.tenant.environments["dev"].model_copy(update={"platform": NAME})}
    tenant = installation.tenant.model_copy(update={"tenant": "zz-0998", "environments": environments, "nightly": None})
    drive(lambda: provision.provision_namespace(platforms, tenant, "dev", RUN))
    driver = Driver(platforms, tenant, "dev", "given")
    assert driver.promote("origin", steps=PROVISION).result == {"active": "origin"}
