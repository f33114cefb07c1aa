"""CloudFormation: how a stack is made, or fails."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.probes.asking import (
    create_stack,
    delete_stack,
    events,
    finished_stack,
    fresh,
    outputs,
    reasons,
    refusal,
    refusal_message,
    tags,
)
from tests.probes.conftest import Clients
from tests.probes.templates import failing, log_group


def test_a_stack_is_made_and_says_what_it_made(cloudformation: Any) -> None:
    name = f"/probe/{fresh()}"
    template = log_group(LogGroupName=name) | {"Outputs": {"Name": {"Value": {"Ref": "Log"}}}}
    stack = create_stack(cloudformation, template)
    assert (stack["StackStatus"], outputs(stack)) == ("CREATE_COMPLETE", {"Name": name})
    listed = cloudformation.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
    assert [(r["LogicalResourceId"], r["PhysicalResourceId"]) for r in listed] == [("Log", name)]
    delete_stack(cloudformation, stack["StackId"])


def test_create_over_a_standing_stack_is_refused(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, log_group())
    code = refusal(cloudformation.create_stack, StackName=stack["StackName"], TemplateBody=json.dumps(log_group()))
    assert code == "AlreadyExistsException"
    delete_stack(cloudformation, stack["StackId"])


def test_a_failed_create_takes_back_what_it_made_and_says_why(cloudformation: Any, aws: Clients) -> None:
    template = failing()
    name = f"/probe/{fresh()}"
    template["Resources"]["Log"]["Properties"] = {"LogGroupName": name}
    stack = create_stack(cloudformation, template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "[Service]" in stack["StackStatusReason"]
    assert "Nonsense" in reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["Service"]
    assert aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_a_rolling_back_stack_says_which_resource_failed(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, failing())
    reason = reasons(cloudformation, stack["StackId"], "ROLLBACK_IN_PROGRESS")[stack["StackName"]]
    assert reason.startswith("The following resource(s) failed to create: [Service]")


def test_create_over_a_rolled_back_stack_is_refused_until_it_is_deleted(cloudformation: Any) -> None:
    failed = create_stack(cloudformation, failing())
    again = {"StackName": failed["StackName"], "TemplateBody": json.dumps(log_group())}
    assert refusal(cloudformation.create_stack, **again) == "AlreadyExistsException"
    delete_stack(cloudformation, failed["StackId"])
    made = finished_stack(cloudformation, cloudformation.create_stack(**again)["StackId"])
    assert made["StackStatus"] == "CREATE_COMPLETE"
    delete_stack(cloudformation, made["StackId"])


def test_a_rolled_back_stack_cannot_be_updated(cloudformation: Any) -> None:
    failed = create_stack(cloudformation, failing())
    code = refusal(cloudformation.update_stack, StackName=failed["StackName"], TemplateBody=json.dumps(log_group()))
    assert code == "ValidationError"


def test_on_failure_do_nothing_keeps_what_was_made(cloudformation: Any) -> None:
    failed = create_stack(cloudformation, failing(), OnFailure="DO_NOTHING")
    assert failed["StackStatus"] == "CREATE_FAILED"
    assert delete_stack(cloudformation, failed["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_the_same_token_again_is_the_same_stack(cloudformation: Any) -> None:
    request = {
        "StackName": fresh("stack"),
        "TemplateBody": json.dumps(log_group()),
        "ClientRequestToken": uuid4().hex,
    }
    first = cloudformation.create_stack(**request)["StackId"]
    assert cloudformation.create_stack(**request)["StackId"] == first
    finished_stack(cloudformation, first)
    assert cloudformation.create_stack(**request)["StackId"] == first
    assert refusal(cloudformation.create_stack, **{**request, "ClientRequestToken": uuid4().hex}) == (
        "AlreadyExistsException"
    )
    assert {event.get("ClientRequestToken") for event in events(cloudformation, first)} == {
        request["ClientRequestToken"]
    }
    delete_stack(cloudformation, first)


def test_the_role_that_a_stack_runs_with_is_told(cloudformation: Any, aws: Clients) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "cloudformation.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = aws("iam").create_role(RoleName=fresh("role"), AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    stack = create_stack(cloudformation, log_group(), RoleARN=role["Arn"])
    assert stack["RoleARN"] == role["Arn"]
    delete_stack(cloudformation, stack["StackId"])


def test_deleting_an_unknown_stack_succeeds_and_describing_it_does_not(cloudformation: Any) -> None:
    name = fresh("no-stack")
    assert refusal(cloudformation.delete_stack, StackName=name) is None
    assert "does not exist" in refusal_message(cloudformation.describe_stacks, StackName=name)


def test_stack_tags_are_told_and_reach_the_resources(cloudformation: Any, aws: Clients) -> None:
    name = f"/probe/{fresh()}"
    stack = create_stack(cloudformation, log_group(LogGroupName=name), Tags=tags(owner="probe"))
    assert stack["Tags"] == tags(owner="probe")
    arn = aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["logGroupArn"]
    carried = aws("logs").list_tags_for_resource(resourceArn=arn)["tags"]
    assert carried["owner"] == "probe"
    assert carried["aws:cloudformation:stack-name"] == stack["StackName"]
    delete_stack(cloudformation, stack["StackId"])


def test_an_iam_resource_needs_the_capability(cloudformation: Any) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    code = refusal(
        cloudformation.create_stack,
        StackName=fresh("stack"),
        TemplateBody=json.dumps({"Resources": {"Role": role}}),
    )
    assert code == "InsufficientCapabilitiesException"


def test_a_stack_is_in_progress_before_it_is_complete(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, log_group())
    in_order = [event["ResourceStatus"] for event in reversed(events(cloudformation, stack["StackId"]))]
    assert in_order == [
        "CREATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "CREATE_COMPLETE",
    ]
    delete_stack(cloudformation, stack["StackId"])


def test_all_stacks_are_listed_in_pages_without_the_deleted(cloudformation: Any) -> None:
    kept = create_stack(cloudformation, log_group())
    gone = create_stack(cloudformation, log_group())
    delete_stack(cloudformation, gone["StackId"])
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    listed = {stack["StackId"] for page in pages for stack in page["Stacks"]}
    assert kept["StackId"] in listed
    assert gone["StackId"] not in listed
    delete_stack(cloudformation, kept["StackId"])


def test_a_reason_is_absent_where_there_is_none(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, log_group())
    assert "StackStatusReason" not in stack
    assert "RoleARN" not in stack
    complete = [e for e in events(cloudformation, stack["StackId"]) if e["ResourceStatus"] == "CREATE_COMPLETE"]
    assert all("ResourceStatusReason" not in event for event in complete)
    delete_stack(cloudformation, stack["StackId"])


@pytest.mark.parametrize("name", ["1-digit-first", "under_score", "x" * 129])
def test_an_invalid_stack_name_is_refused(cloudformation: Any, name: str) -> None:
    code = refusal(cloudformation.create_stack, StackName=name, TemplateBody=json.dumps(log_group()))
    assert code == "ValidationError"
