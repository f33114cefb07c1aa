"""CloudFormation: what a template may say, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.probes.asking import create_stack, delete_stack, fresh, outputs, reasons, refusal, refusal_message
from tests.probes.conftest import Clients

VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.7.0.0/16"}}
LOG = {"Type": "AWS::Logs::LogGroup"}


@pytest.mark.parametrize(
    ("kind", "properties", "named"),
    [
        ("AWS::EC2::VPC", {"CidrBlock": "10.7.0.0/16", "Cidr": "x"}, "extraneous key [Cidr]"),
        ("AWS::EC2::Subnet", {"CidrBlock": "10.7.0.0/24"}, "required key [VpcId]"),
        ("AWS::EC2::SecurityGroup", {"VpcId": "vpc-1"}, "required key [GroupDescription]"),
        (
            "AWS::EC2::SecurityGroup",
            {"GroupDescription": "x", "SecurityGroupIngress": [{"IpProtocol": "tcp", "Port": 1}]},
            "#/SecurityGroupIngress/0: extraneous key [Port]",
        ),
        ("AWS::EC2::Route", {"DestinationCidrBlock": "0.0.0.0/0"}, "required key [RouteTableId]"),
        ("AWS::ECS::Cluster", {"Name": "x"}, "extraneous key [Name]"),
        ("AWS::ECS::Service", {"Desired": 1}, "extraneous key [Desired]"),
        ("AWS::ElasticLoadBalancingV2::ListenerRule", {"Priority": 1}, "required key [Actions]"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", {"HealthPath": "/"}, "extraneous key [HealthPath]"),
        ("AWS::KMS::Alias", {"AliasName": "alias/x"}, "required key [TargetKeyId]"),
        ("AWS::KMS::Key", {"KeyId": "x"}, "extraneous key [KeyId]"),
        ("AWS::RDS::DBInstance", {"DbInstanceClass": "x"}, "extraneous key [DbInstanceClass]"),
        ("AWS::RDS::DBSubnetGroup", {"SubnetIds": ["x"]}, "required key [DBSubnetGroupDescription]"),
        ("AWS::RDS::DBParameterGroup", {"Family": "mariadb10.11"}, "required key [Description]"),
        ("AWS::DynamoDB::Table", {"BillingMode": "PAY_PER_REQUEST"}, "required key [KeySchema]"),
        ("AWS::Logs::LogGroup", {"Retention": 1}, "extraneous key [Retention]"),
        ("AWS::IAM::Role", {"Path": "/"}, "required key [AssumeRolePolicyDocument]"),
        ("AWS::SecretsManager::Secret", {"SecretName": "x"}, "extraneous key [SecretName]"),
        ("AWS::ECR::Repository", {"Name": "x"}, "extraneous key [Name]"),
        ("AWS::S3::Bucket", {"Name": "x"}, "extraneous key [Name]"),
    ],
)
def test_an_unknown_or_missing_property_fails_the_resource(
    cloudformation: Any, kind: str, properties: dict[str, Any], named: str
) -> None:
    template = {"Resources": {"It": {"Type": kind, "Properties": properties}}}
    stack = create_stack(cloudformation, template, Capabilities=["CAPABILITY_IAM"])
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert named in reasons(cloudformation, stack["StackId"], "CREATE_FAILED")["It"]
    delete_stack(cloudformation, stack["StackId"])


def test_an_unknown_resource_type_is_refused(cloudformation: Any) -> None:
    template = {"Resources": {"It": {"Type": "AWS::RDS::DBInstances"}}}
    message = refusal_message(cloudformation.create_stack, StackName=fresh("stack"), TemplateBody=json.dumps(template))
    assert "AWS::RDS::DBInstances" in message


def test_a_reference_to_nothing_is_refused(cloudformation: Any) -> None:
    template = {"Resources": {"Log": LOG}, "Outputs": {"X": {"Value": {"Ref": "Lgo"}}}}
    code = refusal(cloudformation.create_stack, StackName=fresh("stack"), TemplateBody=json.dumps(template))
    assert code == "ValidationError"


def test_resources_that_need_each_other_are_refused(cloudformation: Any) -> None:
    template = {"Resources": {"A": {**LOG, "DependsOn": "B"}, "B": {**LOG, "DependsOn": "A"}}}
    message = refusal_message(cloudformation.create_stack, StackName=fresh("stack"), TemplateBody=json.dumps(template))
    assert "Circular dependency" in message


def test_depends_on_is_an_order(cloudformation: Any) -> None:
    template = {"Resources": {"A": {**LOG, "DependsOn": "B"}, "B": LOG}}
    stack = create_stack(cloudformation, template)
    happened = cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    made = [e["LogicalResourceId"] for e in reversed(happened) if e["ResourceStatus"] == "CREATE_COMPLETE"]
    assert made[:2] == ["B", "A"]
    delete_stack(cloudformation, stack["StackId"])


@pytest.mark.parametrize(("wanted", "days"), [("yes", "30"), ("no", "none")])
def test_a_condition_decides_resources_outputs_and_properties(
    cloudformation: Any, aws: Clients, wanted: str, days: str
) -> None:
    name = f"/probe/{fresh()}"
    template = {
        "Parameters": {"Keep": {"Type": "String", "AllowedValues": ["yes", "no"]}},
        "Conditions": {"Kept": {"Fn::Equals": [{"Ref": "Keep"}, "yes"]}},
        "Resources": {
            "Log": {
                **LOG,
                "Properties": {
                    "LogGroupName": name,
                    "RetentionInDays": {"Fn::If": ["Kept", 30, {"Ref": "AWS::NoValue"}]},
                },
            },
            "Second": {**LOG, "Condition": "Kept"},
        },
        "Outputs": {"Second": {"Condition": "Kept", "Value": {"Ref": "Second"}}},
    }
    stack = create_stack(cloudformation, template, Parameters=[{"ParameterKey": "Keep", "ParameterValue": wanted}])
    group = aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    resources = cloudformation.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
    assert str(group.get("retentionInDays", "none")) == days
    assert len(resources) == (2 if wanted == "yes" else 1)
    assert ("Second" in outputs(stack)) == (wanted == "yes")
    delete_stack(cloudformation, stack["StackId"])


def test_functions_give_what_they_say(cloudformation: Any) -> None:
    template = {
        "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "a,b"}},
        "Mappings": {"Sizes": {"small": {"Days": "7"}}},
        "Resources": {"Log": {**LOG, "Properties": {"LogGroupName": f"/probe/{fresh()}"}}},
        "Outputs": {
            "Sub": {"Value": {"Fn::Sub": ["${AWS::StackName}/${Log}/${x}", {"x": "y"}]}},
            "Join": {"Value": {"Fn::Join": ["-", {"Ref": "Names"}]}},
            "Select": {"Value": {"Fn::Select": [1, {"Fn::Split": [".", "a.b.c"]}]}},
            "Map": {"Value": {"Fn::FindInMap": ["Sizes", "small", "Days"]}},
            "Region": {"Value": {"Ref": "AWS::Region"}},
        },
    }
    stack = create_stack(cloudformation, template)
    told = outputs(stack)
    name = template["Resources"]["Log"]["Properties"]["LogGroupName"]  # type: ignore[index]
    assert told == {
        "Sub": f"{stack['StackName']}/{name}/y",
        "Join": "a-b",
        "Select": "b",
        "Map": "7",
        "Region": "us-east-1",
    }
    delete_stack(cloudformation, stack["StackId"])


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "A1"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 9}, "10"),
        ({"Type": "Number"}, "ten"),
        ({"Type": "String", "MaxLength": 3}, "four"),
    ],
)
def test_a_parameter_is_checked(cloudformation: Any, definition: dict[str, Any], value: str) -> None:
    template = {"Parameters": {"P": definition}, "Resources": {"Log": LOG}}
    code = refusal(
        cloudformation.create_stack,
        StackName=fresh("stack"),
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "P", "ParameterValue": value}],
    )
    assert code == "ValidationError"


@pytest.mark.parametrize("given", [{}, {"P": "x", "Unknown": "y"}])
def test_parameters_must_be_those_of_the_template(cloudformation: Any, given: dict[str, str]) -> None:
    template = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"Log": LOG}}
    code = refusal(
        cloudformation.create_stack,
        StackName=fresh("stack"),
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    assert code == "ValidationError"


def test_a_no_echo_parameter_is_not_shown(cloudformation: Any) -> None:
    template = {"Parameters": {"P": {"Type": "String", "NoEcho": True}}, "Resources": {"Log": LOG}}
    stack = create_stack(cloudformation, template, Parameters=[{"ParameterKey": "P", "ParameterValue": "hidden"}])
    assert stack["Parameters"] == [{"ParameterKey": "P", "ParameterValue": "****"}]
    delete_stack(cloudformation, stack["StackId"])


def test_dynamic_references_are_resolved(cloudformation: Any, aws: Clients) -> None:
    secret, parameter = f"snaplift/{fresh()}", f"/snaplift/{fresh()}"
    aws("secretsmanager").create_secret(Name=secret, SecretString='{"password": "abc123"}')
    aws("ssm").put_parameter(Name=parameter, Value="plain", Type="String")
    name = f"/snaplift/{fresh()}"
    value = f"{{{{resolve:ssm:{parameter}}}}} {{{{resolve:secretsmanager:{secret}:SecretString:password}}}}"
    made = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": value}}
    stack = create_stack(cloudformation, {"Resources": {"It": made}})
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "plain abc123"
    delete_stack(cloudformation, stack["StackId"])


def test_a_dynamic_reference_to_nothing_fails_the_stack(cloudformation: Any) -> None:
    value = "{{resolve:secretsmanager:no-such-secret:SecretString:password}}"
    made = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    assert create_stack(cloudformation, {"Resources": {"It": made}})["StackStatus"] == "ROLLBACK_COMPLETE"


def test_an_output_of_an_attribute_that_is_not_there_is_refused(cloudformation: Any) -> None:
    template = {"Resources": {"Vpc": VPC}, "Outputs": {"X": {"Value": {"Fn::GetAtt": ["Vpc", "Nope"]}}}}
    name = fresh("stack")
    code = refusal(cloudformation.create_stack, StackName=name, TemplateBody=json.dumps(template))
    if code is None:  # found out while it is made, as AWS did before it checked templates beforehand
        assert create_stack(cloudformation, template)["StackStatus"] == "ROLLBACK_COMPLETE"
    else:
        assert code == "ValidationError"


def test_a_security_group_rule_is_a_resource_of_its_own(cloudformation: Any, aws: Clients) -> None:
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "x", "VpcId": {"Ref": "Vpc"}}}
    rule = {
        "Type": "AWS::EC2::SecurityGroupIngress",
        "Properties": {
            "GroupId": {"Fn::GetAtt": ["Database", "GroupId"]},
            "SourceSecurityGroupId": {"Fn::GetAtt": ["Service", "GroupId"]},
            "IpProtocol": "tcp",
            "FromPort": 3306,
            "ToPort": 3306,
        },
    }
    resources: dict[str, Any] = {"Vpc": VPC, "Database": group, "Service": group, "Rule": rule}
    template = {
        "Resources": resources,
        "Outputs": {"Group": {"Value": {"Fn::GetAtt": ["Database", "GroupId"]}}, "Rule": {"Value": {"Ref": "Rule"}}},
    }
    stack = create_stack(cloudformation, template)
    told = outputs(stack)
    permissions = aws("ec2").describe_security_groups(GroupIds=[told["Group"]])["SecurityGroups"][0]["IpPermissions"]
    assert [permission["FromPort"] for permission in permissions] == [3306]
    assert told["Rule"].startswith("sgr-")
    del resources["Rule"], template["Outputs"]["Rule"]
    cloudformation.update_stack(StackName=stack["StackId"], TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=stack["StackId"], WaiterConfig={"Delay": 1})
    after = aws("ec2").describe_security_groups(GroupIds=[told["Group"]])["SecurityGroups"][0]
    assert after["IpPermissions"] == []
    assert delete_stack(cloudformation, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_a_template_over_51200_bytes_is_refused(cloudformation: Any) -> None:
    template = {"Description": "x", "Metadata": {"long": "x" * 52000}, "Resources": {"Log": LOG}}
    code = refusal(cloudformation.create_stack, StackName=fresh("stack"), TemplateBody=json.dumps(template))
    assert code == "ValidationError"
