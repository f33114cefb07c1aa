"""The laptop's table of properties says what cfn-lint's schemas say."""

from __future__ import annotations

import json
from importlib.resources import files

from local.aws.cloudformation.derive_schemas import derive, derive_all


def test_the_table_is_current() -> None:
    kept = json.loads(files("local.aws.cloudformation").joinpath("schemas.json").read_text())
    assert kept == derive_all(), "run python -m local.aws.cloudformation.derive_schemas and keep its output"


def test_what_only_aws_sets_may_not_be_given() -> None:
    schema = {"properties": {"Arn": {}, "Name": {}}, "readOnlyProperties": ["/properties/Arn"]}
    assert derive(schema)["properties"] == {"Name": {}}


def test_a_part_of_a_property_that_aws_sets_does_not_forbid_the_property() -> None:
    schema = {"properties": {"Secret": {}}, "readOnlyProperties": ["/properties/Secret/Arn"]}
    assert derive(schema)["properties"] == {"Secret": {}}


def test_a_schema_that_holds_itself_ends() -> None:
    node = {"additionalProperties": False, "properties": {"Next": {"$ref": "#/definitions/Node"}}}
    schema = {"definitions": {"Node": node}, "properties": {"First": {"$ref": "#/definitions/Node"}}}
    assert derive(schema)["properties"] == {"First": {"properties": {"Next": {}}}}


def test_an_object_that_takes_any_name_is_not_looked_into() -> None:
    schema = {"properties": {"Free": {"type": "object", "properties": {"A": {}}, "additionalProperties": True}}}
    assert derive(schema)["properties"] == {"Free": {}}
