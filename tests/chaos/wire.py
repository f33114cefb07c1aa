"""Every call and statement of the product in this process: recorded, and struck where a point says so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any, Final

import pymysql
import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.retries.standard import ExponentialBackoff

from snaplift.aws import observe
from tests.chaos.points import COMMIT, CONNECT, SQL, WAIT, Call, Fault, Point
from tests.support.laptop import Laptop

MARKS: Final = 200
"""Calls of one run that can be struck by the laptop, each by a mark of its own in the User-Agent."""
_ACTIONS: Final[dict[Fault, dict[str, Any]]] = {
    Fault.LOST: {"action": "after"},
    Fault.THROTTLED: {"action": "throttle", "times": 3},
    Fault.DENIED: {"action": "deny"},
}
_SQL_ERRORS: Final = {
    Fault.LOST: (2013, "Lost connection to MySQL server during query"),
    Fault.THROTTLED: (1040, "Too many connections"),
    Fault.DENIED: (1142, "command denied to user"),
}


class Killed(BaseException):
    """The process is gone. No handler of the product catches it (a test holds that); Airflow tries the task again."""


class Wire:
    """What passes between the product and AWS.

    Only what happens :meth:`within` a task counts: what looks at the result is not watched.
    """

    def __init__(self, laptop: Laptop) -> None:
        self.laptop = laptop
        self.calls: list[Call] = []
        self.struck = 0
        self._point: Point | None = None
        self._task = ""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._looks: int | None = None
        self._kill_after = False
        self._mark = ""

    # -- what is told ------------------------------------------------------------------------------------------

    def begin(self, point: Point | None) -> None:
        """Begin a run, to be struck at a point or only recorded."""
        self.calls, self.struck, self._point = [], 0, point
        self._counts.clear()
        action = _ACTIONS.get(point.fault) if point else None
        rules = [{**action, "mark": _mark(number)} for number in range(MARKS)] if action else []
        self.laptop.set_faults(*rules)

    def end(self) -> None:
        """End a run: from now on nothing is struck."""
        self._point = None
        self.struck += sum(rule["struck"] > 0 for rule in self.laptop.control("GET", "faults")["rules"])
        self.laptop.set_faults()

    @contextmanager
    def within(self, task: str) -> Iterator[None]:
        """What happens here is a task's doing."""
        self._task = task
        try:
            yield
        finally:
            self._task, self._kill_after, self._mark = "", False, ""

    @contextmanager
    def waiting(self, task: str) -> Iterator[None]:
        """What happens here is the triggerer's doing, for a task; only the first look counts."""
        self._looks = 0
        try:
            with self.within(task + WAIT):
                yield
        finally:
            self._looks = None

    # -- what is seen ------------------------------------------------------------------------------------------

    def _next(self, name: str) -> Call | None:
        """Count a call. None: it is not the product's, or not a first look's."""
        if not self._task or (self._looks or 0) > 1:
            return None
        self._counts[self._task, name] += 1
        call = Call(self._task, name, self._counts[self._task, name])
        self.calls.append(call)
        return call

    def _strikes(self, call: Call | None) -> Fault | None:
        return self._point.fault if call and self._point and self._point.meets(call) else None

    def before_call(self, model: Any, **_: Any) -> None:
        """Botocore's ``before-call`` handler, the last: what the fence refuses is not made."""
        fault = self._strikes(self._next(f"{model.service_model.service_name}:{model.name}"))
        if fault is Fault.KILLED_BEFORE:
            self._kill()
        self._kill_after = fault is Fault.KILLED_AFTER
        self._mark = _mark(len(self.calls) % MARKS) if fault in _ACTIONS else ""

    def before_send(self, request: Any, **_: Any) -> None:
        """Botocore's ``before-send`` handler, of each attempt: it has made up its User-Agent, which is not signed."""
        if self._mark:
            request.headers["User-Agent"] = request.headers["User-Agent"] + b" " + self._mark.encode()

    def after_call(self, **_: Any) -> None:
        """Botocore's ``after-call`` handler."""
        if self._kill_after:
            self._kill()

    def statement(self, name: str, run: Callable[[], Any]) -> Any:
        """Run a statement, or what happens instead."""
        fault = self._strikes(self._next(f"{SQL}:{name}"))
        if fault is Fault.KILLED_BEFORE:
            self._kill()
        if fault in {Fault.THROTTLED, Fault.DENIED}:
            self._fail(fault)
        if fault is Fault.LOST:
            with suppress(pymysql.err.MySQLError):  # a refusal is lost as well
                run()
            self._fail(fault)
        result = run()
        if fault is Fault.KILLED_AFTER:
            self._kill()
        return result

    def _kill(self) -> None:
        self.struck += 1
        self._kill_after = False
        raise Killed

    def _fail(self, fault: Fault) -> None:
        self.struck += 1
        raise pymysql.err.OperationalError(*_SQL_ERRORS[fault])

    # -- how it is seen ----------------------------------------------------------------------------------------

    def tap(self, patch: pytest.MonkeyPatch) -> None:
        """Put this between the product, botocore and pymysql."""
        self._tap_sessions(patch)
        self._tap_statements(patch)
        self._tap_looks(patch)
        patch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)

    def _tap_sessions(self, patch: pytest.MonkeyPatch) -> None:
        """One session for all of the product's clients, which is also what makes a run cheap."""
        make = AwsGenericHook.get_session
        sessions: dict[tuple[str | None, str | None], Any] = {}

        def get_session(hook: Any, region_name: str | None = None, **given: Any) -> Any:
            place = (hook.aws_conn_id, region_name)
            if place not in sessions:
                sessions[place] = session = make(hook, region_name, **given)
                session.events.register_last("before-call", self.before_call)
                session.events.register("before-send", self.before_send)
                session.events.register("after-call", self.after_call)
            return sessions[place]

        patch.setattr(AwsGenericHook, "get_session", get_session)
        _share_clients(patch)
        patch.setattr(AwsGenericHook, "_get_caller", lambda *_: "Test")

    def _tap_statements(self, patch: pytest.MonkeyPatch) -> None:
        connect, commit = pymysql.connect, pymysql.connections.Connection.commit
        execute = pymysql.cursors.Cursor.execute
        wire = self

        def tapped_execute(cursor: Any, query: str, args: Any = None) -> Any:
            return wire.statement(_verb(query), lambda: execute(cursor, query, args))

        patch.setattr(pymysql, "connect", lambda **given: wire.statement(CONNECT, lambda: connect(**given)))
        patch.setattr(
            pymysql.connections.Connection, "commit", lambda made: wire.statement(COMMIT, lambda: commit(made))
        )
        patch.setattr(pymysql.cursors.Cursor, "execute", tapped_execute)

    def _tap_looks(self, patch: pytest.MonkeyPatch) -> None:
        look = observe.observe

        def tapped_look(*given: Any) -> Any:
            if self._looks is not None:
                self._looks += 1
            return look(*given)

        patch.setattr(observe, "observe", tapped_look)


def _share_clients(patch: pytest.MonkeyPatch) -> None:
    """Make each service's client once: that is half of a run's time. What a fence registers stays its own."""
    make = AwsGenericHook.get_client_type
    clients: dict[tuple[Any, ...], Any] = {}

    def get_client_type(hook: Any, *args: Any, **given: Any) -> Any:
        key = (hook.aws_conn_id, hook.region_name, hook.client_type)
        if key not in clients:
            clients[key] = make(hook, *args, **given)
        shared = clients[key]
        own = object.__new__(type(shared))
        own.__dict__.update(shared.__dict__)
        own.meta = copy(shared.meta)
        own.meta.events = _OwnEvents(shared.meta.events)
        return own

    patch.setattr(AwsGenericHook, "get_client_type", get_client_type)


class _OwnEvents:
    """The events of a shared client, with ``before-call`` handlers of one hook's, which come first."""

    def __init__(self, shared: Any) -> None:
        self._shared = shared
        self._before_call: list[Callable[..., None]] = []
        self._known: set[Any] = vars(shared).setdefault("_registered_by_hooks", set())

    def register(self, event: str, handler: Callable[..., None]) -> None:
        if event == "before-call":
            self._before_call.append(handler)
        elif handler not in self._known:
            self._known.add(handler)
            self._shared.register(event, handler)

    def emit_until_response(self, event: str, **given: Any) -> Any:
        if event.startswith("before-call."):
            for handler in self._before_call:
                handler(event_name=event, **given)
        return self._shared.emit_until_response(event, **given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared, name)


def _mark(number: int) -> str:
    return f"chaos/{number};"


def _verb(query: str) -> str:
    """A statement's first words: ``DROP-USER``."""
    words = re.findall(r"[A-Za-z]+", query.upper())
    return words[0] if words[0] == "SELECT" else "-".join(words[:2])
