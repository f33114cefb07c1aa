"""What there is in a cluster, of everybody's: every page, and what could not be looked up is no absence."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.ecs_roster import RosterHook
from tests.unit.aws.conftest import Stubbed

ARN = "arn:aws:ecs:eu-central-1:123456789012"
Hook = tuple[RosterHook, Stubber]


@pytest.fixture
def hook(stubbed: Stubbed) -> Hook:
    return stubbed(RosterHook, "ecs")


def task(number: int, status: str) -> dict[str, Any]:
    return {
        "taskArn": f"{ARN}:task/c/{number}",
        "taskDefinitionArn": f"{ARN}:task-definition/xy-0146-qa:{number}",
        "lastStatus": status,
    }


def test_s07_a_task_that_is_to_stop_and_has_not_is_in_the_list(hook: Hook) -> None:
    roster, script = hook
    running, stopping, stopped = task(1, "RUNNING"), task(2, "STOPPING"), task(3, "STOPPED")
    script.add_response(
        "list_tasks", {"taskArns": [running["taskArn"]], "nextToken": "n"}, {"cluster": "c", "desiredStatus": "RUNNING"}
    )
    script.add_response("list_tasks", {"taskArns": []}, {"cluster": "c", "desiredStatus": "RUNNING", "nextToken": "n"})
    script.add_response(
        "list_tasks",
        {"taskArns": [stopping["taskArn"], stopped["taskArn"]]},
        {"cluster": "c", "desiredStatus": "STOPPED"},
    )
    script.add_response("describe_tasks", {"tasks": [running, stopping, stopped], "failures": []})
    assert [each.status for each in roster.tasks("c")] == ["RUNNING", "STOPPING"]


def test_s14_a_task_that_could_not_be_looked_up_stops_the_listing(hook: Hook) -> None:
    roster, script = hook
    script.add_response("list_tasks", {"taskArns": ["a", "b"]})
    script.add_response("list_tasks", {"taskArns": []})
    failures = [{"arn": "a", "reason": "MISSING"}, {"arn": "b", "reason": "ACCESS_DENIED"}]
    script.add_response("describe_tasks", {"tasks": [], "failures": failures})
    with pytest.raises(StepFailed, match="b is ACCESS_DENIED"):
        list(roster.tasks("c"))


def test_services_named_otherwise_than_ours_are_not_asked_for(hook: Hook) -> None:
    roster, script = hook
    ours, crm = f"{ARN}:service/c/xy-0146-qa", f"{ARN}:service/c/crm"
    script.add_response("list_services", {"serviceArns": [crm, ours]}, {"cluster": "c"})
    found = {
        "serviceArn": ours,
        "serviceName": "xy-0146-qa",
        "status": "ACTIVE",
        "taskDefinition": "td:2",
        "desiredCount": 1,
        "runningCount": 1,
        "deployments": [
            {"status": "ACTIVE", "taskDefinition": "td:1"},
            {"status": "PRIMARY", "taskDefinition": "td:2", "rolloutState": "IN_PROGRESS"},
        ],
    }
    asked = {"cluster": "c", "services": [ours], "include": ["TAGS"]}
    script.add_response("describe_services", {"services": [found], "failures": []}, asked)
    [service] = roster.services("c")
    assert (service.revisions, service.rollout) == (("td:2", "td:1"), "IN_PROGRESS")
