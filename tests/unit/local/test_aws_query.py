"""AWS's query protocol as the laptop answers it: what a client sends and reads is what the operation gets and gives."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from local.aws.query import Fault, Parameters, QueryService

SERVICE = botocore.session.Session().get_service_model("rds")


@pytest.fixture
def rds() -> QueryService:
    return QueryService("rds", "http://rds.amazonaws.com/doc/2014-10-31/")


def sent(operation: str, **arguments: Any) -> Parameters:
    """What botocore sends, as a server reads it."""
    serializer = botocore.serialize.create_serializer("query", include_validation=True)
    body = serializer.serialize_to_request(arguments, SERVICE.operation_model(operation))["body"]
    return {name: [str(value)] for name, value in body.items()}


def read(operation: str, response: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    """What botocore makes of an answer."""
    parser = botocore.parsers.create_parser("query")
    status, headers, body = response
    raw = {"status_code": status, "headers": headers, "body": body}
    shape = SERVICE.operation_model(operation).output_shape
    assert shape is not None
    parsed: dict[str, Any] = parser.parse(raw, shape)
    return parsed


class Recorder:
    """An operation that only keeps what it is asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        return {}


def test_lists_structures_and_types_arrive_as_they_were_given(rds: QueryService) -> None:
    arguments = {
        "DBInstanceIdentifier": "db",
        "DBInstanceClass": "db.t3.micro",
        "Engine": "mariadb",
        "AllocatedStorage": 20,
        "MultiAZ": False,
        "VpcSecurityGroupIds": [f"sg-{number}" for number in range(12)],
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x & <y>"}],
    }
    operation = Recorder()
    rds.handler("CreateDBInstance", operation)(sent("CreateDBInstance", **arguments))
    assert operation.requests == [arguments]


def test_other_clients_name_the_members_of_lists_member(rds: QueryService) -> None:
    operation = Recorder()
    handler = rds.handler("RemoveTagsFromResource", operation)
    handler(parse_qs("ResourceName=arn&TagKeys.member.1=a&TagKeys.member.2=b"))
    assert operation.requests == [{"ResourceName": "arn", "TagKeys": ["a", "b"]}]


def test_an_answer_is_read_as_it_was_given(rds: QueryService) -> None:
    instance = {
        "DBInstanceIdentifier": "db",
        "MultiAZ": False,
        "AllocatedStorage": 20,
        "Endpoint": {"Address": "127.0.2.1", "Port": 3306},
        "TagList": [{"Key": "a", "Value": "x & <y>"}],
    }
    answer = {"DBInstances": [{**instance, "DBName": None}], "Marker": None}
    parsed = read("DescribeDBInstances", rds.handler("DescribeDBInstances", lambda _: answer)({}))
    assert parsed["DBInstances"] == [instance]
    assert "Marker" not in parsed


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ("DBInstanceNotFoundFault", "DBInstanceNotFound", 404),
        ("DBSnapshotAlreadyExistsFault", "DBSnapshotAlreadyExists", 400),
        ("InvalidParameterCombination", "InvalidParameterCombination", 400),
    ],
)
def test_a_refusal_has_the_code_and_status_of_aws(rds: QueryService, error: str, code: str, status: int) -> None:
    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise Fault(error, "why <it> & not")

    response = rds.handler("DescribeDBInstances", refuse)({})
    parsed = read("DescribeDBInstances", response)
    assert response[0] == status
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == (code, "why <it> & not")


def test_a_missing_or_ill_typed_parameter_is_refused(rds: QueryService) -> None:
    handler = rds.handler("DescribeDBInstances", lambda _: {})
    assert b"InvalidParameterValue" in handler({"MaxRecords": ["many"]})[2]
    assert b"MissingParameter" in rds.handler("DeleteDBInstance", lambda _: {})({})[2]


def test_text_becomes_what_the_operation_takes_and_the_rest_is_left_out(rds: QueryService) -> None:
    values = {"AllocatedStorage": "30", "MultiAZ": "true", "DBSnapshotIdentifier": "s", "Tags": [{"Key": "a"}]}
    assert rds.accepted("ModifyDBInstance", values) == {"AllocatedStorage": 30, "MultiAZ": True}
