"""Templates that several probes ask with."""

from __future__ import annotations

from typing import Any

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
NO_REPLACEMENT = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "Update:Replace", "Principal": "*", "Resource": "*"},
    ]
}


def log_group(**properties: Any) -> dict[str, Any]:
    """The smallest template there is: one log group."""
    return {"Resources": {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": properties}}}


def failing() -> dict[str, Any]:
    """A template whose second resource fails, after its first was made."""
    return {
        "Resources": {
            "Log": {"Type": "AWS::Logs::LogGroup"},
            "Service": {
                "Type": "AWS::ECS::Service",
                "DependsOn": "Log",
                "Properties": {"Cluster": "no-such-cluster", "Nonsense": True, "DesiredCount": 0},
            },
        }
    }


def subnet(number: int) -> dict[str, Any]:
    zone = "us-east-1" + "ab"[number]
    properties = {
        "VpcId": {"Ref": "Vpc"},
        "CidrBlock": f"10.5.{number}.0/24",
        "AvailabilityZone": zone,
    }
    return {"Type": "AWS::EC2::Subnet", "Properties": properties}


PLATFORM: dict[str, dict[str, Any]] = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.5.0.0/16"}},
    "One": subnet(0),
    "Two": subnet(1),
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "Group": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "probe", "VpcId": {"Ref": "Vpc"}},
    },
    "Balancer": {
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {"Subnets": [{"Ref": "One"}, {"Ref": "Two"}]},
    },
    "Targets": {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {
            "Port": 8080,
            "Protocol": "HTTP",
            "VpcId": {"Ref": "Vpc"},
            "TargetType": "ip",
            "HealthCheckPath": "/healthz",
        },
    },
    "Key": {
        "Type": "AWS::KMS::Key",
        "DeletionPolicy": "Retain",
        "Properties": {"EnableKeyRotation": True, "KeyPolicy": {"Version": "2012-10-17", "Statement": []}},
    },
    "Subnets": {
        "Type": "AWS::RDS::DBSubnetGroup",
        "Properties": {"DBSubnetGroupDescription": "probe", "SubnetIds": [{"Ref": "One"}, {"Ref": "Two"}]},
    },
    "Parameters": {
        "Type": "AWS::RDS::DBParameterGroup",
        "Properties": {
            "Family": "mariadb10.11",
            "Description": "probe",
            "Parameters": {"sql_mode": "STRICT_ALL_TABLES"},
        },
    },
    "Locks": {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        },
    },
    "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
    "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
}
