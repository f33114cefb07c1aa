"""Reads templates and policies as AWS would: values put in, patterns matched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from snaplift.stacks.stack import Stack
from tests.unit.stacks.examples import ACCOUNT, REGION

_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/name/0a0a0a0a-1111-2222-3333-444444444444",
}


def resolved(stack: Stack, value: Any) -> Any:
    """Put parameters and pseudo parameters in; a reference to a resource becomes ``<Title>`` or ``<Title.Arn>``."""
    if isinstance(value, list):
        return [resolved(stack, each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        return {key: resolved(stack, each) for key, each in value.items()}
    ((function, argument),) = value.items()
    match function:
        case "Ref":
            return _named(stack, argument)
        case "Fn::GetAtt":
            return f"<{argument[0]}.{argument[1]}>"
        case "Fn::Sub":
            return _substituted(stack, argument)
        case "Fn::Select":
            return resolved(stack, argument[1])[int(argument[0])]
        case "Fn::Split":
            return resolved(stack, argument[1]).split(argument[0])
        case "Fn::Join":
            return argument[0].join(resolved(stack, argument[1]))
    return {key: resolved(stack, each) for key, each in value.items()}


def _named(stack: Stack, name: str) -> str:
    return _PSEUDO.get(name) or stack.parameters.get(name) or f"<{name}>"


def _substituted(stack: Stack, argument: Any) -> str:
    text, given = (argument, {}) if isinstance(argument, str) else argument
    values = {name: str(resolved(stack, each)) for name, each in given.items()}
    return re.sub(r"\$\{([^}]+)\}", lambda found: values.get(found[1]) or _named(stack, found[1]), text)


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key, each
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)


def statements(stack: Stack, title: str) -> list[dict[str, Any]]:
    """All statements of a role's inline policies, resolved."""
    policies = stack.template["Resources"][title]["Properties"]["Policies"]
    return [resolved(stack, statement) for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def matches(pattern: str, text: str) -> bool:
    """Compare as IAM does: ``*`` is any text, slashes and colons too; ``?`` is one character."""
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text) is not None


def allows(found: list[dict[str, Any]], action: str, resource: str) -> bool:
    """Whether some statement allows it, conditions left aside."""
    return any(
        statement["Effect"] == "Allow"
        and any(matches(each.lower(), action.lower()) for each in listed(statement["Action"]))
        and any(matches(each, resource) for each in listed(statement["Resource"]))
        for statement in found
    )
