"""Say in plain words what pydantic found, and for which field."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from snaplift.config.document import Location
from snaplift.config.errors import Misplaced
from snaplift.config.fields import pattern_words

MAX_SHOWN: Final = 60
_SECTION: Final = "expected a section with fields"
_EXPECTED: Final = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_parsing_size": "expected a smaller number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "date_type": "expected a date, like 2026-11-01",
    "date_parsing": "expected a date, like 2026-11-01",
    "date_from_datetime_parsing": "expected a date, like 2026-11-01",
    "date_from_datetime_inexact": "expected a date, like 2026-11-01",
    "tuple_type": "expected a list",
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "model_attributes_type": _SECTION,
}
_LIMITS: Final = {
    "greater_than_equal": ("ge", "expected at least {}"),
    "less_than_equal": ("le", "expected at most {}"),
}
_LENGTHS: Final = {
    "string_too_long": ("max_length", "too long: expected at most {} characters"),
    "string_too_short": ("min_length", "too short: expected at least {} character(s)"),
    "too_short": ("min_length", "too few: expected at least {}"),
    "too_long": ("max_length", "too many: expected at most {}"),
}


def field_and_message(model: type[BaseModel], error: ErrorDetails) -> tuple[Location, str]:
    """Turn one of pydantic's errors into the field's location in the file and a message."""
    location, annotations = _walk(model, error["loc"])
    if isinstance(cause := error.get("ctx", {}).get("error"), Misplaced):
        location += cause.path
    message = _message(error, location, annotations)
    return location, f"the name {message}" if "[key]" in error["loc"] else message


def _message(error: ErrorDetails, location: Location, sections: list[Any]) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return f"is no field here: expected {_one_of(str(location[-1]), _field_names(sections))}"
    if kind == "literal_error":
        return f"{shown(value)} is not allowed: expected {_one_of(value, _choices(sections))}"
    if kind == "string_pattern_mismatch":
        return f"{shown(value)} is not allowed: expected {pattern_words(context['pattern'])}"
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"{shown(value)} is not allowed: {words.format(context[name])}"
    if kind in _LENGTHS:
        name, words = _LENGTHS[kind]
        return words.format(context[name])
    if kind in _EXPECTED:
        return _not_expected(kind, value)
    if kind == "value_error":
        message = str(context["error"])
        says_value = isinstance(context["error"], Misplaced) or not message.startswith("expected")
        return message if says_value else f"{shown(value)} is not allowed: {message}"
    return error["msg"]


def _not_expected(kind: str, value: object) -> str:
    expected = _EXPECTED[kind]
    if value is None:
        return f"is empty: {expected}"
    if kind == "string_type" and isinstance(value, int | float):
        return f'{shown(value)} is no text: put it in quotes, "{shown(value)}"'
    return f"{shown(value)} is not allowed: {expected}"


def shown(value: object) -> str:
    """Show a file's value in a message: one line, shortened; of a section or list only what it is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a section with fields"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    if len(text) > MAX_SHOWN:
        text = f"{text[: MAX_SHOWN - 1]}…"
    return repr(text) if isinstance(value, str) else text


def _one_of(value: object, allowed: list[str]) -> str:
    near = difflib.get_close_matches(value, allowed, n=1) if isinstance(value, str) else []
    return ", ".join(allowed) + (f"; did you mean {near[0]}?" if near else "")


# -- where in the models an error is ---------------------------------------------------------------------------


def _walk(model: type[BaseModel], steps: Iterable[str | int]) -> tuple[Location, list[Any]]:
    """Follow pydantic's location: drop what is not in the file (the kind of a section) and find what stands there.

    Of an unknown field: the sections that it is in.
    """
    location: list[str | int] = []
    found: list[Any] = [model]
    for step in steps:
        if step == "[key]":
            continue
        if of_kind := [section for section in found if getattr(section, "__name__", None) == step]:
            found = of_kind
            continue
        location.append(step)
        inner = [member for annotation in found for member in _inside(annotation, step)]
        found = inner or found
    return tuple(location), found


def _inside(annotation: Any, step: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if step == (field.alias or name):
                return _members(field.annotation)
        return []
    if get_origin(annotation) is dict:
        return _members(get_args(annotation)[1])
    if get_origin(annotation) is tuple:
        return _members(get_args(annotation)[0])
    return []


def _members(annotation: Any) -> list[Any]:
    """Take apart what may stand in one place."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]


def _field_names(sections: list[Any]) -> list[str]:
    return sorted(
        {
            field.alias or name
            for section in sections
            if isinstance(section, type) and issubclass(section, BaseModel)
            for name, field in section.model_fields.items()
        }
    )


def _choices(annotations: list[Any]) -> list[str]:
    return [str(value) for found in annotations if get_origin(found) is Literal for value in get_args(found)]
