"""What a change set may do, and how it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snaplift.promotion.changes import (
    Change,
    ResourceChange,
    StackChange,
    as_text,
    change_set_name,
    describe,
    old_revision,
    refusals,
    unlike,
)
from snaplift.promotion.lock import LockLost, Record
from snaplift.promotion.plan import Place
from snaplift.stacks.platform import platform_stack
from tests.unit.promotion.examples import NOW, RUN, before, revision, task_definition
from tests.unit.stacks.examples import PLATFORMS

STACK = platform_stack(PLATFORMS, "platform-new")
PLACE = Place.of("platform-new", PLATFORMS.platforms["platform-new"])


def modify(title: str, kind: str, replacement: str = "False", *properties: str) -> ResourceChange:
    return ResourceChange(action="Modify", title=title, type=kind, replacement=replacement, properties=properties)


def remove(title: str, kind: str) -> ResourceChange:
    return ResourceChange(action="Remove", title=title, type=kind)


def change(*changes: ResourceChange, parameters: tuple[str, ...] = ()) -> StackChange:
    return StackChange(
        stack="xy-0146-qa", stack_id="arn:stack", change_set="arn:set", changes=changes, parameters=parameters
    )


def refused(*changes: ResourceChange, template: dict[str, Any] | None = None) -> list[str]:
    return refusals(change(*changes), template or {})


@pytest.mark.parametrize(
    "kind",
    ["AWS::RDS::DBInstance", "AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret",
     "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SSM::Parameter"],
)  # fmt: skip
@pytest.mark.parametrize(("what", "said"), [("True", "replaced"), ("Conditional", "perhaps replaced"), ("", "removed")])
def test_what_holds_data_is_never_lost(kind: str, what: str, said: str) -> None:
    [reason] = refused(modify("It", kind, what, "Name") if what else remove("It", kind))
    assert f"It ({kind}) would be {said}" in reason
    assert reason.endswith("it holds data")


def test_what_the_template_retains_is_never_lost_whatever_it_is() -> None:
    template = {"Resources": {"Rule": {"DeletionPolicy": "RetainExceptOnCreate"}}}
    [reason] = refused(remove("Rule", "AWS::ElasticLoadBalancingV2::ListenerRule"), template=template)
    assert "it holds data" in reason


@pytest.mark.parametrize(
    "kind",
    ["AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::ECS::Cluster", "AWS::ECS::Service", "AWS::IAM::Role",
     "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::EC2::SecurityGroup", "AWS::RDS::DBParameterGroup",
     "AWS::Something::New"],
)  # fmt: skip
def test_what_others_go_by_is_not_replaced(kind: str) -> None:
    assert "go by its identity" in refused(modify("It", kind, "True"))[0]
    assert "go by its identity" in refused(ResourceChange(action="Dynamic", title="It", type=kind))[0]


@pytest.mark.parametrize("kind", ["AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::EC2::SecurityGroupIngress"])
def test_a_rule_may_be_replaced_and_removed(kind: str) -> None:
    assert refused(modify("It", kind, "True"), modify("It", kind, "Conditional"), remove("It", kind)) == []


def test_what_is_changed_in_place_or_added_is_allowed() -> None:
    added = ResourceChange(action="Add", title="It", type="AWS::RDS::DBInstance")
    assert refused(modify("It", "AWS::RDS::DBInstance", "False", "DBInstanceClass"), added) == []


def test_every_type_of_the_platform_and_of_a_namespace_is_judged_on_purpose() -> None:
    """A key, a table, a bucket: nothing that the platform's template keeps may be lost by another route."""
    for title, resource in STACK.template["Resources"].items():
        reasons = refusals(change(remove(title, resource["Type"])), STACK.template)
        assert bool(reasons) == (resource["Type"] not in {"AWS::IAM::Policy"}), title


# -- an old revision -------------------------------------------------------------------------------------------


def test_the_live_revision_that_is_active_is_passed() -> None:
    assert old_revision(before(revision()), task_definition()) == []


@pytest.mark.parametrize(
    ("runs", "passed"),
    [
        (task_definition(), task_definition(number=9)),
        (task_definition(number=9), task_definition(number=9)),
        (None, task_definition()),
    ],
)
def test_any_other_revision_is_refused(runs: str | None, passed: str) -> None:
    [reason] = old_revision(before(revision(), task_definition=runs), passed)
    assert passed in reason
    assert "by a promotion first" in reason


# -- whether there is anything to do ---------------------------------------------------------------------------


def standing(**changes: Any) -> tuple[str, ...]:
    found = {"template": json.loads(STACK.body), "parameters": STACK.parameters, "tags": STACK.tags, **changes}
    return unlike(STACK, **found)


def test_a_stack_that_is_as_wanted_needs_no_change_set() -> None:
    assert not standing()
    assert not standing(tags={**STACK.tags, "somebody": "else's"})


def test_a_template_a_parameter_or_a_tag_makes_a_difference() -> None:
    assert standing(template={**STACK.template, "Description": "older"}) == ("its template",)
    assert standing(tags={}) == ("its tags",)
    with_key = STACK.with_parameters(KeyArn="arn:b")
    given: dict[str, Any] = {"template": json.loads(STACK.body), "tags": STACK.tags}
    assert unlike(with_key, parameters={"KeyArn": "arn:a"}, **given) == ("KeyArn: arn:a → arn:b",)
    assert not unlike(with_key, parameters={"KeyArn": "arn:a"}, live=("KeyArn",), **given)


# -- telling it ------------------------------------------------------------------------------------------------

TOLD = change(
    modify("Instance", "AWS::RDS::DBInstance", "False", "DBInstanceClass"), parameters=("AllocatedStorage: 20 → 30",)
)


def test_a_change_is_told_in_markdown_and_for_a_log() -> None:
    told = describe([TOLD], ["xy-0146-qa: no"])
    assert "| Modify | Instance | AWS::RDS::DBInstance | DBInstanceClass | may be away for minutes |" in told
    assert "- AllocatedStorage: 20 → 30" in told
    assert "**Refused:**\n\n- xy-0146-qa: no" in told
    assert "Instance (AWS::RDS::DBInstance) DBInstanceClass: may be away for minutes" in as_text([TOLD])


def test_nothing_to_change_is_said() -> None:
    assert describe([]) == as_text([]) == "Everything is as the configuration says."


# -- the lock's record -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "found"), [("xy-0146-qa", before(revision())), ("platform-new", None)])
def test_a_change_is_recorded_with_the_lock_and_read_again(name: str, found: Any) -> None:
    decided = Change(run=RUN, name=name, place=PLACE, stacks=(TOLD,), before=found, cluster="c")
    written = Record(work=decided, acquired_at=NOW)
    read = Record.model_validate_json(written.model_dump_json(by_alias=True))
    assert read == written
    assert (read.run, read.name, read.work) == (RUN, name, decided)
    with pytest.raises(LockLost, match=f"{name} is being changed by run {RUN}: nothing is promoted"):
        _ = read.plan


def test_a_runs_change_sets_are_named_by_it() -> None:
    assert change_set_name(RUN) == f"snaplift-{RUN.hash}"
