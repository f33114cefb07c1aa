"""Parameter Store's limits: a value's size, a page's length, the versions that are kept, tags of what is there only.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html and …/
sysman-paramstore-versions.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ministack.services import ssm

from local.aws import patching

if TYPE_CHECKING:
    from local.aws.server import Server

VERSIONS_KEPT = 100
PAGE = 10
VALUE_BYTES = {"Standard": 4096, "Advanced": 8192}
_NAME = re.compile(r"[a-zA-Z0-9_.\-/]+")


def install(_server: Server) -> None:
    """Wrap ministack's handlers of the calls with a limit."""
    patching.require(ssm, "_default_tier", "_parameters", "_parameter_history", "error_response_json")

    def put(data: dict[str, Any]) -> Any:
        return _refuse_put(data) or _forgetting(put_parameter(data), str(data.get("Name")))

    def by_path(data: dict[str, Any]) -> Any:
        return _refuse_page(data.get("MaxResults", PAGE), "maxResults") or get_by_path(data)

    def several(data: dict[str, Any]) -> Any:
        return _refuse_page(len(data.get("Names", ())), "names") or get_several(data)

    put_parameter = patching.replace(ssm, "_put_parameter", put)
    get_by_path = patching.replace(ssm, "_get_parameters_by_path", by_path)
    get_several = patching.replace(ssm, "_get_parameters", several)
    for name in ("_list_tags_for_resource", "_add_tags_to_resource", "_remove_tags_from_resource"):
        _of_what_is_there(name)


def _of_what_is_there(name: str) -> None:
    """Refuse the tags of a parameter that does not exist, where ministack has none of it."""

    def call(data: dict[str, Any]) -> Any:
        known = data.get("ResourceType") != "Parameter" or data.get("ResourceId") in ssm._parameters
        return original(data) if known else _refusal("InvalidResourceId", "The resource ID isn't valid.")

    original = patching.replace(ssm, name, call)


def _refuse_put(data: dict[str, Any]) -> Any:
    name, value = str(data.get("Name", "")), str(data.get("Value", ""))
    existing = ssm._parameters.get(name)
    tier = data.get("Tier") or ssm._default_tier(data, value, existing)
    limit = VALUE_BYTES.get(tier, VALUE_BYTES["Advanced"])
    if name and not _NAME.fullmatch(name):
        return _invalid("Parameter name: only a mix of letters, numbers and the following 4 symbols .-_/ is allowed")
    if not value:
        return _invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1."
        )
    if len(value.encode()) > limit:
        return _invalid(f"{tier} tier parameters support a maximum parameter value of {limit} characters.")
    if (pattern := data.get("AllowedPattern")) and not re.search(pattern, value):
        return _refusal("ParameterPatternMismatchException", f"Parameter value, cannot be validated against {pattern}")
    history = ssm._parameter_history.get(name) or []
    if data.get("Overwrite") and len(history) >= VERSIONS_KEPT and history[0].get("Labels"):
        return _refusal(
            "ParameterMaxVersionLimitExceeded",
            f"You attempted to create a new version of {name} by calling PutParameter with the overwrite flag. "
            "Version 1, the oldest version, can't be deleted because it has a label associated with it.",
        )
    return None


def _forgetting(answer: Any, name: str) -> Any:
    """Let go of the versions that are too many after a put."""
    if history := ssm._parameter_history.get(name):
        del history[:-VERSIONS_KEPT]
    return answer


def _refuse_page(length: int, member: str) -> Any:
    if 1 <= length <= PAGE:
        return None
    return _invalid(
        f"1 validation error detected: Value '{length}' at '{member}' failed to satisfy constraint: "
        f"Member must have value between 1 and {PAGE}"
    )


def _invalid(message: str) -> Any:
    return _refusal("ValidationException", message)


def _refusal(code: str, message: str) -> Any:
    return ssm.error_response_json(code, message, 400)
