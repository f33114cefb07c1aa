"""CloudFormation: a namespace's service, whose revision is a parameter of its stack."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.probes.asking import create_stack, delete_stack, fresh, outputs, reasons, update_stack
from tests.probes.conftest import Clients


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


NETWORK: dict[str, Any] = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.4.0.0/16"}},
    "One": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.4.1.0/24", "AvailabilityZone": "us-east-1a"},
    },
    "Two": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.4.2.0/24", "AvailabilityZone": "us-east-1b"},
    },
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "Balancer": {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {"Subnets": [{"Ref": "One"}, {"Ref": "Two"}]},
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
    "Targets": {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"Port": 8080, "Protocol": "HTTP", "VpcId": {"Ref": "Vpc"}, "TargetType": "ip"},
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
}


@pytest.fixture(scope="module")
def network(cloudformation: Any) -> Iterator[dict[str, str]]:
    template = {
        "Parameters": {"Port": {"Type": "Number", "Default": free_port()}},
        "Resources": NETWORK,
        "Outputs": {name: {"Value": {"Ref": name}} for name in NETWORK},
    }
    stack = create_stack(cloudformation, template)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    yield outputs(stack)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


@pytest.fixture(scope="module")
def revisions(aws: Clients) -> list[str]:
    """Two revisions of one family, by ARN."""
    family = fresh("family")

    def register() -> str:
        made = aws("ecs").register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "web",
                    "image": "nothing@sha256:" + "0" * 64,
                    "portMappings": [{"containerPort": 8080}],
                }
            ],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    return [register(), register()]


def service(network: dict[str, str], name: str, **properties: Any) -> dict[str, Any]:
    return {
        "Parameters": {"TaskDefinition": {"Type": "String"}},
        "Resources": {
            "Service": {
                "Type": "AWS::ECS::Service",
                "Properties": {
                    "Cluster": network["Cluster"],
                    "ServiceName": name,
                    "TaskDefinition": {"Ref": "TaskDefinition"},
                    "LaunchType": "FARGATE",
                    "DesiredCount": 0,
                    "LoadBalancers": [
                        {
                            "ContainerName": "web",
                            "ContainerPort": 8080,
                            "TargetGroupArn": network["Targets"],
                        }
                    ],
                    "DeploymentConfiguration": {
                        "MinimumHealthyPercent": 100,
                        "MaximumPercent": 200,
                        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
                    },
                    "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": [network["One"]]}},
                    **properties,
                },
            }
        },
    }


def with_revision(arn: str) -> list[dict[str, str]]:
    return [{"ParameterKey": "TaskDefinition", "ParameterValue": arn}]


@pytest.fixture
def stack(cloudformation: Any, network: dict[str, str], revisions: list[str]) -> Iterator[dict[str, Any]]:
    made = create_stack(cloudformation, service(network, fresh("service")), Parameters=with_revision(revisions[0]))
    assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
    yield made
    assert delete_stack(cloudformation, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def described(cloudformation: Any, aws: Clients, network: dict[str, str], stack: dict[str, Any]) -> Any:
    listed = cloudformation.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
    arn = listed[0]["PhysicalResourceId"]
    return aws("ecs").describe_services(cluster=network["Cluster"], services=[arn])["services"][0]


def test_a_service_has_its_revision_targets_and_breaker(
    cloudformation: Any, aws: Clients, network: dict[str, str], revisions: list[str], stack: dict[str, Any]
) -> None:
    found = described(cloudformation, aws, network, stack)
    assert found["taskDefinition"] == revisions[0]
    assert found["loadBalancers"][0]["targetGroupArn"] == network["Targets"]
    assert found["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"]


def test_a_stack_update_puts_the_stacks_own_revision_back(
    cloudformation: Any, aws: Clients, network: dict[str, str], revisions: list[str], stack: dict[str, Any]
) -> None:
    name = described(cloudformation, aws, network, stack)["serviceName"]
    aws("ecs").update_service(cluster=network["Cluster"], service=name, taskDefinition=revisions[1])
    assert described(cloudformation, aws, network, stack)["taskDefinition"] == revisions[1]
    updated = update_stack(
        cloudformation,
        stack["StackId"],
        service(network, name, HealthCheckGracePeriodSeconds=7),
        Parameters=with_revision(revisions[0]),
    )
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert described(cloudformation, aws, network, stack)["taskDefinition"] == revisions[0]


def test_an_unknown_revision_fails_the_stack_and_is_named(
    cloudformation: Any, network: dict[str, str], revisions: list[str]
) -> None:
    unknown = revisions[0].rpartition(":")[0] + ":99"
    failed = create_stack(cloudformation, service(network, fresh("service")), Parameters=with_revision(unknown))
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reasons(cloudformation, failed["StackId"], "CREATE_FAILED")["Service"]
    delete_stack(cloudformation, failed["StackId"])


def test_a_rule_priority_that_is_taken_fails_the_stack(cloudformation: Any, network: dict[str, str]) -> None:
    rule = NETWORK["Rule"]["Properties"] | {
        "ListenerArn": network["Listener"],
        "Actions": [{"Type": "forward", "TargetGroupArn": network["Targets"]}],
    }
    template = {"Resources": {"Rule": {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": rule}}}
    failed = create_stack(cloudformation, template)
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "riority" in reasons(cloudformation, failed["StackId"], "CREATE_FAILED")["Rule"]
    delete_stack(cloudformation, failed["StackId"])
