"""CloudFormation: what an update may do, and what a stack policy keeps it from."""

from __future__ import annotations

import json
from typing import Any

from tests.probes.asking import (
    create_stack,
    delete_stack,
    eventually,
    finished_stack,
    fresh,
    outputs,
    reasons,
    refusal,
    refusal_message,
    tags,
    update_stack,
)
from tests.probes.conftest import Clients
from tests.probes.templates import NO_REPLACEMENT


def table(*keys: str, **properties: Any) -> dict[str, Any]:
    """A table without a name of its own; other keys replace it."""
    return {
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
                    "KeySchema": [{"AttributeName": keys[0], "KeyType": "HASH"}],
                    **properties,
                },
            }
        },
        "Outputs": {"Name": {"Value": {"Ref": "Table"}}},
    }


def parameter(value: str, name: str | None = None) -> dict[str, Any]:
    properties = {"Type": "String", "Value": value} | ({"Name": name} if name else {})
    return {"Resources": {"It": {"Type": "AWS::SSM::Parameter", "Properties": properties}}}


def change_set(cloudformation: Any, stack_id: str, template: dict[str, Any], **extra: Any) -> dict[str, Any]:
    name = fresh("change")
    cloudformation.create_change_set(StackName=stack_id, ChangeSetName=name, TemplateBody=json.dumps(template), **extra)

    def made() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_change_set(StackName=stack_id, ChangeSetName=name)
        return None if found["Status"].endswith(("PENDING", "IN_PROGRESS")) else found

    found: dict[str, Any] = eventually(made, f"change set of {stack_id}")
    return found


def replacements(described: dict[str, Any]) -> dict[str, str | None]:
    changes = [change["ResourceChange"] for change in described["Changes"]]
    return {change["LogicalResourceId"]: change.get("Replacement") for change in changes}


def test_an_update_changes_the_resource_in_place(cloudformation: Any, aws: Clients) -> None:
    name = f"/snaplift/{fresh()}"
    stack = create_stack(cloudformation, parameter("one", name))
    updated = update_stack(cloudformation, stack["StackId"], parameter("two", name))
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "two"
    delete_stack(cloudformation, stack["StackId"])


def test_an_update_without_a_change_is_refused(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, parameter("one"))
    call = {"StackName": stack["StackId"], "TemplateBody": json.dumps(parameter("one"))}
    assert refusal(cloudformation.update_stack, **call) == "ValidationError"
    assert refusal_message(cloudformation.update_stack, **call) == "No updates are to be performed."
    delete_stack(cloudformation, stack["StackId"])


def test_previous_template_and_parameter_values_are_kept(cloudformation: Any, aws: Clients) -> None:
    name = f"/snaplift/{fresh()}"
    template = parameter("x", name)
    template["Parameters"] = {"A": {"Type": "String"}, "B": {"Type": "String"}}
    template["Resources"]["It"]["Properties"]["Value"] = {"Fn::Sub": "${A}${B}"}
    stack = create_stack(
        cloudformation,
        template,
        Parameters=[{"ParameterKey": key, "ParameterValue": key} for key in "AB"],
    )
    cloudformation.update_stack(
        StackName=stack["StackId"],
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": "A", "UsePreviousValue": True},
            {"ParameterKey": "B", "ParameterValue": "C"},
        ],
    )
    assert finished_stack(cloudformation, stack["StackId"])["StackStatus"] == "UPDATE_COMPLETE"
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "AC"
    delete_stack(cloudformation, stack["StackId"])


def test_a_failed_update_puts_everything_back_and_says_why(cloudformation: Any, aws: Clients) -> None:
    name = f"/snaplift/{fresh()}"
    stack = create_stack(cloudformation, parameter("one", name))
    bad = parameter("two", name)
    bad["Resources"]["Broken"] = {
        "Type": "AWS::EC2::Subnet",
        "DependsOn": "It",
        "Properties": {"CidrBlock": "10.0.0.0/24"},
    }
    failed = update_stack(cloudformation, stack["StackId"], bad)
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "[Broken]" in failed["StackStatusReason"]
    assert "VpcId" in reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["Broken"]
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "one"
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_that_rolled_back_an_update_can_be_updated(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, parameter("one"))
    bad = parameter("two")
    bad["Resources"]["Broken"] = {"Type": "AWS::EC2::Subnet"}
    update_stack(cloudformation, stack["StackId"], bad)
    updated = update_stack(cloudformation, stack["StackId"], parameter("three"))
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert "StackStatusReason" not in updated
    delete_stack(cloudformation, stack["StackId"])


def test_a_replacement_makes_the_new_before_it_deletes_the_old(cloudformation: Any, aws: Clients) -> None:
    stack = create_stack(cloudformation, table("id"))
    before = outputs(stack)["Name"]
    updated = update_stack(cloudformation, stack["StackId"], table("key"))
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(updated)["Name"] != before
    assert refusal(aws("dynamodb").describe_table, TableName=before) == "ResourceNotFoundException"
    delete_stack(cloudformation, stack["StackId"])


def test_a_replacement_under_the_same_name_is_refused(cloudformation: Any) -> None:
    name = fresh("table")
    stack = create_stack(cloudformation, table("id", TableName=name))
    failed = update_stack(cloudformation, stack["StackId"], table("key", TableName=name))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    reason = reasons(cloudformation, stack["StackId"], "UPDATE_FAILED")["Table"]
    assert "custom-named resource requires replacing" in reason
    delete_stack(cloudformation, stack["StackId"])


def test_a_change_set_shows_what_would_be_replaced(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, table("id", TableName=fresh("table")))
    described = change_set(cloudformation, stack["StackId"], table("id", TableName=fresh("table")))
    assert replacements(described) == {"Table": "True"}
    in_place = change_set(
        cloudformation,
        stack["StackId"],
        table("id", TableName=stack["Outputs"][0]["OutputValue"], DeletionProtectionEnabled=False),
    )
    assert replacements(in_place) == {"Table": "False"}
    delete_stack(cloudformation, stack["StackId"])


def test_a_change_set_changes_nothing_until_it_is_executed(cloudformation: Any, aws: Clients) -> None:
    name = f"/snaplift/{fresh()}"
    stack = create_stack(cloudformation, parameter("one", name))
    described = change_set(cloudformation, stack["StackId"], parameter("two", name))
    assert described["ExecutionStatus"] == "AVAILABLE"
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "one"
    cloudformation.execute_change_set(ChangeSetName=described["ChangeSetId"])
    eventually(lambda: aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "two", "executed")
    assert finished_stack(cloudformation, stack["StackId"])["StackStatus"] == "UPDATE_COMPLETE"
    delete_stack(cloudformation, stack["StackId"])


def test_an_empty_change_set_fails_and_says_so(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, parameter("one"))
    described = change_set(cloudformation, stack["StackId"], parameter("one"))
    assert described["Status"] == "FAILED"
    assert "didn't contain changes" in described["StatusReason"]
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_policy_denies_the_replacement(cloudformation: Any, aws: Clients) -> None:
    stack = create_stack(cloudformation, table("id"), StackPolicyBody=json.dumps(NO_REPLACEMENT))
    before = outputs(stack)["Name"]
    failed = update_stack(cloudformation, stack["StackId"], table("key"))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    reason = reasons(cloudformation, stack["StackId"], "UPDATE_FAILED")["Table"]
    assert "denied by stack policy" in reason
    assert "Update:Replace" in reason
    assert aws("dynamodb").describe_table(TableName=before)["Table"]["TableStatus"] == "ACTIVE"
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_policy_denies_the_replacement_by_a_change_set(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, table("id"), StackPolicyBody=json.dumps(NO_REPLACEMENT))
    described = change_set(cloudformation, stack["StackId"], table("key"))
    cloudformation.execute_change_set(ChangeSetName=described["ChangeSetId"])
    eventually(lambda: "Table" in reasons(cloudformation, stack["StackId"], "UPDATE_FAILED"), "the update is denied")
    failed = finished_stack(cloudformation, stack["StackId"])
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(failed) == outputs(stack)
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_policy_lets_other_changes_through(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, table("id"), StackPolicyBody=json.dumps(NO_REPLACEMENT))
    updated = update_stack(cloudformation, stack["StackId"], table("id"), Tags=tags(owner="probe"))
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    delete_stack(cloudformation, stack["StackId"])


def test_what_a_stack_policy_does_not_allow_is_denied(cloudformation: Any) -> None:
    only_denies = {"Statement": NO_REPLACEMENT["Statement"][1:]}
    stack = create_stack(cloudformation, parameter("one"), StackPolicyBody=json.dumps(only_denies))
    failed = update_stack(cloudformation, stack["StackId"], parameter("two"))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    delete_stack(cloudformation, stack["StackId"])


def test_a_stack_policy_keeps_a_resource_in_the_stack(cloudformation: Any) -> None:
    template = parameter("one")
    template["Resources"]["Second"] = template["Resources"]["It"]
    policy = {
        "Statement": [
            {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": "Update:Delete",
                "Principal": "*",
                "Resource": "LogicalResourceId/Second",
            },
        ]
    }
    stack = create_stack(cloudformation, template, StackPolicyBody=json.dumps(policy))
    failed = update_stack(cloudformation, stack["StackId"], parameter("one"))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    resources = cloudformation.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
    assert len(resources) == 2
    delete_stack(cloudformation, stack["StackId"])


def test_a_policy_for_one_update_takes_the_place_of_the_stacks(cloudformation: Any) -> None:
    allow = {"Statement": NO_REPLACEMENT["Statement"][:1]}
    stack = create_stack(cloudformation, table("id"), StackPolicyBody=json.dumps(NO_REPLACEMENT))
    updated = update_stack(
        cloudformation, stack["StackId"], table("key"), StackPolicyDuringUpdateBody=json.dumps(allow)
    )
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    denied = update_stack(cloudformation, stack["StackId"], table("id"))
    assert denied["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    delete_stack(cloudformation, stack["StackId"])


def test_the_same_token_again_is_the_same_update(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, parameter("one"))
    request = {
        "StackName": stack["StackId"],
        "TemplateBody": json.dumps(parameter("two")),
        "ClientRequestToken": fresh("token"),
    }
    for _ in range(2):
        assert cloudformation.update_stack(**request)["StackId"] == stack["StackId"]
        finished_stack(cloudformation, stack["StackId"])
    assert refusal(cloudformation.update_stack, **{**request, "ClientRequestToken": fresh("token")}) == (
        "ValidationError"
    )
    delete_stack(cloudformation, stack["StackId"])


def test_an_update_while_another_runs_is_refused(cloudformation: Any) -> None:
    name = fresh("stack")
    stack = cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(parameter("one")))["StackId"]
    code = refusal(cloudformation.update_stack, StackName=name, TemplateBody=json.dumps(parameter("two")))
    assert code == "ValidationError"
    finished_stack(cloudformation, stack)
    delete_stack(cloudformation, stack)


def test_tags_alone_are_an_update(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, parameter("one"), Tags=tags(owner="one"))
    updated = update_stack(cloudformation, stack["StackId"], parameter("one"), Tags=tags(owner="two"))
    assert updated["Tags"] == tags(owner="two")
    delete_stack(cloudformation, stack["StackId"])
