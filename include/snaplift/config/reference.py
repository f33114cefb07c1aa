"""The reference of the configuration's files, written from their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from snaplift.config.fields import pattern_words
from snaplift.config.placeholders import BUILT_IN
from snaplift.config.platform import Platforms
from snaplift.config.schema import Schema, describe
from snaplift.config.tenant import Tenant

_HEAD: Final = """\
# Configuration

<!-- Written by `snaplift schema --out docs/reference` from the models: change those. -->

The configuration is a folder: `platforms.yaml`, and one `tenants/<tenant>.yaml` a tenant. It is looked for in
`$SNAPLIFT_CONFIG`, else in `config` in Airflow's DAGs folder, else in `config` beside that folder.
`snaplift validate` says what is wrong in it, with file and line.

The files are YAML in UTF-8, without tags, merge keys and duplicate names; only `true` and `false` are booleans, and a
number that begins with 0 is text. What a tenant's file does not say comes from `defaults` in `platforms.yaml`: section
by section, so that a file can say one field of a section; a list replaces a default list, and `null` takes away a
default that need not be there. "Required" means: here or in the defaults.

## Placeholders

In `environment`, `command` (of setup, adapt and smoke) and `contains` `${name}` is replaced, and `$$` is a plain `$`.
In `sql` `%(name)s` is bound as a value, and `%%` is a plain `%`. Known everywhere are
"""
_TAIL: Final = """;
beside them the variables of the environment, which have to be there in every environment that the text is used in.
`site_url` is the environment's own address, without a slash at its end; `source_urls` are those of the environments
that its data came through, the nearest first, separated by blanks.
"""


def configuration_reference() -> str:
    """Write the reference as Markdown."""
    known = ", ".join(f"`{name}`" for name in BUILT_IN)
    parts = [_HEAD + known + _TAIL]
    parts += _file("platforms.yaml", describe(Platforms))
    parts += _file("tenants/&lt;tenant&gt;.yaml", describe(Tenant))
    return "\n".join(parts)


def _file(title: str, schema: Schema) -> Iterator[str]:
    yield f"## {title}\n"
    yield _table(schema)
    for name, section in schema["$defs"].items():
        yield f"### {name}\n\n{section.get('description', '')}\n"
        yield _table(section)


def _table(section: Schema) -> str:
    lines = ["| field | what | default | meaning |", "|---|---|---|---|"]
    required = set(section.get("required", ()))
    for name, field in section.get("properties", {}).items():
        default = "required" if name in required else _default(field)
        lines.append(f"| `{name}` | {_cell(_kind(field))} | {_cell(default)} | {_cell(field.get('description', ''))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: Schema) -> str:
    default = field.get("default")
    return "" if default in (None, [], {}) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _kind(field: Schema) -> str:
    """Say what kind of value a field takes."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if choices := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(choice) for choice in choices if choice.get("type") != "null"))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of: {_kind(field['items'])}"
    if field.get("type") == "object":
        return _mapping(field)
    if "pattern" in field:
        return pattern_words(field["pattern"])
    return _plain(field)


def _mapping(field: Schema) -> str:
    if patterns := field.get("patternProperties"):
        return " or ".join(f"by name: {_kind(inner)}" for inner in patterns.values())
    inner: Any = field.get("additionalProperties")
    return f"by name: {_kind(inner)}" if isinstance(inner, dict) else "a tenant's fields"


def _plain(field: Schema) -> str:
    word = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true`, `false`"}.get(
        field.get("type", ""), "anything"
    )
    if field.get("format") == "date":
        return "date, like 2026-11-01"
    least, most = field.get("minimum"), field.get("maximum")
    if least is not None and most is not None:
        return f"{word}, {least} to {most}"
    return f"{word}, at least {least}" if least is not None else word
