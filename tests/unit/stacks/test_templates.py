"""What holds for every template."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from snaplift.stacks.draft import BODY_LIMIT, Draft, TemplateTooLarge
from snaplift.stacks.outputs import DatabaseOutputs, NamespaceOutputs, Outputs, PlatformOutputs, ServiceOutputs
from snaplift.stacks.platform import platform_stack
from snaplift.stacks.stack import Stack
from tests.unit.stacks import examples
from tests.unit.stacks.examples import REGION, STACKS
from tests.unit.stacks.reading import walk

# What cfn-lint would have otherwise, by rule: which stacks it says it of, and why it is so.
IGNORED = {
    "W3010": "zones are said in the configuration: a subnet must not move when an account's list of zones changes",
    "E3691": "RDS takes 10.11 for the newest 10.11.x at creation; the table of the rule has whole versions only",
}
ALL = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)


@ALL
def test_cfn_lint_has_nothing_to_say(stack: Stack) -> None:
    found = lint(stack.body, config=ManualArgs(regions=[REGION], ignore_checks=list(IGNORED)))
    assert [f"{match.rule.id} {match.message} {match.path}" for match in found] == []


def test_every_ignored_rule_would_say_something() -> None:
    config = ManualArgs(regions=[REGION])
    found = [match for name in ("platform-plain", "empty-database") for match in lint(STACKS[name].body, config=config)]
    assert {match.rule.id for match in found} == set(IGNORED)


@ALL
def test_fits_into_a_request(stack: Stack) -> None:
    assert len(stack.body.encode()) < BODY_LIMIT


def test_a_template_that_would_not_fit_is_refused() -> None:
    draft = Draft("large", "x" * (BODY_LIMIT + 1), {})
    with pytest.raises(TemplateTooLarge, match="large"):
        draft.stack()


@ALL
def test_everything_that_has_tags_carries_the_stacks_tags(stack: Stack) -> None:
    for title, resource in stack.template["Resources"].items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource["Type"]).schema
        if not schema.get("tagging", {}).get("taggable"):
            continue
        tags = resource["Properties"].get("Tags", [])
        assert {tag["Key"]: tag["Value"] for tag in tags} == stack.tags, title


@ALL
def test_tags_say_whose_it_is(stack: Stack) -> None:
    assert stack.tags["snaplift:installation"] == "acme"
    assert "cost-allocation" in stack.tags
    assert ("snaplift:namespace" in stack.tags) != ("snaplift:platform" in stack.tags)


@ALL
def test_nothing_is_exported_or_imported(stack: Stack) -> None:
    assert not {"Export", "Fn::ImportValue"} & {key for key, _ in walk(stack.template)}


@ALL
def test_every_parameter_is_used_and_has_a_value_unless_it_is_another_platforms_key(stack: Stack) -> None:
    declared = set(stack.template.get("Parameters", {}))
    used = {value for key, value in walk(stack.template) if key == "Ref"}
    assert declared <= used
    assert declared - set(stack.parameters) == ({"KeyArn"} if stack.name == "platform-plain" else set())
    assert set(stack.parameters) <= declared


@ALL
def test_says_what_it_is(stack: Stack) -> None:
    subject = stack.tags.get("snaplift:namespace", stack.name)
    assert subject in stack.template["Description"]
    assert all(output["Description"] for output in stack.template["Outputs"].values())


@ALL
def test_only_what_is_found_by_its_name_has_one(stack: Stack) -> None:
    """A name blocks a replacement, so each is here with the reason."""
    reasons = {
        "DBInstanceIdentifier": "the design's name of a database",
        "DBName": "the schema, which is no name of AWS's",
        "ServiceName": "found by the namespace",
        "ClusterName": "found by the platform",
        "TableName": "found before the platform's outputs are read",
        "LogGroupName": "policies limit a namespace to it",
        "RoleName": "policies limit who passes it",
        "ManagedPolicyName": "a namespace's roles name it",
        "AliasName": "an alias is its name",
    }
    found = {
        key
        for resource in stack.template["Resources"].values()
        for key in resource["Properties"]
        if re.fullmatch(r"[A-Za-z]*(Name|Identifier)", key) and _is_a_name_of_its_own(resource, key)
    }
    assert found <= set(reasons)


def _is_a_name_of_its_own(resource: dict[str, Any], key: str) -> bool:
    """A literal, and not a reference to something else."""
    return isinstance(resource["Properties"][key], str)


@ALL
def test_is_the_same_each_time(stack: Stack) -> None:
    again = {
        "xy-0146-qa": examples.namespace,
        "xy-0146-dev-db": examples.empty_database,
        "xy-0146-qa-db-20261123t020000z": examples.restored_database,
        "xy-0146-qa-service": examples.service,
    }
    if make := again.get(stack.name):
        assert make().body == stack.body
    else:
        assert platform_stack(examples.PLATFORMS, stack.name).body == stack.body


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("platform-new", PlatformOutputs),
        ("platform-existing", PlatformOutputs),
        ("namespace", NamespaceOutputs),
        ("empty-database", DatabaseOutputs),
        ("restored-database", DatabaseOutputs),
        ("service", ServiceOutputs),
    ],
)
def test_gives_the_outputs_that_are_read(name: str, outputs: type[Outputs]) -> None:
    given = set(STACKS[name].template["Outputs"])
    known = {field.alias: field.is_required() for field in outputs.model_fields.values()}
    assert {alias for alias, required in known.items() if required} <= given <= set(known)


def test_stacks_run_on_the_platforms_role_and_the_platform_on_its_makers() -> None:
    assert {name for name, stack in STACKS.items() if stack.role_arn is None} == {
        "platform-new",
        "platform-existing",
        "platform-plain",
    }


@ALL
def test_is_json(stack: Stack) -> None:
    assert json.loads(stack.body) == stack.template
