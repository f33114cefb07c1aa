"""Listener rules as an ordered list of patterns that the load balancer can be given while it runs."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIXED_STATUSES = (200, 201, 202, 400, 401, 403, 404, 405, 410, 418, 429, 500, 501, 502, 503, 504)
"""The statuses that a fixed response may have here; AWS takes any 2xx, 4xx and 5xx."""

_DEFAULT_PRIORITY = 1_000_000
_FIELDS = ("host-header", "http-request-method", "path-pattern")


class Unsupported(ValueError):
    """A rule that AWS takes and this load balancer cannot follow."""


@dataclass(frozen=True)
class Forward:
    """Requests go to the targets of a group."""

    group: str


@dataclass(frozen=True)
class FixedResponse:
    """Requests are answered by the load balancer itself."""

    status: int
    content_type: str
    body: str

    def encoded(self) -> str:
        """One word that the load balancer's configuration takes apart again."""
        body = base64.b64encode(self.body.encode()).decode() or "-"
        return f"fixed:{self.status}:{self.content_type}:{body}"


Action = Forward | FixedResponse


@dataclass(frozen=True)
class Route:
    """What happens to the requests whose ``host|METHOD|path`` matches ``pattern`` (a regular expression)."""

    pattern: str
    action: Action


def routes(rules: Iterable[Mapping[str, Any]]) -> list[Route]:
    """The rules of one port, whichever load balancer they are of, in the order in which they are tried.

    :raises Unsupported: a rule has a condition or an action that is not known here
    """
    ordered = sorted(rules, key=_priority)
    return [Route(_pattern(rule.get("Conditions", [])), action(rule.get("Actions", []))) for rule in ordered]


def action(actions: Sequence[Mapping[str, Any]]) -> Action:
    """What a rule does, which its last action says.

    :raises Unsupported: it is neither ``forward`` to one target group nor ``fixed-response``
    """
    last = actions[-1] if actions else {}
    if last.get("Type") == "forward" and last.get("TargetGroupArn"):
        return Forward(str(last["TargetGroupArn"]))
    if last.get("Type") == "fixed-response":
        fixed = last["FixedResponseConfig"]
        status = int(fixed.get("StatusCode", 0))
        if status not in FIXED_STATUSES:
            raise Unsupported(f"a fixed response of status {status}: there are {FIXED_STATUSES}")
        content_type = fixed.get("ContentType") or "text/plain"
        return FixedResponse(status, str(content_type), str(fixed.get("MessageBody") or ""))
    raise Unsupported(
        f"action {last.get('Type')!r}: this load balancer knows forward (to one target group) and fixed-response"
    )


def groups(found: Iterable[Route]) -> list[str]:
    """The ARNs of the target groups that routes lead to, each once."""
    return list(dict.fromkeys(route.action.group for route in found if isinstance(route.action, Forward)))


def _priority(rule: Mapping[str, Any]) -> int:
    return _DEFAULT_PRIORITY if rule.get("IsDefault") else int(rule["Priority"])


def _pattern(conditions: Sequence[Mapping[str, Any]]) -> str:
    parts = {"host-header": "[^|]*", "http-request-method": "[^|]*", "path-pattern": ".*"}
    for condition in conditions:
        field = condition["Field"]
        if field not in _FIELDS:
            raise Unsupported(f"condition {field!r}: this load balancer knows {', '.join(_FIELDS)}")
        parts[field] = _any_of(condition["Values"], anything=".*" if field == "path-pattern" else "[^|]*")
    return "^" + r"\|".join(parts[field] for field in _FIELDS) + "$"


def _any_of(values: Sequence[str], anything: str) -> str:
    return f"({'|'.join(_glob(value, anything) for value in values)})"


def _glob(value: str, anything: str) -> str:
    """AWS's wildcards: ``*`` is any number of characters, ``?`` exactly one."""
    single = anything.removesuffix("*")
    literal = {"*": anything, "?": single, " ": r"\x20"}
    return "".join(literal.get(character) or re.escape(character) for character in value)


def host_lowered(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The rule with its host names in lower case: names are compared without regard to it."""
    conditions = [
        {**condition, "Values": [value.lower() for value in condition["Values"]]}
        if condition["Field"] == "host-header"
        else dict(condition)
        for condition in rule.get("Conditions", [])
    ]
    return {**rule, "Conditions": conditions}
