"""CloudFormation: how a stack is kept, and how it goes."""

from __future__ import annotations

import json
from typing import Any

from tests.probes.asking import (
    create_stack,
    delete_stack,
    events,
    eventually,
    finished_stack,
    fresh,
    outputs,
    reasons,
    refusal,
)
from tests.probes.conftest import Clients
from tests.probes.templates import failing, log_group


def test_on_failure_delete_leaves_no_stack(cloudformation: Any) -> None:
    name = fresh("stack")
    stack = cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(failing()), OnFailure="DELETE")[
        "StackId"
    ]
    eventually(lambda: finished_stack(cloudformation, stack)["StackStatus"] == "DELETE_COMPLETE", f"{stack} is deleted")
    assert refusal(cloudformation.describe_stacks, StackName=name) == "ValidationError"


def test_termination_protection_refuses_the_delete_until_it_is_lifted(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, log_group(), EnableTerminationProtection=True)
    assert refusal(cloudformation.delete_stack, StackName=stack["StackName"]) == "ValidationError"
    assert cloudformation.describe_stacks(StackName=stack["StackName"])["Stacks"][0]["EnableTerminationProtection"]
    cloudformation.update_termination_protection(StackName=stack["StackName"], EnableTerminationProtection=False)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_a_deleted_stack_is_known_by_its_id_but_not_by_its_name(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, log_group())
    delete_stack(cloudformation, stack["StackId"])
    for call in (
        cloudformation.describe_stacks,
        cloudformation.describe_stack_events,
        cloudformation.list_stack_resources,
        cloudformation.get_template,
    ):
        assert refusal(call, StackName=stack["StackName"]) == "ValidationError"
    statuses = [event["ResourceStatus"] for event in events(cloudformation, stack["StackId"])]
    assert statuses[0] == "DELETE_COMPLETE"


def test_a_namesake_does_not_hide_the_deleted_stack(cloudformation: Any) -> None:
    name = fresh("stack")
    first = create_stack(cloudformation, log_group(), StackName=name)["StackId"]
    delete_stack(cloudformation, first)
    second = create_stack(cloudformation, log_group(), StackName=name)["StackId"]
    states = [cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] for stack in (first, second)]
    assert states == ["DELETE_COMPLETE", "CREATE_COMPLETE"]
    delete_stack(cloudformation, second)


def test_deleting_by_the_id_of_a_deleted_stack_spares_its_namesake(cloudformation: Any) -> None:
    name = fresh("stack")
    first = create_stack(cloudformation, log_group(), StackName=name)["StackId"]
    delete_stack(cloudformation, first)
    second = create_stack(cloudformation, log_group(), StackName=name)["StackId"]
    cloudformation.delete_stack(StackName=first)
    assert cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"] == second
    delete_stack(cloudformation, second)


def test_a_resource_that_cannot_be_deleted_stops_the_delete_and_says_why(cloudformation: Any, aws: Clients) -> None:
    ec2 = aws("ec2")
    stack = create_stack(
        cloudformation,
        {
            "Resources": {
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.8.0.0/16"}},
                "Group": {
                    "Type": "AWS::EC2::SecurityGroup",
                    "Properties": {"GroupDescription": "probe", "VpcId": {"Ref": "Vpc"}},
                },
            },
            "Outputs": {
                "Vpc": {"Value": {"Ref": "Vpc"}},
                "Group": {"Value": {"Fn::GetAtt": ["Group", "GroupId"]}},
            },
        },
    )
    made = outputs(stack)
    user = ec2.create_security_group(GroupName=fresh("user"), Description="probe", VpcId=made["Vpc"])["GroupId"]
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 1,
        "ToPort": 1,
        "UserIdGroupPairs": [{"GroupId": made["Group"]}],
    }
    ec2.authorize_security_group_ingress(GroupId=user, IpPermissions=[permission])
    failed = delete_stack(cloudformation, stack["StackId"])
    assert failed["StackStatus"] == "DELETE_FAILED"
    assert "[Group" in failed["StackStatusReason"]
    assert made["Group"] in reasons(cloudformation, stack["StackId"], "DELETE_FAILED")["Group"]
    ec2.delete_security_group(GroupId=user)
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_a_retained_resource_outlives_its_stack(cloudformation: Any, aws: Clients) -> None:
    name = f"/probe/{fresh()}"
    template = log_group(LogGroupName=name)
    template["Resources"]["Log"]["DeletionPolicy"] = "RetainExceptOnCreate"
    stack = create_stack(cloudformation, template)
    delete_stack(cloudformation, stack["StackId"])
    found = aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [group["logGroupName"] for group in found] == [name]
    aws("logs").delete_log_group(logGroupName=name)


def test_retain_except_on_create_does_not_keep_what_a_failed_create_made(cloudformation: Any, aws: Clients) -> None:
    name = f"/probe/{fresh()}"
    template = failing()
    template["Resources"]["Log"] |= {
        "DeletionPolicy": "RetainExceptOnCreate",
        "Properties": {"LogGroupName": name},
    }
    assert create_stack(cloudformation, template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_a_stack_being_deleted_can_be_deleted_again(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, log_group())
    cloudformation.delete_stack(StackName=stack["StackId"])
    cloudformation.delete_stack(StackName=stack["StackId"])
    eventually(
        lambda: finished_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE",
        "deleted",
    )


def test_a_delete_while_a_stack_is_made_stops_that_and_leaves_nothing(cloudformation: Any, aws: Clients) -> None:
    path = f"/probe/{fresh()}"
    names = [f"{path}/{number}" for number in range(3)]
    template = {
        "Resources": {
            f"Log{number}": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}
            for number, name in enumerate(names)
        }
    }
    stack = cloudformation.create_stack(StackName=fresh("stack"), TemplateBody=json.dumps(template))["StackId"]
    cloudformation.delete_stack(StackName=stack)
    eventually(lambda: finished_stack(cloudformation, stack)["StackStatus"] == "DELETE_COMPLETE", f"{stack} is deleted")
    assert aws("logs").describe_log_groups(logGroupNamePrefix=path)["logGroups"] == []


def test_a_stack_that_is_being_updated_cannot_be_deleted(cloudformation: Any) -> None:
    stack = create_stack(cloudformation, log_group())
    template = log_group(RetentionInDays=30)
    cloudformation.update_stack(StackName=stack["StackId"], TemplateBody=json.dumps(template))
    assert refusal(cloudformation.delete_stack, StackName=stack["StackId"]) == "ValidationError"
    finished_stack(cloudformation, stack["StackId"])
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
