"""Every call and statement of the product in this process: recorded, and struck where a point says so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from functools import lru_cache
from typing import Any, Final

import pymysql
import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.retries.quota import RetryQuota
from botocore.retries.standard import ExponentialBackoff
from botocore.useragent import UserAgentString
from botocore.utils import parse_timestamp

from snaplift.aws import observe
from tests.chaos.points import COMMIT, CONNECT, EVERY_READ, REFUSALS, SQL, WAIT, Call, Fault, Point
from tests.support.laptop import Laptop

_ACTIONS: Final[dict[Fault, tuple[str, int]]] = {
    Fault.LOST: ("after", 1),
    Fault.THROTTLED: ("throttle", 3),
    Fault.DENIED: ("deny", 1),
    Fault.CLEARED: ("deny", 1),
}
"""What the laptop does, and to how many attempts of a call. It goes by a mark in the User-Agent."""
_SQL_ERRORS: Final = {
    Fault.LOST: (2013, "Lost connection to MySQL server during query"),
    Fault.THROTTLED: (1040, "Too many connections"),
    Fault.DENIED: (1142, "command denied to user"),
    Fault.CLEARED: (1142, "command denied to user"),
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
        self.struck: Counter[Point] = Counter()
        """Calls by the point that struck them, of the last run."""
        self._points: list[Point] = []
        self._cleared: set[str] = set()
        self._marked = 0
        self._attempts: tuple[str, int] = ("", 0)
        self._task = ""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._parts: Counter[str] = Counter()
        self._looks: int | None = None
        self._kill_after: Point | None = None
        self.quotas: list[RetryQuota] = []
        """What botocore has left for repeating, of each client."""

    # -- what is told ------------------------------------------------------------------------------------------

    def begin(self, points: Sequence[Point]) -> None:
        """Begin a run, to be struck at points or only recorded."""
        self.calls, self._points, self._marked = [], list(points), 0
        for each in (self.struck, self._counts, self._parts, self._cleared):
            each.clear()
        actions = sorted({_ACTIONS[point.fault][0] for point in points if point.fault in _ACTIONS})
        self.laptop.set_faults(*({"action": each, "mark": _mark(each), "times": 10**6} for each in actions))

    def end(self) -> None:
        """End a run: from now on nothing is struck.

        :raises AssertionError: the laptop's AWS has not done what it was told by marks.
        """
        self._points = []
        struck = sum(rule["struck"] for rule in self.laptop.control("GET", "faults")["rules"])
        assert struck == self._marked, f"{self._marked} attempts were marked, and {struck} were struck"
        self.laptop.set_faults()

    def begin_try(self, task: str) -> None:
        """A task that was struck begins again, and so does the count of its calls."""
        self._cleared.discard(task)
        if any(point.task.removesuffix(WAIT) == task for point in self.struck):
            self._forget(task)

    def begin_part(self, task: str) -> None:
        """A task goes on after a wait."""
        self._parts[task] += 1
        self._forget(task)

    def _forget(self, task: str) -> None:
        for key in [key for key in self._counts if key[0].removesuffix(WAIT) == task]:
            del self._counts[key]

    def is_cleared(self, task: str) -> bool:
        """Say whether a person clears a task that failed, which is so once for each point that says it."""
        if task not in self._cleared:
            return False
        self._cleared.remove(task)
        return True

    @contextmanager
    def within(self, task: str) -> Iterator[None]:
        """What happens here is a task's doing, in a process of its own."""
        self._task = task
        for quota in self.quotas:
            quota.release(RetryQuota.INITIAL_CAPACITY)  # it takes no more than it has room for
        try:
            yield
        finally:
            self._task, self._kill_after, self._attempts = "", None, ("", 0)

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
        part = 1 + self._parts[self._task.removesuffix(WAIT)]
        call = Call(self._task, name, self._counts[self._task, name], part)
        self.calls.append(call)
        return call

    def _strikes(self, call: Call | None) -> Point | None:
        """The point that strikes a call; each does so once, but for those that strike all reads of a task."""
        met = [each for each in self._points if each.meets(call)] if call else []
        if not met:
            return None
        point = min(met, key=lambda each: each.call == EVERY_READ)
        if point.call != EVERY_READ:
            self._points.remove(point)
        if point.fault is Fault.CLEARED:
            self._cleared.add(point.task.removesuffix(WAIT))
        return point

    def before_call(self, model: Any, **_: Any) -> None:
        """Botocore's ``before-call`` handler, the last: what the fence refuses is not made."""
        point = self._strikes(self._next(f"{model.service_model.service_name}:{model.name}"))
        fault = point.fault if point else None
        if point and fault is Fault.KILLED_BEFORE:
            self._kill(point)
        self._kill_after = point if fault is Fault.KILLED_AFTER else None
        self._attempts = ("", 0)
        if point and fault in _ACTIONS:
            self._attempts = _ACTIONS[fault]
            self.struck[point] += 1

    def before_send(self, request: Any, **_: Any) -> None:
        """Botocore's ``before-send`` handler, of each attempt: it has made up its User-Agent, which is not signed."""
        action, left = self._attempts
        if left:
            request.headers["User-Agent"] = request.headers["User-Agent"] + b" " + _mark(action).encode()
            self._attempts, self._marked = (action, left - 1), self._marked + 1

    def after_call(self, **_: Any) -> None:
        """Botocore's ``after-call`` handler."""
        if self._kill_after:
            self._kill(self._kill_after)

    def statement(self, name: str, run: Callable[[], Any]) -> Any:
        """Run a statement, or what happens instead."""
        point = self._strikes(self._next(f"{SQL}:{name}"))
        if point is None:
            return run()
        if point.fault is Fault.KILLED_BEFORE:
            self._kill(point)
        if point.fault is Fault.THROTTLED or point.fault in REFUSALS:
            self._fail(point)
        with suppress(pymysql.err.MySQLError):  # a refusal is lost as well
            run()
        if point.fault is Fault.LOST:
            self._fail(point)
        self._kill(point)
        return None

    def _kill(self, point: Point) -> None:
        self.struck[point] += 1
        self._kill_after = None
        raise Killed

    def _fail(self, point: Point) -> None:
        self.struck[point] += 1
        raise pymysql.err.OperationalError(*_SQL_ERRORS[point.fault])

    # -- how it is seen ----------------------------------------------------------------------------------------

    def tap(self, patch: pytest.MonkeyPatch) -> None:
        """Put this between the product, botocore and pymysql."""
        self._tap_sessions(patch)
        self._tap_statements(patch)
        self._tap_looks(patch)
        patch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
        self._tap_quotas(patch)
        _share_contexts(patch)
        _share_user_agents(patch)

    def _tap_sessions(self, patch: pytest.MonkeyPatch) -> None:
        """One session for all of the product's clients, which is also what makes a run cheap."""
        make = AwsGenericHook.get_session
        sessions: dict[tuple[str | None, str | None], Any] = {}

        def get_session(hook: Any, region_name: str | None = None, **given: Any) -> Any:
            place = (hook.aws_conn_id, region_name)
            if place not in sessions:
                sessions[place] = session = make(hook, region_name, **given)
                _read_times_once(session)
                session.events.register_last("before-call", self.before_call)
                session.events.register("before-send", self.before_send)
                session.events.register("after-call", self.after_call)
            return sessions[place]

        patch.setattr(AwsGenericHook, "get_session", get_session)
        _share_clients(patch)
        patch.setattr(AwsGenericHook, "_get_caller", lambda *_: "Test")

    def _tap_quotas(self, patch: pytest.MonkeyPatch) -> None:
        """Know of what botocore has left for repeating: each process begins with all of it, and here all are one."""
        make = RetryQuota.__init__

        def init(quota: RetryQuota, *args: Any, **given: Any) -> None:
            make(quota, *args, **given)
            self.quotas.append(quota)

        patch.setattr(RetryQuota, "__init__", init)

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


def _share_contexts(patch: pytest.MonkeyPatch) -> None:
    """Make a TLS context once: it reads the machine's certificates, which takes longer than a connection."""
    make = pymysql.connections.Connection._create_ssl_ctx  # type: ignore[attr-defined]
    contexts: dict[str, Any] = {}

    def create(connection: Any, given: Any) -> Any:
        if repr(given) not in contexts:
            contexts[repr(given)] = make(connection, given)
        return contexts[repr(given)]

    patch.setattr(pymysql.connections.Connection, "_create_ssl_ctx", create)


def _share_user_agents(patch: pytest.MonkeyPatch) -> None:
    """Make up a client's User-Agent once, and not for each of its requests: it takes as long as signing one."""
    make = UserAgentString.to_string

    def to_string(agent: UserAgentString) -> str:
        known: str | None = vars(agent).get("_known")
        if known is None:
            vars(agent)["_known"] = known = make(agent)
        return known

    patch.setattr(UserAgentString, "to_string", to_string)


def _read_times_once(session: Any) -> None:
    """Parse each time that AWS tells once: what stands tells the same ones in each of its descriptions."""
    parsers = session._session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=lru_cache(maxsize=10_000)(parse_timestamp))


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


def _mark(action: str) -> str:
    return f"chaos/{action};"


def _verb(query: str) -> str:
    """A statement's first words: ``DROP-USER``."""
    words = re.findall(r"[A-Za-z]+", query.upper())
    return words[0] if words[0] == "SELECT" else "-".join(words[:2])
