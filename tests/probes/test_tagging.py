"""The tagging API: a hint where the things of an installation are, never a proof."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.probes.asking import create_stack, delete_stack, fresh, outputs, tags
from tests.probes.conftest import Clients

RESOURCES: dict[str, Any] = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.6.0.0/16"}},
    "One": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.6.1.0/24", "AvailabilityZone": "us-east-1a"},
    },
    "Two": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.6.2.0/24", "AvailabilityZone": "us-east-1b"},
    },
    "Group": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "probe", "VpcId": {"Ref": "Vpc"}},
    },
    "Balancer": {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {"Subnets": [{"Ref": "One"}, {"Ref": "Two"}], "Scheme": "internal"},
    },
    "Targets": {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"Port": 80, "Protocol": "HTTP", "VpcId": {"Ref": "Vpc"}, "TargetType": "ip"},
    },
    "Listener": {
        "Type": "AWS::ElasticLoadBalancingV2::Listener",
        "Properties": {
            "LoadBalancerArn": {"Ref": "Balancer"},
            "Port": {"Ref": "Port"},
            "Protocol": "HTTP",
            "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        },
    },
    "Rule": {
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {
            "ListenerArn": {"Ref": "Listener"},
            "Priority": 7,
            "Conditions": [{"Field": "host-header", "Values": ["probe.localhost"]}],
            "Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}],
        },
    },
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "Key": {
        "Type": "AWS::KMS::Key",
        "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}},
    },
    "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "x"}},
    "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}},
    "Log": {"Type": "AWS::Logs::LogGroup"},
    "Repository": {"Type": "AWS::ECR::Repository"},
    "Subnets": {
        "Type": "AWS::RDS::DBSubnetGroup",
        "Properties": {"DBSubnetGroupDescription": "probe", "SubnetIds": [{"Ref": "One"}, {"Ref": "Two"}]},
    },
    "Table": {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        },
    },
}


@pytest.fixture(scope="module")
def api(aws: Clients) -> Any:
    return aws("resourcegroupstaggingapi")


@pytest.fixture(scope="module")
def owner(cloudformation: Any) -> Any:
    """The value of the tag `owner` on a stack and all it is made of."""
    value = fresh("owner")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    template = {
        "Parameters": {"Port": {"Type": "Number", "Default": port}},
        "Resources": RESOURCES,
        "Outputs": {name: {"Value": {"Ref": name}} for name in RESOURCES},
    }
    stack = create_stack(cloudformation, template, Tags=tags(owner=value))
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    assert len(outputs(stack)) == len(RESOURCES)
    yield value
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def found(api: Any, owner: str, **more: Any) -> set[str]:
    pages = api.get_paginator("get_resources").paginate(TagFilters=[{"Key": "owner", "Values": [owner]}], **more)
    return {entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]}


@pytest.mark.parametrize(
    "kind",
    [
        "cloudformation:stack",
        "dynamodb:table",
        "ec2:security-group",
        "ec2:vpc",
        "ecr:repository",
        "ecs:cluster",
        "elasticloadbalancing:listener-rule",
        "elasticloadbalancing:loadbalancer",
        "elasticloadbalancing:targetgroup",
        "kms:key",
        "logs:log-group",
        "rds:subgrp",
        "s3:bucket",
        "secretsmanager:secret",
        "ssm:parameter",
    ],
)
def test_a_stacks_tags_are_found_on_every_kind_of_thing(api: Any, owner: str, kind: str) -> None:
    assert len(found(api, owner, ResourceTypeFilters=[kind])) == 1


def test_pages_hold_no_more_than_asked_and_lose_nothing(api: Any, owner: str) -> None:
    whole = found(api, owner)
    pages = list(
        api.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": "owner", "Values": [owner]}], PaginationConfig={"PageSize": 3}
        )
    )
    arns = [entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]]
    assert all(len(page["ResourceTagMappingList"]) <= 3 for page in pages)
    assert sorted(arns) == sorted(whole)
    assert len(whole) == len(RESOURCES) + 1


def test_filters_of_several_keys_must_all_match(api: Any, owner: str) -> None:
    both = [{"Key": "owner", "Values": [owner]}, {"Key": "owner2", "Values": ["x"]}]
    assert api.get_resources(TagFilters=both)["ResourceTagMappingList"] == []


def test_what_never_had_a_tag_is_not_found(api: Any, aws: Clients) -> None:
    name = f"/snaplift/{fresh()}"
    aws("ssm").put_parameter(Name=name, Value="x", Type="String")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    pages = api.get_paginator("get_resources").paginate()
    arns = {entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]}
    assert key not in arns
    assert not any(arn.endswith(name) for arn in arns)
    aws("ssm").delete_parameter(Name=name)
