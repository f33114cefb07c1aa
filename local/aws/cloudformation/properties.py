"""Properties are checked against the resource's schema: unknown ones, and required ones that are missing.

AWS does it when the resource's turn comes ("Properties validation failed for resource X with message: …"), as the
CloudFormation registry does for every type. Which properties replace a resource comes from the same schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ministack.services.cloudformation import provisioners, stacks

from local.aws import patching

# The schemas leave open what replaces a resource under a condition only. These always do: another snapshot, or none
# any more, is another database; another key schema another table.
ALWAYS_REPLACING = {
    "AWS::RDS::DBInstance": ("DBSnapshotIdentifier", "Engine"),
    "AWS::DynamoDB::Table": ("KeySchema",),
}


class InvalidProperties(ValueError):
    """A resource's properties do not fit its schema; the message is the reason that its event gives."""


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """The outlines of the schemas of the types that are checked, by type name."""
    text = files(__package__).joinpath("schemas.json").read_text()
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def problems(schema: Mapping[str, Any], value: Any, path: str = "#") -> Iterator[str]:
    """What does not fit, in the registry's words, each with the place it was found at."""
    if (items := schema.get("items")) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(items, item, f"{path}/{index}")
    known = schema.get("properties")
    if known is None or not isinstance(value, dict):
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}: required key [{name}] not found"
    for name, part in value.items():
        if name not in known:
            yield f"{path}: extraneous key [{name}] is not permitted"
        else:
            yield from problems(known[name], part, f"{path}/{name}")


def check(resource_type: str, logical_id: str, properties: Mapping[str, Any]) -> None:
    """Raise InvalidProperties if a resource's resolved properties do not fit its type's schema."""
    if schema := schemas().get(resource_type):
        found = list(problems(schema, properties))
        if found:
            raise InvalidProperties(
                f"Properties validation failed for resource {logical_id} with message:\n" + "\n".join(found)
            )


def install() -> None:
    """Check every create and update, and tell change sets what replaces a resource."""

    def checked_provision(resource_type: str, logical_id: str, props: Any, stack_name: str) -> Any:
        check(resource_type, logical_id, props)
        return provision(resource_type, logical_id, props, stack_name)

    def checked_update(
        resource_type: str,
        physical_id: str,
        old: Any,
        new: Any,
        stack_name: str,
        logical_id: str | None = None,
        attributes: Any = None,
    ) -> Any:
        check(resource_type, logical_id or physical_id, new)
        return update(resource_type, physical_id, old, new, stack_name, logical_id, attributes)

    provision = patching.replace(stacks, "_provision_resource", checked_provision)
    update = patching.replace(stacks, "_update_resource", checked_update)
    _say_what_replaces()


def _say_what_replaces() -> None:
    patching.require(provisioners, "_REPLACING_PROPERTIES", "_CONDITIONALLY_REPLACING_PROPERTIES")
    replacing = provisioners._REPLACING_PROPERTIES
    conditional = provisioners._CONDITIONALLY_REPLACING_PROPERTIES
    for name, schema in schemas().items():
        always = {*replacing.get(name, ()), *schema["createOnly"], *ALWAYS_REPLACING.get(name, ())}
        replacing[name] = tuple(sorted(always))
        conditional.setdefault(name, tuple(schema["conditionalCreateOnly"]))
