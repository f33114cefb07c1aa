"""Faults between a caller and AWS: by rule a call is lost, cut, throttled, refused or late, or its caller is killed.

`PUT /_local/faults` takes ``{"rules": [...]}``, which replaces the rules that were there; `GET` tells how many calls
each rule has seen and struck. A rule strikes the ``nth`` call that it sees and the ``times`` - 1 after that.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from local.aws import peers
from local.aws.protocols import Answer, Call

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

ACTIONS = {
    "before": "the call is not applied, and its connection is cut",
    "after": "the call is applied, its answer is dropped, and its connection is cut",
    "cut": "the call is applied, and its connection is cut in the middle of the answer",
    "throttle": "the service's own answer to too many requests",
    "deny": "the service's own answer to a caller without the permission",
    "error": "an error with the rule's code, status and message",
    "delay": "the call is applied, seconds later",
    "kill_before": "SIGKILL to the caller's process; the call is not applied",
    "kill_after": "the call is applied, then SIGKILL to the caller's process",
}


@dataclass
class Rule:
    """Which calls are struck, and how.

    :param service: as it signs (``rds``); empty: any
    :param operation: ``CreateDBSnapshot``; empty: any
    :param mark: a part of the caller's User-Agent; empty: any caller. Only its calls are seen and counted
    :param nth: the first call that is struck, of those that the rule sees; from 1
    :param times: how many are struck, one after the other
    """

    action: str
    service: str = ""
    operation: str = ""
    mark: str = ""
    nth: int = 1
    times: int = 1
    code: str = "InternalFailure"
    status: int = 500
    message: str = "a fault that was asked for"
    seconds: float = 1.0
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def strikes(self, call: Call) -> bool:
        """Count a call. True: it is to be struck."""
        if self.service not in {"", call.service} or self.operation not in {"", call.operation}:
            return False
        if self.mark not in call.agent:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Faults:
    """The rules, in order: every rule counts what it sees, the first that has to strikes."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    @property
    def active(self) -> bool:
        """Whether there is any rule."""
        return bool(self._rules)

    def strike(self, call: Call) -> Rule | None:
        """The rule that strikes this call."""
        with self._lock:
            due = [rule for rule in self._rules if rule.strikes(call)]
            if not due:
                return None
            due[0].struck += 1
            return due[0]

    def read(self, _: object = None) -> object:
        """The rules, with what they have seen and struck."""
        with self._lock:
            return {"rules": [asdict(rule) for rule in self._rules]}

    def write(self, body: object) -> object:
        """Replace the rules.

        :raises ValueError: says which rule is wrong
        """
        if not isinstance(body, Mapping) or not isinstance(body.get("rules"), list):
            raise ValueError(f"expected a JSON object with a list of rules, got {body!r}")
        rules = [_rule(given) for given in body["rules"]]
        with self._lock:
            self._rules = rules
        return self.read()


def _rule(given: object) -> Rule:
    known = {each.name: each for each in fields(Rule) if each.init}
    if not isinstance(given, Mapping) or not given.keys() <= known.keys():
        raise ValueError(f"rule {given!r}: expected an object with some of {', '.join(known)}")
    for name, value in given.items():
        kind = (int, float) if known[name].type is float else known[name].type
        if not isinstance(value, kind) or isinstance(value, bool):  # type: ignore[arg-type]  # plain classes
            raise ValueError(f"rule {given!r}: {name} is {value!r}")
    if given.get("action") not in ACTIONS:
        raise ValueError(f"rule {given!r}: action is one of {', '.join(ACTIONS)}")
    if any(given.get(name, 1) < 1 for name in ("nth", "times")):
        raise ValueError(f"rule {given!r}: nth and times are 1 or more")
    return Rule(**given)


class FaultyApplication:
    """An ASGI application in front of another, whose answers it keeps back where a rule says so."""

    def __init__(self, inner: Application, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._faults.active:
            await self._inner(scope, receive, send)
            return
        body = await _body(receive)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        call = Call.read(scope["method"], headers, body)
        rule = self._faults.strike(call)
        receive = _replaying(body, receive)
        if rule is None:
            await self._inner(scope, receive, send)
        elif rule.action in {"throttle", "deny", "error"}:
            await _answer(send, _error(rule, call))
        else:
            await self._disturb(rule, scope, receive, send)

    async def _disturb(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        peer = tuple(scope["client"])
        if rule.action == "delay":
            await asyncio.sleep(rule.seconds)
            await self._inner(scope, receive, send)
            return
        messages: list[Any] = []
        if rule.action in {"after", "cut", "kill_after"}:
            await self._inner(scope, receive, _into(messages))
        if rule.action == "cut":
            await _send_half(messages, send)
        if rule.action.startswith("kill_"):
            await asyncio.to_thread(peers.kill, peer)
        peers.cut(peer)


def _error(rule: Rule, call: Call) -> Answer:
    if rule.action == "throttle":
        return call.throttled()
    if rule.action == "deny":
        return call.denied()
    return call.error(rule.code, rule.status, rule.message)


def _into(messages: list[Any]) -> Send:
    async def keep(message: Any) -> None:
        messages.append(message)

    return keep


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replaying(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _answer(send: Send, answer: Answer) -> None:
    status, headers, body = answer
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*named, length]})
    await send({"type": "http.response.body", "body": body})


async def _send_half(messages: list[Any], send: Send) -> None:
    """The beginning of an answer, with the length of the whole said."""
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    kept = [header for header in start["headers"] if header[0].lower() not in {b"content-length", b"transfer-encoding"}]
    await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
