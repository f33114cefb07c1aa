"""Derives `schemas.json` from the resource schemas that cfn-lint ships.

cfn-lint is a development dependency and far too large for the laptop's AWS, which only needs to know, for the types
that snaplift's stacks are made of, which properties exist, which are required and which replace the resource:

    .venv/bin/python -m local.aws.cloudformation.derive_schemas > local/aws/cloudformation/schemas.json
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from typing import Any

REGION = "us-east-1"
TYPES = (
    "AWS::CertificateManager::Certificate",
    "AWS::DynamoDB::Table",
    "AWS::EC2::EIP",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::ECS::Service",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
)

Node = dict[str, Any]


def outline(schema: Node, definitions: Node, seen: frozenset[str] = frozenset()) -> Node:
    """The names in a schema, without types and texts: `{}` where any value will do."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return {} if name in seen else outline(definitions[name], definitions, seen | {name})
    if "items" in schema:
        items = outline(schema["items"], definitions, seen)
        return {"items": items} if items else {}
    open_ended = {"patternProperties", "oneOf", "anyOf", "allOf"} & set(schema)
    if "properties" not in schema or open_ended or schema.get("additionalProperties", False) is not False:
        return {}
    node: Node = {
        "properties": {name: outline(value, definitions, seen) for name, value in sorted(schema["properties"].items())}
    }
    if schema.get("required"):
        node["required"] = sorted(schema["required"])
    return node


def top_level(schema: Node, key: str) -> list[str]:
    """The properties, not parts of properties, that a schema lists under `key` as JSON pointers."""
    pointers = (pointer.removeprefix("/properties/") for pointer in schema.get(key, []))
    return sorted(pointer for pointer in pointers if "/" not in pointer)


def derive(schema: Node) -> Node:
    definitions = schema.get("definitions", {})
    read_only = set(top_level(schema, "readOnlyProperties"))
    properties = {
        name: outline(value, definitions)
        for name, value in sorted(schema["properties"].items())
        if name not in read_only
    }
    return {
        "properties": properties,
        "required": sorted(schema.get("required", [])),
        "createOnly": [n for n in top_level(schema, "createOnlyProperties") if n in properties],
        "conditionalCreateOnly": [n for n in top_level(schema, "conditionalCreateOnlyProperties") if n in properties],
    }


def derive_all() -> Node:
    data = files("cfnlint") / "data" / "schemas"
    digests = json.loads((data / "providers" / f"{REGION}.json").read_text())
    return {name: derive(json.loads((data / "resources" / f"{digests[name]}.json").read_text())) for name in TYPES}


if __name__ == "__main__":
    json.dump(derive_all(), sys.stdout, indent=1)
    sys.stdout.write("\n")
