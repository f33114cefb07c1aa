"""Change sets: made once, read to the end, and an empty one is no failure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.change_sets import ChangeSetHook, FoundChangeSet
from snaplift.aws.hooks.cloudformation import FoundStack
from snaplift.promotion.changes import ResourceChange
from snaplift.promotion.wait import Wait
from snaplift.stacks.stack import Stack
from tests.unit.aws.conftest import Stubbed

ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/xy-0146-qa/1"
ARN = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/snaplift-0a1b2c3d/2"
NAME = "snaplift-0a1b2c3d"
STACK = Stack(name="xy-0146-qa", template={"Resources": {}}, parameters={"A": "1"}, tags={"a": "b"}, role_arn="r" * 20)
FOUND = FoundStack(id=ID, name="xy-0146-qa", status="CREATE_COMPLETE", reason="", tags={})
ASKED = {"ChangeSetName": NAME, "StackName": ID}


@pytest.fixture
def hook(stubbed: Stubbed) -> tuple[ChangeSetHook, Stubber]:
    return stubbed(ChangeSetHook, "cloudformation")


def described(status: str = "CREATE_COMPLETE", execution: str = "AVAILABLE", **more: Any) -> dict[str, Any]:
    given = {"ChangeSetId": ARN, "ChangeSetName": NAME, "StackId": ID, "Status": status, "ExecutionStatus": execution}
    return {**given, **more}


def changed(title: str, action: str = "Modify", **more: Any) -> dict[str, Any]:
    found = {"Action": action, "LogicalResourceId": title, "ResourceType": "AWS::RDS::DBInstance", **more}
    return {"Type": "Resource", "ResourceChange": found}


def not_found(stub: Stubber, asked: dict[str, Any] = ASKED) -> None:
    stub.add_client_error("describe_change_set", "ChangeSetNotFound", http_status_code=404, expected_params=asked)


def test_it_is_made_with_all_that_the_stack_is_told_and_waited_for_by_its_arn(hook: Any) -> None:
    changes, stub = hook
    not_found(stub)
    expected = {
        "StackName": ID,
        "ChangeSetName": NAME,
        "ChangeSetType": "UPDATE",
        "TemplateBody": '{"Resources":{}}',
        "Parameters": [{"ParameterKey": "A", "ParameterValue": "1"}],
        "Tags": [{"Key": "a", "Value": "b"}],
        "Capabilities": [],
        "RoleARN": "r" * 20,
        "ClientToken": NAME,
    }
    stub.add_response("create_change_set", {"Id": ARN, "StackId": ID}, expected)
    stub.add_response(
        "describe_change_set",
        described("CREATE_IN_PROGRESS", "UNAVAILABLE"),
        {"ChangeSetName": ARN, "StackName": ID},
    )
    wait = changes.ensure(STACK, FOUND, NAME)
    assert isinstance(wait, Wait)
    assert (wait.kind, wait.name, wait.scope, wait.done) == ("change_set", ARN, ID, ("AVAILABLE",))


def test_s40_one_whose_creation_was_answered_to_nobody_is_this_runs(hook: Any) -> None:
    changes, stub = hook
    not_found(stub)
    stub.add_client_error("create_change_set", "AlreadyExistsException")
    stub.add_response("describe_change_set", described(), ASKED)
    assert changes.ensure(STACK, FOUND, NAME).arn == ARN


def test_a_template_that_a_person_gave_as_yaml_is_read_too(hook: Any) -> None:
    changes, stub = hook
    asked = {"StackName": ID, "TemplateStage": "Original"}
    text = "Resources:\n  It:\n    Type: AWS::SSM::Parameter\n    Properties: {Value: !Ref A}\n"
    resource = {"Type": "AWS::SSM::Parameter", "Properties": {"Value": {"Ref": "A"}}}
    stub.add_response("get_template", {"TemplateBody": text}, asked)
    assert changes.template(FOUND) == {"Resources": {"It": resource}}


def test_it_is_read_to_the_last_page(hook: Any) -> None:
    changes, stub = hook
    details = [
        {"Target": {"Attribute": "Properties", "Name": "DBName", "RequiresRecreation": "Always"}},
        {"Target": {"Attribute": "Tags"}},
    ]
    first = changed("One", Replacement="True", Scope=["Properties", "Tags"], Details=details)
    stub.add_response("describe_change_set", described(Changes=[first], NextToken="more"), ASKED)
    stub.add_response("describe_change_set", described(Changes=[changed("Two", "Add")]), {**ASKED, "NextToken": "more"})
    kind = "AWS::RDS::DBInstance"
    assert changes.find(NAME, ID).changes == (
        ResourceChange(action="Modify", title="One", type=kind, replacement="True", properties=("DBName", "Tags")),
        ResourceChange(action="Add", title="Two", type=kind),
    )


def test_one_that_would_change_nothing_is_empty_and_no_failure(hook: Any) -> None:
    changes, stub = hook
    reason = "The submitted information didn't contain changes. Submit different information to create a change set."
    stub.add_response("describe_change_set", described("FAILED", "UNAVAILABLE", StatusReason=reason), ASKED)
    assert changes.ensure(STACK, FOUND, NAME).empty


def test_any_other_failure_is_one(hook: Any) -> None:
    changes, stub = hook
    failed = described("FAILED", "UNAVAILABLE", StatusReason="Transform failed")
    stub.add_response("describe_change_set", failed, ASKED)
    with pytest.raises(StepFailed, match="no change set could be made for stack xy-0146-qa: Transform failed"):
        changes.ensure(STACK, FOUND, NAME)


def test_it_is_executed_once_and_waited_for_by_its_arn(hook: Any) -> None:
    changes, stub = hook
    expected = {"ChangeSetName": ARN, "StackName": ID, "ClientRequestToken": NAME}
    stub.add_response("execute_change_set", {}, expected)
    wait = changes.execute(FoundChangeSet(ARN, NAME, ID, "AVAILABLE", ""), timedelta(hours=1))
    assert (wait.name, wait.identity, wait.scope, wait.done) == (ARN, ARN, ID, ("EXECUTE_COMPLETE",))


def test_one_that_is_gone_is_deleted_already(hook: Any) -> None:
    changes, stub = hook
    stub.add_client_error("delete_change_set", "ChangeSetNotFound", http_status_code=404)
    changes.delete(FoundChangeSet(ARN, NAME, ID, "AVAILABLE", ""))
