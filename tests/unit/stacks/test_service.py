"""The service stack."""

from __future__ import annotations

from typing import Any

from snaplift.stacks.stack import Stack
from tests.unit.stacks.examples import TENANT, properties, service, tenant
from tests.unit.stacks.reading import resolved

QA = service()


def made(stack: Stack = QA) -> dict[str, Any]:
    found: dict[str, Any] = resolved(stack, properties(stack, "Service"))
    return found


def test_s44_the_revision_is_a_parameter_and_the_count_is_not_said() -> None:
    assert properties(QA, "Service")["TaskDefinition"] == {"Ref": "TaskDefinition"}
    assert QA.parameters["TaskDefinition"].endswith(":task-definition/xy-0146-qa:37")
    assert "Default" not in QA.template["Parameters"]["TaskDefinition"]
    assert "DesiredCount" not in made()


def test_s03_ecs_itself_takes_back_what_does_not_come_up() -> None:
    assert made()["DeploymentConfiguration"] == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {
            "Enable": True,
            "Rollback": True,
            "ThresholdConfiguration": {"Type": "COUNT", "Value": 3},
        },
    }


def test_without_a_number_of_failures_ecs_has_its_own_rule() -> None:
    settings = TENANT.service.model_dump(by_alias=True)
    settings["deployment"] = {}
    breaker = made(service(of=tenant(service=settings)))["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
    assert breaker == {"Enable": True, "Rollback": True}


def test_tasks_are_in_private_subnets_without_an_address_of_their_own() -> None:
    network = made()["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["Subnets"] == "subnet-0123456789abcdef2,subnet-0123456789abcdef3"
    assert QA.template["Parameters"]["SubnetIds"]["Type"] == "CommaDelimitedList"
    assert network["SecurityGroups"] == ["sg-0123456789abcdef2"]


def test_the_entry_container_is_what_the_load_balancer_reaches() -> None:
    (balancer,) = made()["LoadBalancers"]
    assert (balancer["ContainerName"], balancer["ContainerPort"]) == ("web", 8080)
    assert made()["HealthCheckGracePeriodSeconds"] == 90


def test_tasks_carry_their_revisions_tags_and_nobody_gets_a_shell() -> None:
    assert made()["PropagateTags"] == "TASK_DEFINITION"
    assert made()["EnableECSManagedTags"] is True
    assert made()["EnableExecuteCommand"] is False
