"""JSON schemas of the configuration's files, for editors that complete and check while one types."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from snaplift.config.fields import format_duration
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Writes defaults as the files have them, and no title that only repeats a field's name."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", exclude_defaults=True)
        return super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def tenant_schema() -> Schema:
    """Describe a tenant's file. Only its name is required: the rest may come from the defaults."""
    schema = describe(Tenant)
    _relax(schema)
    schema["required"] = ["tenant"]
    return {"$schema": _DIALECT, **schema, "title": "A tenant of snaplift"}


def platforms_schema() -> Schema:
    """Describe ``platforms.yaml``; its defaults are described as a tenant's file is."""
    schema = describe(Platforms)
    tenant = tenant_schema()
    definitions = tenant.pop("$defs")
    properties = {name: field for name, field in tenant["properties"].items() if name != "tenant"}
    schema["properties"]["defaults"] |= {"properties": properties, "additionalProperties": False}
    schema["$defs"] = dict(sorted({**definitions, **schema["$defs"]}.items()))
    return {"$schema": _DIALECT, **schema, "title": "The platforms of snaplift"}


def describe(model: type[BaseModel]) -> Schema:
    """Describe a section and all below it."""
    schema: Schema = _tidy(model.model_json_schema(schema_generator=_Generator))
    return schema


def _tidy(node: Any) -> Any:
    """Refuse what matches no pattern of a section's names (pydantic does, its schema does not say so)."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        if isinstance(text := node.get("description"), str):
            node["description"] = text.replace("``", "`").replace("\n", " ")
        for inner in node.values():
            _tidy(inner)
    elif isinstance(node, list):
        for inner in node:
            _tidy(inner)
    return node


def _relax(schema: Schema) -> None:
    """Require nothing that a default can give; a list is replaced as a whole, so what is in one stays required."""
    in_lists = set(_referenced(schema, inside_list=False))
    for name, section in schema["$defs"].items():
        if name not in in_lists:
            section.pop("required", None)


def _referenced(node: Any, *, inside_list: bool) -> Iterator[str]:
    if isinstance(node, list):
        for inner in node:
            yield from _referenced(inner, inside_list=inside_list)
    elif isinstance(node, dict):
        if inside_list and "$ref" in node:
            yield node["$ref"].rpartition("/")[2]
        for name, inner in node.items():
            yield from _referenced(inner, inside_list=inside_list or name == "items")
