"""Change sets: what CloudFormation would do to a stack that stands, and whether it may."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from snaplift.promotion.plan import Before, Frozen, Place
from snaplift.promotion.run import Run
from snaplift.stacks.stack import Stack

REPLACEABLE: Final = frozenset(
    {
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::IAM::Policy",
        "AWS::IAM::RolePolicy",
    }
)
"""What may be replaced or removed: rules, which hold nothing and by whose identity nothing goes."""

HOLDS_DATA: Final = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
        "AWS::SSM::Parameter",
        "AWS::SecretsManager::Secret",
    }
)
"""What is lost with it is data, or the only key to data."""

RESTARTS: Final = {
    "AWS::RDS::DBInstance": frozenset(
        {"AllocatedStorage", "DBInstanceClass", "DBParameterGroupName", "EngineVersion", "MultiAZ", "StorageType"}
    )
}
"""Properties by whose change the thing may serve nobody, or slowly, for some minutes (CloudFormation: update
behaviours). A change set does not say it."""

_RETAINED: Final = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})


class ResourceChange(Frozen):
    """What happens to one resource, in CloudFormation's words."""

    action: str
    """``Add``, ``Modify``, ``Remove``, ``Import`` or ``Dynamic``."""
    title: str
    """The logical id."""
    type: str
    replacement: str = ""
    """``True``, ``False`` or ``Conditional``, of a modification."""
    properties: tuple[str, ...] = ()
    """Which are changed; ``Tags`` and the like are no property, and named all the same."""

    @property
    def loses(self) -> str:
        """What becomes of the resource as it is: it is removed, replaced, or one of both perhaps."""
        if self.action == "Remove":
            return "removed"
        if self.replacement == "True":
            return "replaced"
        return "perhaps replaced" if self.replacement == "Conditional" or self.action == "Dynamic" else ""

    @property
    def restarts(self) -> bool:
        return self.action == "Modify" and not RESTARTS.get(self.type, frozenset()).isdisjoint(self.properties)


class StackChange(Frozen):
    """A change set, as it is shown, approved, and carried out."""

    stack: str
    stack_id: str
    change_set: str
    """Its ARN: what is executed is what was shown."""
    changes: tuple[ResourceChange, ...]
    parameters: tuple[str, ...] = ()
    """Parameters whose values change, each told with both."""


class Change(Frozen):
    """A change of a namespace or a platform, decided: what the lock's record holds, and all that is gone by."""

    version: int = 1
    run: Run
    name: str
    """Of the namespace, or of the platform: what is locked."""
    place: Place
    stacks: tuple[StackChange, ...]
    before: Before | None = None
    """What the change of a namespace rests on: its pointer, and the revision that its service runs."""
    cluster: str | None = None
    """Where that service is."""

    @property
    def doing(self) -> str:
        return "is being changed"


def change_set_name(run: Run) -> str:
    """Name a run's change sets, one on each stack: a retry finds them, and nobody else's is taken for ours."""
    return f"snaplift-{run.hash}"


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, ...]:
    """Tell the parameters whose values are to be others, each with both."""
    return tuple(
        f"{name}: {found.get(name, 'none')} → {value}" for name, value in wanted.items() if found.get(name) != value
    )


def unlike(
    wanted: Stack,
    template: Mapping[str, Any],
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    *,
    live: Collection[str] = (),
) -> tuple[str, ...]:
    """Say what of a stack is not as wanted: its template, parameters each with both values, its tags; nothing: none.

    :param live: parameters that are set meanwhile through another API: by themselves they are no reason.
    """
    values = {name: value for name, value in wanted.parameters.items() if name not in live}
    of_template = ("its template",) if template != json.loads(wanted.body) else ()
    of_tags = ("its tags",) if any(tags.get(name) != value for name, value in wanted.tags.items()) else ()
    return of_template + differing(values, parameters) + of_tags


def refusals(change: StackChange, template: Mapping[str, Any]) -> list[str]:
    """Say why a change set may not be carried out; nothing: it may.

    What may be replaced or removed is listed; whatever else would be, is refused, for something goes by its identity.

    :param template: the stack's own, as it stands: what is removed is only there.
    """
    found = []
    for each in change.changes:
        if not each.loses:
            continue
        resource = template.get("Resources", {}).get(each.title, {})
        policies = {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")}
        if each.type in HOLDS_DATA or policies & _RETAINED:
            found.append(
                f"{change.stack}: {each.title} ({each.type}) would be {each.loses}{_because(each)}: it holds data"
            )
        elif each.type not in REPLACEABLE:
            found.append(
                f"{change.stack}: {each.title} ({each.type}) would be {each.loses}{_because(each)}: other things go by "
                "its identity"
            )
    return found


def _because(change: ResourceChange) -> str:
    return f", since {', '.join(change.properties)} changes" if change.properties and change.action == "Modify" else ""


def old_revision(before: Before, passed: str) -> list[str]:
    """Say why a change of the service's stack would put another revision back than the one that is active.

    :param passed: the stack's parameter.
    """
    active = before.active.task_definition if before.active else None
    if passed == before.task_definition == active:
        return []
    return [
        f"the service runs {before.task_definition or 'nothing'}, {active or 'nothing'} is active, and the change "
        f"would deploy {passed}: bring the service to its active revision by a promotion first"
    ]


def describe(changes: Collection[StackChange], reasons: Collection[str] = ()) -> str:
    """Tell changes in Markdown."""
    parts = [_table(change) for change in changes]
    if reasons:
        parts.append("**Refused:**\n\n" + "\n".join(f"- {reason}" for reason in reasons))
    return "\n\n".join(parts) or "Everything is as the configuration says."


def _table(change: StackChange) -> str:
    rows = [
        f"| {each.action} | {each.title} | {each.type} | {', '.join(each.properties)} | {_effect(each)} |"
        for each in change.changes
    ]
    head = f"**{change.stack}**"
    if change.parameters:
        head += "\n\n" + "\n".join(f"- {told}" for told in change.parameters)
    return f"{head}\n\n| | resource | type | changes | |\n|---|---|---|---|---|\n" + "\n".join(rows)


def as_text(changes: Collection[StackChange], reasons: Collection[str] = ()) -> str:
    """Tell changes in lines for a log."""
    return "\n".join([*_lines(changes), *(f"refused: {reason}" for reason in reasons)]) or describe(changes)


def _lines(changes: Collection[StackChange]) -> Iterator[str]:
    for change in changes:
        yield change.stack
        yield from (f"  parameter {told}" for told in change.parameters)
        for each in change.changes:
            told = f"  {each.action:<8}{each.title} ({each.type}) {', '.join(each.properties)}".rstrip()
            yield f"{told}: {effect}" if (effect := _effect(each)) else told


def _effect(change: ResourceChange) -> str:
    return change.loses or ("may be away for minutes" if change.restarts else "")
