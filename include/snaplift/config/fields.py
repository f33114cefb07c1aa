"""The kinds of value that a configuration is made of."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from snaplift import naming

# What a pattern means, for the message of a value that does not match: nobody wants to read the pattern itself.
_PATTERN_WORDS: Final[dict[str, str]] = {}
_DURATION_PATTERN: Final = "^[0-9]+[smhd]$"
_TENANT_PATTERN: Final = f"^{naming.CUSTOMER}-{naming.PROJECT}$"
_PATTERN_WORDS[_DURATION_PATTERN] = "a whole number and a unit: 30s, 15m, 2h or 7d"
_PATTERN_WORDS[_TENANT_PATTERN] = naming.pattern_words("tenant")

_DURATION_RE: Final = re.compile(r"(?P<number>[0-9]+)(?P<unit>[smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def matching(pattern: str, words: str) -> StringConstraints:
    """Constrain a text to a pattern, and say in words what is expected."""
    _PATTERN_WORDS[f"^{pattern}$"] = words
    return StringConstraints(pattern=f"^{pattern}$")


def pattern_words(pattern: str) -> str:
    """Say in words what a value has to look like that must match a pattern."""
    return _PATTERN_WORDS[pattern]


def read_duration(value: object) -> timedelta:
    """Read a length of time as the configuration has it: ``90m``.

    :raises ValueError: it is none.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and len(value) <= 8 and (found := _DURATION_RE.fullmatch(value)):
        return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})
    raise ValueError(f"expected {_PATTERN_WORDS[_DURATION_PATTERN]}")


def format_duration(value: timedelta) -> str:
    """Write a length of time as the configuration has it: ``90m``."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _read_parameter(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _read_tenant(value: str) -> str:
    return str(naming.Tenant.parse(value))


Duration = Annotated[
    timedelta,
    BeforeValidator(read_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["30s", "15m", "2h", "7d"]}),
]
TenantName = Annotated[
    str,
    AfterValidator(_read_tenant),
    WithJsonSchema({"type": "string", "pattern": _TENANT_PATTERN, "examples": ["xy-0146"]}),
]
EnvironmentName = Annotated[
    str, matching(naming.ENVIRONMENT, "a letter, then up to 10 letters or digits, in lower case, like qa")
]
PlatformName = Annotated[
    str, matching(naming.PLATFORM, "'platform-', then up to 15 letters or digits, in lower case, like platform-nonprod")
]
InstallationName = Annotated[
    str, matching(naming.INSTALLATION, "a letter, then 1 to 14 letters or digits, in lower case, like acme")
]
ContainerName = Annotated[
    str,
    matching(r"[a-z][a-z0-9-]{0,30}", "a letter, then up to 30 letters, digits or hyphens, in lower case, like web"),
]
VariableName = Annotated[
    str, matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "letters, digits and underscores, no digit first, like SITE_URL")
]
Port = Annotated[int, Field(ge=1, le=65_535)]
Arn = Annotated[str, matching(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+", "an ARN, like arn:aws:kms:…")]
Parameter = Annotated[str, BeforeValidator(_read_parameter, json_schema_input_type=str | float)]
OneLine = Annotated[str, matching(r"[^\n\r]+", "one line of text"), StringConstraints(max_length=200)]
UrlPath = Annotated[str, matching(r"/\S*", "a path that begins with a slash and has no blanks, like /healthz")]
Words = Annotated[tuple[str, ...], Field(min_length=1)]
