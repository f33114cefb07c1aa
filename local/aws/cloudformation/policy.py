"""Stack policies: what an update may do to which resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html: a Deny wins, and once a
stack has a policy, what no statement allows is denied too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

from local.aws import patching

DURING_UPDATE = "_policy_during_update"
POLICY = "_stack_policy"


class DeniedByPolicy(ValueError):
    """The stack's policy does not let an update do this; the message is the reason that its event gives."""


def enforce(stack: Mapping[str, Any], action: str, logical_id: str, resource_type: str) -> None:
    """Raise DeniedByPolicy unless the stack's policy, or the one given for this update, allows `action`."""
    text = stack.get(DURING_UPDATE) or stack.get(POLICY)
    if not text:
        return
    matching = [
        (number, statement)
        for number, statement in enumerate(_as_list(json.loads(text).get("Statement")), start=1)
        if _matches(statement, action, logical_id, resource_type)
    ]
    denying = [f"#{number}" for number, statement in matching if statement.get("Effect") == "Deny"]
    allowing = [number for number, statement in matching if statement.get("Effect") == "Allow"]
    if denying or not allowing:
        raise DeniedByPolicy(
            f"Action denied by stack policy: Statement [{', '.join(denying)}] does not allow [{action}] "
            f"for resource [LogicalResourceId/{logical_id}]"
        )


def denied_removals(
    stack: Mapping[str, Any], previous: Mapping[str, Any], template: Mapping[str, Any]
) -> Iterator[tuple[str, str, DeniedByPolicy]]:
    """The resources that a new template leaves out and the policy keeps: logical id, type, reason."""
    for logical_id, resource in previous.get("_resources", {}).items():
        if logical_id in template.get("Resources", {}):
            continue
        try:
            enforce(stack, "Update:Delete", logical_id, resource["ResourceType"])
        except DeniedByPolicy as denied:
            yield logical_id, resource["ResourceType"], denied


def install() -> None:
    """Ask the policy before each change of a resource; a rollback's own changes are not asked for."""
    patching.require(provisioners, "_requires_replacement")

    def allowed_update(
        resource_type: str,
        physical_id: str,
        old: Any,
        new: Any,
        stack_name: str,
        logical_id: str | None = None,
        attributes: Any = None,
    ) -> Any:
        stack = cloudformation._stacks.get(stack_name) or {}
        if old != new and stack.get("StackStatus") == "UPDATE_IN_PROGRESS":
            replacing = provisioners._requires_replacement(resource_type, old, new)
            action = "Update:Replace" if replacing else "Update:Modify"
            enforce(stack, action, logical_id or physical_id, resource_type)
        return update(resource_type, physical_id, old, new, stack_name, logical_id, attributes)

    update = patching.replace(stacks, "_update_resource", allowed_update)


def _matches(statement: Mapping[str, Any], action: str, logical_id: str, resource_type: str) -> bool:
    return (
        _covers(statement, "Action", action)
        and _covers(statement, "Resource", f"LogicalResourceId/{logical_id}")
        and all(
            any(fnmatchcase(resource_type, pattern) for pattern in _as_list(values))
            for condition in statement.get("Condition", {}).values()
            for key, values in condition.items()
            if key == "ResourceType"
        )
    )


def _covers(statement: Mapping[str, Any], key: str, value: str) -> bool:
    """Whether `Action` or `Resource` names the value, or `NotAction` or `NotResource` does not."""
    if f"Not{key}" in statement:
        return not any(fnmatchcase(value, pattern) for pattern in _as_list(statement[f"Not{key}"]))
    return any(fnmatchcase(value, pattern) for pattern in _as_list(statement.get(key)))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
