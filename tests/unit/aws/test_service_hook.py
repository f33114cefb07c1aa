"""Services, deployments, revisions and one-off tasks: which one is meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.ecs import Job, ServiceHook
from tests.unit.aws.conftest import Stubbed
from tests.unit.promotion.examples import task_definition

OURS, OTHER = task_definition(number=2), task_definition(number=1)
TAGS = {"snaplift:installation": "acme", "snaplift:content": "c0ffee"}
Hook = tuple[ServiceHook, Stubber]


@pytest.fixture
def hook(stubbed: Stubbed) -> Hook:
    made, script = stubbed(ServiceHook, "ecs")
    return made, script


def lists_deployments(script: Stubber, *found: tuple[str, str, int], reason: str = "") -> None:
    """Deployments as (ARN, status, minute at which it began), in the order that ECS gives them."""
    briefs = [{"serviceDeploymentArn": arn} for arn, _, _ in found]
    script.add_response("list_service_deployments", {"serviceDeployments": briefs})
    if not found:
        return
    described = [
        {
            "serviceDeploymentArn": arn,
            "status": status,
            "createdAt": datetime(2026, 11, 23, 2, minute, tzinfo=UTC),
            "targetServiceRevision": {"arn": f"revision-of-{arn}"},
            "rollback": {"reason": reason},
        }
        for arn, status, minute in found
    ]
    script.add_response("describe_service_deployments", {"serviceDeployments": described})


def revision_is(script: Stubber, deployment: str, definition: str) -> None:
    answer = {"serviceRevisions": [{"taskDefinition": definition}]}
    asked = {"serviceRevisionArns": [f"revision-of-{deployment}"]}
    script.add_response("describe_service_revisions", answer, asked)


# -- deployments -----------------------------------------------------------------------------------------------


def test_s03_our_deployment_is_found_although_a_rollback_made_a_later_one(hook: Hook) -> None:
    services, script = hook
    lists_deployments(script, ("a", "ROLLBACK_SUCCESSFUL", 5), ("b", "SUCCESSFUL", 9), reason="tasks failed to start")
    revision_is(script, "b", OTHER)
    revision_is(script, "a", OURS)
    found = services.latest_deployment("cluster", "service", OURS)
    assert found is not None
    assert (found.arn, found.status, found.reason) == ("a", "ROLLBACK_SUCCESSFUL", "tasks failed to start")


def test_of_two_deployments_of_one_revision_the_later_counts(hook: Hook) -> None:
    services, script = hook
    lists_deployments(script, ("first", "STOPPED", 1), ("second", "IN_PROGRESS", 7))
    revision_is(script, "second", OURS)
    found = services.latest_deployment("cluster", "service", OURS)
    assert found is not None
    assert found.arn == "second"


def test_that_no_deployment_is_ours_is_said(hook: Hook) -> None:
    services, script = hook
    lists_deployments(script)
    assert services.latest_deployment("cluster", "service", OURS) is None
    lists_deployments(script, ("a", "SUCCESSFUL", 1))
    revision_is(script, "a", OTHER)
    assert services.latest_deployment("cluster", "service", OURS) is None


def test_a_deployment_that_ended_before_it_could_be_stopped_is_no_error(hook: Hook) -> None:
    services, script = hook
    lists_deployments(script, ("a", "IN_PROGRESS", 1))
    revision_is(script, "a", OURS)
    found = services.latest_deployment("cluster", "service", OURS)
    assert found is not None
    script.add_client_error("stop_service_deployment", "ConflictException")
    services.stop_deployment(found)
    script.add_client_error("stop_service_deployment", "AccessDeniedException")
    with pytest.raises(services.client.exceptions.ClientError):
        services.stop_deployment(found)


# -- services --------------------------------------------------------------------------------------------------


def describes(script: Stubber, services: list[dict[str, Any]], *failures: str) -> None:
    answer = {"services": services, "failures": [{"arn": "a", "reason": reason} for reason in failures]}
    script.add_response("describe_services", answer, {"cluster": "cluster", "services": ["service"]})


def service(**changes: Any) -> dict[str, Any]:
    primary = {"status": "PRIMARY", "taskDefinition": OURS, "rolloutState": "IN_PROGRESS"}
    given = {
        "serviceArn": "arn:service",
        "status": "ACTIVE",
        "taskDefinition": OTHER,
        "desiredCount": 2,
        "runningCount": 3,
        "deployments": [{"status": "ACTIVE", "taskDefinition": OTHER}, primary],
    }
    return {**given, **changes}


def test_a_services_revision_is_its_primary_deployments(hook: Hook) -> None:
    services, script = hook
    describes(script, [service()])
    found = services.service("cluster", "service")
    assert found is not None
    assert (found.task_definition, found.rollout, found.deployments) == (OURS, "IN_PROGRESS", 2)
    assert (found.desired, found.running) == (2, 3)


def test_a_service_that_never_was_or_was_deleted_is_none(hook: Hook) -> None:
    services, script = hook
    describes(script, [], "MISSING")
    assert services.service("cluster", "service") is None
    describes(script, [service(status="INACTIVE", deployments=[])])
    assert services.service("cluster", "service") is None


def test_s14_a_service_that_could_not_be_looked_up_is_not_taken_for_none(hook: Hook) -> None:
    services, script = hook
    describes(script, [], "ACCESS_DENIED")
    with pytest.raises(StepFailed, match="could not be looked up: ACCESS_DENIED"):
        services.service("cluster", "service")


# -- revisions -------------------------------------------------------------------------------------------------


def lists_revisions(script: Stubber, *arns: str) -> None:
    script.add_response("list_task_definitions", {"taskDefinitionArns": list(arns)})


def has_tags(script: Stubber, arn: str, tags: dict[str, str]) -> None:
    answer = {"taskDefinition": {}, "tags": [{"key": key, "value": value} for key, value in tags.items()]}
    script.add_response("describe_task_definition", answer, {"taskDefinition": arn, "include": ["TAGS"]})


DEFINITION = {"family": "xy-0146-qa", "containerDefinitions": []}


def test_s18_a_revision_with_the_same_content_is_adopted(hook: Hook) -> None:
    services, script = hook
    lists_revisions(script, OURS, OTHER)
    has_tags(script, OURS, {**TAGS, "snaplift:content": "another"})
    has_tags(script, OTHER, TAGS)
    assert services.ensure_revision(DEFINITION, TAGS) == OTHER


@pytest.mark.parametrize("tags", [{}, {**TAGS, "snaplift:installation": "other"}])
def test_another_installations_revision_is_not_adopted(hook: Hook, tags: dict[str, str]) -> None:
    services, script = hook
    lists_revisions(script, OTHER)
    has_tags(script, OTHER, tags)
    script.add_response("register_task_definition", {"taskDefinition": {"taskDefinitionArn": OURS}})
    assert services.ensure_revision(DEFINITION, TAGS) == OURS


def test_s13_a_revision_of_a_family_whose_name_only_begins_alike_is_not_looked_at(hook: Hook) -> None:
    services, script = hook
    lists_revisions(script, OTHER.replace("xy-0146-qa", "xy-0146-qa2"))
    asked = {**DEFINITION, "tags": ANY}
    script.add_response("register_task_definition", {"taskDefinition": {"taskDefinitionArn": OURS}}, asked)
    assert services.ensure_revision(DEFINITION, TAGS) == OURS


# -- one-off tasks ---------------------------------------------------------------------------------------------

JOB = Job("cluster", OURS, "web", ("check",), {"A": "b"}, "0a1b2c3d-1-smoke", {}, {"snaplift:run": "0a1b2c3d"})
TASK = {"taskArn": "arn:task", "taskDefinitionArn": OURS, "lastStatus": "STOPPED"}


def lists_tasks(script: Stubber, status: str, *arns: str) -> None:
    asked = {"cluster": "cluster", "desiredStatus": status, "startedBy": JOB.token}
    script.add_response("list_tasks", {"taskArns": list(arns)}, asked)


def test_s18_a_task_that_an_earlier_try_started_is_found_also_when_it_has_stopped(hook: Hook) -> None:
    services, script = hook
    lists_tasks(script, "RUNNING")
    lists_tasks(script, "STOPPED", "arn:task")
    container = {"name": "web", "exitCode": 3, "reason": "killed"}
    stopped = {**TASK, "stoppedReason": "Essential container exited", "containers": [container]}
    script.add_response("describe_tasks", {"tasks": [stopped]}, {"cluster": "cluster", "tasks": ["arn:task"]})
    found = services.ensure_job(JOB)
    assert (found.arn, found.exit_codes) == ("arn:task", {"web": 3})
    assert found.reason == "Essential container exited; killed"


def lists_family(script: Stubber, running: list[str], stopped: list[str]) -> None:
    for status, arns in (("RUNNING", running), ("STOPPED", stopped)):
        asked = {"cluster": "cluster", "desiredStatus": status, "family": "xy-0146-qa"}
        script.add_response("list_tasks", {"taskArns": arns}, asked)


def test_s07_a_familys_tasks_are_looked_up_by_the_hundred_stopping_ones_too(hook: Hook) -> None:
    services, script = hook
    arns = [f"task/{number}" for number in range(130)]
    lists_family(script, arns[:60], arns[60:])
    for batch in (arns[:100], arns[100:]):
        tasks = [{"taskArn": arn, "taskDefinitionArn": OURS, "lastStatus": "STOPPING"} for arn in batch]
        asked = {"cluster": "cluster", "tasks": batch}
        script.add_response("describe_tasks", {"tasks": tasks, "failures": []}, asked)
    assert [found.arn for found in services.family("cluster", "xy-0146-qa")] == arns


@pytest.mark.parametrize(("reason", "refused"), [("MISSING", False), ("ACCESS_DENIED", True)])
def test_s14_a_task_that_cannot_be_looked_up_is_not_taken_for_one_that_is_gone(
    hook: Hook, reason: str, refused: bool
) -> None:
    services, script = hook
    lists_family(script, ["task/1"], [])
    script.add_response("describe_tasks", {"tasks": [], "failures": [{"arn": "task/1", "reason": reason}]})
    if refused:
        with pytest.raises(StepFailed, match="task task/1 could not be looked up: ACCESS_DENIED"):
            list(services.family("cluster", "xy-0146-qa"))
    else:
        assert list(services.family("cluster", "xy-0146-qa")) == []


def test_a_task_is_started_with_a_token_under_which_it_is_started_once(hook: Hook) -> None:
    services, script = hook
    lists_tasks(script, "RUNNING")
    lists_tasks(script, "STOPPED")
    overrides = {
        "containerOverrides": [{"name": "web", "command": ["check"], "environment": [{"name": "A", "value": "b"}]}]
    }
    asked = {
        "cluster": "cluster",
        "taskDefinition": OURS,
        "launchType": "FARGATE",
        "count": 1,
        "clientToken": JOB.token,
        "startedBy": JOB.token,
        "networkConfiguration": {},
        "overrides": overrides,
        "tags": [{"key": "snaplift:run", "value": "0a1b2c3d"}],
    }
    detail = {"name": "privateIPv4Address", "value": "10.0.0.7"}
    task = {**TASK, "lastStatus": "PROVISIONING", "attachments": [{"details": [detail]}]}
    script.add_response("run_task", {"tasks": [task], "failures": []}, asked)
    assert services.ensure_job(JOB).address == "10.0.0.7"


def test_s26_a_task_that_ecs_has_no_room_for_is_an_error(hook: Hook) -> None:
    services, script = hook
    lists_tasks(script, "RUNNING")
    lists_tasks(script, "STOPPED")
    script.add_response("run_task", {"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]})
    with pytest.raises(StepFailed, match="RESOURCE:MEMORY"):
        services.ensure_job(JOB)
