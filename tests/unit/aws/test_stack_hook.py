"""Stacks: made once, adopted when they are this run's, removed by id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.cloudformation import FoundStack, StackHook
from snaplift.promotion.wait import Wait
from snaplift.stacks.stack import Stack
from tests.unit.aws.conftest import Stubbed

ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/xy-0146-qa-db/1"
TAGS = {"snaplift:installation": "acme", "snaplift:run": "0a1b2c3d"}
STACK = Stack(
    name="xy-0146-qa-db",
    template={"Resources": {}},
    parameters={"Size": "20"},
    tags=TAGS,
    policy={"Statement": []},
    role_arn="arn:aws:iam::123456789012:role/snaplift/stacks",
)
HOUR = timedelta(hours=1)


@pytest.fixture
def hook(stubbed: Stubbed) -> tuple[StackHook, Stubber]:
    made, script = stubbed(StackHook, "cloudformation")
    return made, script


def finds(script: Stubber, status: str, tags: dict[str, str] = TAGS, reason: str = "") -> None:
    found = {
        "StackId": ID,
        "StackName": STACK.name,
        "StackStatus": status,
        "StackStatusReason": reason,
        "CreationTime": datetime.now(UTC),
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "Outputs": [{"OutputKey": "Host", "OutputValue": "db.internal"}],
    }
    script.add_response("describe_stacks", {"Stacks": [found]}, {"StackName": STACK.name})


def finds_none(script: Stubber) -> None:
    script.add_client_error("describe_stacks", "ValidationError", "Stack with id xy-0146-qa-db does not exist")


def failed_event(title: str, reason: str, status: str = "CREATE_FAILED") -> dict[str, Any]:
    return {
        "StackId": ID,
        "EventId": title,
        "StackName": STACK.name,
        "Timestamp": datetime.now(UTC),
        "LogicalResourceId": title,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def fails_with(script: Stubber, *newest_first: dict[str, Any]) -> None:
    script.add_response("describe_stack_events", {"StackEvents": list(newest_first)}, {"StackName": ID})


def ensure(hook: StackHook) -> FoundStack | Wait:
    return hook.ensure(STACK, token="token", timeout=HOUR)


def test_a_stack_that_does_not_exist_is_made_and_waited_for_by_its_id(hook: tuple[StackHook, Stubber]) -> None:
    stacks, script = hook
    finds_none(script)
    asked = {
        "StackName": STACK.name,
        "TemplateBody": STACK.body,
        "Parameters": [{"ParameterKey": "Size", "ParameterValue": "20"}],
        "Tags": ANY,
        "Capabilities": [],
        "EnableTerminationProtection": False,
        "ClientRequestToken": "token",
        "RoleARN": STACK.role_arn,
        "StackPolicyBody": STACK.policy_body,
    }
    script.add_response("create_stack", {"StackId": ID}, asked)
    wait = ensure(stacks)
    assert isinstance(wait, Wait)
    assert (wait.kind, wait.name, wait.identity, wait.timeout) == ("stack", ID, ID, 3600)
    assert "ROLLBACK_COMPLETE" in wait.failed
    assert "DELETE_COMPLETE" in wait.failed


def test_s40_a_stack_whose_creation_was_answered_to_nobody_is_this_runs(hook: tuple[StackHook, Stubber]) -> None:
    stacks, script = hook
    finds_none(script)
    script.add_client_error("create_stack", "AlreadyExistsException", http_status_code=400)
    finds(script, "CREATE_IN_PROGRESS")
    outcome = ensure(stacks)
    assert isinstance(outcome, Wait)
    assert outcome.identity == ID


def test_s45_a_stack_that_somebody_else_made_just_now_is_left_alone(hook: tuple[StackHook, Stubber]) -> None:
    stacks, script = hook
    finds_none(script)
    script.add_client_error("create_stack", "AlreadyExistsException", http_status_code=400)
    finds(script, "CREATE_IN_PROGRESS", {**TAGS, "snaplift:run": "ffffffff"})
    with pytest.raises(StepFailed, match="exists and is not this run's"):
        ensure(stacks)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_s18_a_stack_that_an_earlier_try_made_is_adopted(hook: tuple[StackHook, Stubber], status: str) -> None:
    stacks, script = hook
    finds(script, status)
    found = ensure(stacks)
    assert isinstance(found, FoundStack)
    assert found.outputs == {"Host": "db.internal"}


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_s40_a_stack_that_is_being_made_is_waited_for(hook: tuple[StackHook, Stubber], status: str) -> None:
    stacks, script = hook
    finds(script, status)
    assert isinstance(ensure(stacks), Wait)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({**TAGS, "snaplift:run": "ffffffff"}, "snaplift:run is ffffffff"),
        ({**TAGS, "snaplift:installation": "other"}, "snaplift:installation is other"),
        ({}, "snaplift:installation is None, snaplift:run is None"),
    ],
)
@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_s45_a_stack_of_another_run_or_installation_is_left_alone(
    hook: tuple[StackHook, Stubber], status: str, tags: dict[str, str], said: str
) -> None:
    stacks, script = hook
    finds(script, status, tags)
    with pytest.raises(StepFailed, match="left alone") as failed:
        ensure(stacks)
    assert said in str(failed.value)


def test_a_tag_that_was_put_beside_ours_makes_no_difference(hook: tuple[StackHook, Stubber]) -> None:
    stacks, script = hook
    finds(script, "CREATE_COMPLETE", {**TAGS, "costs": "team"})
    assert isinstance(ensure(stacks), FoundStack)


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_FAILED",
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "DELETE_IN_PROGRESS",
        "DELETE_FAILED",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_FAILED",
    ],
)
def test_s30_a_stack_that_failed_fails_with_the_first_thing_that_went_wrong(
    hook: tuple[StackHook, Stubber], status: str
) -> None:
    stacks, script = hook
    finds(script, status)
    cancelled = failed_event("Secret", "Resource creation cancelled")
    fails_with(script, cancelled, failed_event("Instance", "no such snapshot"))
    with pytest.raises(StepFailed) as failed:
        ensure(stacks)
    assert str(failed.value) == f"stack {STACK.name} is {status}: Instance: no such snapshot"


def test_s30_what_went_wrong_before_the_latest_update_is_another_story(hook: tuple[StackHook, Stubber]) -> None:
    stacks, script = hook
    begun = {**failed_event("xy-0146-qa-db", "", "UPDATE_IN_PROGRESS"), "PhysicalResourceId": ID}
    follows = failed_event("Secret", "Resource update cancelled", "UPDATE_FAILED")
    first = failed_event("Instance", "no such class", "UPDATE_FAILED")
    fails_with(script, follows, first, begun, failed_event("Instance", "long ago"))
    assert stacks.first_failure(ID) == "Instance: no such class"


def test_s14_an_error_is_not_taken_for_an_absence(hook: tuple[StackHook, Stubber]) -> None:
    stacks, script = hook
    script.add_client_error("describe_stacks", "ValidationError", "1 validation error detected")
    script.add_client_error("describe_stacks", "AccessDenied", "not you")
    for _ in range(2):
        with pytest.raises(stacks.client.exceptions.ClientError):
            ensure(stacks)


def stack(status: str) -> FoundStack:
    return FoundStack(ID, STACK.name, status, "", TAGS)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_FAILED"])
def test_a_stack_at_rest_is_deleted_by_its_id(hook: tuple[StackHook, Stubber], status: str) -> None:
    stacks, script = hook
    script.add_response("delete_stack", {}, {"StackName": ID})
    wait = stacks.remove(stack(status), timeout=HOUR)
    assert wait is not None
    assert (wait.identity, wait.done, wait.failed, wait.absent) == (
        ID,
        ("DELETE_COMPLETE",),
        ("DELETE_FAILED",),
        "done",
    )


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
def test_s30_a_stack_that_is_busy_is_waited_out_before_it_is_deleted(
    hook: tuple[StackHook, Stubber], status: str
) -> None:
    wait = hook[0].remove(stack(status), timeout=HOUR)
    assert wait is not None
    assert {"CREATE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED"} <= set(wait.done)


def test_a_deletion_that_is_under_way_is_waited_for_and_one_that_ended_is_not(hook: tuple[StackHook, Stubber]) -> None:
    stacks, _ = hook
    assert stacks.remove(stack("DELETE_IN_PROGRESS"), timeout=HOUR) is not None
    assert stacks.remove(stack("DELETE_COMPLETE"), timeout=HOUR) is None


def test_s30_a_stack_that_could_not_be_deleted_says_what_holds_it(hook: tuple[StackHook, Stubber]) -> None:
    stacks, script = hook
    fails_with(script, failed_event("SecurityGroup", "has a dependent object", "DELETE_FAILED"))
    with pytest.raises(StepFailed, match="could not be deleted: SecurityGroup: has a dependent object"):
        stacks.remove(stack("DELETE_FAILED"), timeout=HOUR)
