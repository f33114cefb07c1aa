"""AWS::ECS::Service: a stack is complete when its deployment is, and rolls back when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.probes.asking import create_stack, delete_stack, fresh, reasons, update_stack
from tests.support.compute import BREAKER, CONTAINER_PORT, NETWORK, Site
from tests.support.requests import eventually


@pytest.fixture
def stacks(cloudformation: Any) -> Iterator[list[str]]:
    """The stacks to delete when the test is over."""
    made: list[str] = []
    yield made
    for stack in made:
        cloudformation.delete_stack(StackName=stack)


def template(site: Site, **properties: Any) -> dict[str, Any]:
    balanced = {"ContainerName": "web", "ContainerPort": CONTAINER_PORT, "TargetGroupArn": site.target_group}
    subnets = NETWORK["awsvpcConfiguration"]["subnets"]
    service = {
        "Cluster": site.cluster,
        "ServiceName": site.name,
        "TaskDefinition": {"Ref": "TaskDefinition"},
        "LaunchType": "FARGATE",
        "LoadBalancers": [balanced],
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": subnets}},
        "DeploymentConfiguration": {
            "DeploymentCircuitBreaker": {
                key.capitalize(): value for key, value in BREAKER["deploymentCircuitBreaker"].items()
            }
        },
        **properties,
    }
    return {
        "Parameters": {"TaskDefinition": {"Type": "String"}},
        "Resources": {"Service": {"Type": "AWS::ECS::Service", "Properties": service}},
        "Outputs": {"Arn": {"Value": {"Ref": "Service"}}, "Name": {"Value": {"Fn::GetAtt": ["Service", "Name"]}}},
    }


def parameters(definition: str) -> list[dict[str, str]]:
    return [{"ParameterKey": "TaskDefinition", "ParameterValue": definition}]


def test_the_stack_is_complete_when_the_service_serves(site: Site, cloudformation: Any, stacks: list[str]) -> None:
    definition = site.register(environment={"ANSWER": "one"})
    stack = create_stack(cloudformation, template(site), Parameters=parameters(definition))
    stacks.append(stack["StackId"])
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert site.get() == (200, "one")
    assert site.service()["desiredCount"] == 1
    assert site.deployments()[0]["status"] == "SUCCESSFUL"
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs == {"Arn": site.service()["serviceArn"], "Name": site.name}


def test_a_first_deployment_that_fails_rolls_the_stack_back(site: Site, cloudformation: Any) -> None:
    definition = site.register(environment={"MODE": "crash"})
    stack = create_stack(cloudformation, template(site), Parameters=parameters(definition))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Circuit Breaker was triggered" in reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["Service"]
    assert site.service()["status"] == "INACTIVE"
    assert site.tasks() == []


def test_an_update_deploys_and_one_that_fails_goes_back(site: Site, cloudformation: Any, stacks: list[str]) -> None:
    first, second = (site.register(environment={"ANSWER": answer}) for answer in ("one", "two"))
    crash = site.register(environment={"MODE": "crash"})
    body = template(site)
    stack = create_stack(cloudformation, body, Parameters=parameters(first))
    stacks.append(stack["StackId"])
    updated = update_stack(cloudformation, stack["StackId"], body, Parameters=parameters(second))
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert site.get() == (200, "two")
    failed = update_stack(cloudformation, stack["StackId"], body, Parameters=parameters(crash))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    site.until_deployed(second)
    assert site.get() == (200, "two")


def test_a_desired_count_that_the_template_leaves_out_stays_as_it_is(
    site: Site, cloudformation: Any, stacks: list[str]
) -> None:
    first, second = site.register(), site.register()
    body = template(site)
    stack = create_stack(cloudformation, body, Parameters=parameters(first))
    stacks.append(stack["StackId"])
    site.update(desiredCount=2)
    update_stack(cloudformation, stack["StackId"], body, Parameters=parameters(second))
    assert site.service()["desiredCount"] == 2


def test_an_unknown_definition_fails_the_stack_and_says_so(site: Site, cloudformation: Any) -> None:
    stack = create_stack(cloudformation, template(site), Parameters=parameters(f"{fresh('none')}:1"))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "TaskDefinition not found" in reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["Service"]


def test_a_deleted_stack_leaves_no_task(site: Site, cloudformation: Any) -> None:
    stack = create_stack(cloudformation, template(site), Parameters=parameters(site.register()))
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert site.service()["status"] == "INACTIVE"
    assert site.tasks() == []
    eventually(lambda: site.health() == [], "no target is left")
