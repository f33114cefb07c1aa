"""A load of a bounded rate on one site, from a thread of its own."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import httpx

from local.load.counters import Counters, Snapshot
from local.load.ledger import Ledger, Write
from local.load.target import Target

START_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """What to ask. It failed when the answer's status is another than expected, broken off, or too late.

    In `form` and `json`, `{unique}` stands for a text that no other request of any load has.
    """

    path: str = "/"
    method: str = "GET"
    form: Mapping[str, str] | None = None
    json: Mapping[str, str] | None = None
    expected: frozenset[int] = frozenset({200})

    @property
    def name(self) -> str:
        """What it is counted as."""
        return self.path if self.method == "GET" else f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        """Whether it leaves something at the site that can be known again."""
        return any("{unique}" in value for given in (self.form, self.json) for value in (given or {}).values())


class Load:
    """Visitors of one site: `with Load(...) as load: ...; load.take()`.

    What they write is in its `ledger`.

    Requests are sent at their times, whether or not the earlier ones are answered, so that a site that
    hangs is noticed; only the number that wait is bounded. Most use kept connections, as browsers do, some
    a new one each.

    :param target: the site, or its address.
    :param requests: what to ask, in turn.
    :param rate: requests a second.
    :param timeout: seconds after which a request has failed.
    :param max_waiting: requests that may be unanswered at a time.
    :param new_connection_every: each how many-th time that something is asked it opens a connection of its own.
    :raises ValueError: the site is not on this machine, or a number is not above 0.
    """

    def __init__(
        self,
        target: Target | str,
        requests: Sequence[Request] = (Request(),),
        *,
        rate: float = 20.0,
        timeout: float = 10.0,
        max_waiting: int = 32,
        new_connection_every: int = 4,
    ) -> None:
        if not requests or min(rate, timeout, max_waiting, new_connection_every) <= 0:
            raise ValueError("a load needs a request, and a rate, times and numbers above 0")
        self._target = Target(target) if isinstance(target, str) else target
        self._requests = tuple(requests)
        self._rate = rate
        self._timeout = timeout
        self._max_waiting = max_waiting
        self._new_connection_every = new_connection_every
        self.ledger = Ledger()
        self._token = secrets.token_hex(4)
        self._counters = Counters()
        self._thread = threading.Thread(target=self._work, name=f"load {self._target.site}", daemon=True)
        self._running = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Begin."""
        self._thread.start()
        self._running.wait(START_SECONDS)
        return self

    def stop(self) -> Snapshot:
        """Send no more, wait for what was sent, and return what was counted since the last `take`.

        :raises RuntimeError: the load itself broke, so that its figures are worth nothing.
        """
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self._error is not None:
            raise RuntimeError(f"the load on {self._target.site} broke: {self._error}") from self._error
        return self._counters.snapshot()

    def snapshot(self) -> Snapshot:
        """Return what was counted since the start or the last `take`."""
        return self._counters.snapshot()

    def take(self) -> Snapshot:
        """Return the same and count anew: one interval's figures."""
        return self._counters.take()

    def _work(self) -> None:
        try:
            asyncio.run(self._send_all())
        except Exception as error:  # reported by stop(): a thread has nobody to raise it to
            self._error = error
        finally:
            self._running.set()

    async def _send_all(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._counters.take()
        limits = httpx.Limits(max_keepalive_connections=self._max_waiting)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=self._timeout, limits=limits) as kept,
            httpx.AsyncClient(trust_env=False, timeout=self._timeout, headers={"Connection": "close"}) as new,
            asyncio.TaskGroup() as waiting,
        ):
            self._running.set()
            unanswered = asyncio.Semaphore(self._max_waiting)
            begun = time.monotonic()
            for number in itertools.count():
                if await self._stopped_before(begun + number / self._rate):
                    return
                if unanswered.locked():
                    self._counters.held_back()
                    continue
                await unanswered.acquire()
                times_asked = number // len(self._requests)
                client = new if times_asked % self._new_connection_every == 0 else kept
                waiting.create_task(self._send(client, number)).add_done_callback(lambda _: unanswered.release())

    async def _stopped_before(self, due: float) -> bool:
        assert self._stopping is not None
        try:
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._stopping.wait()
        except TimeoutError:
            return self._stopping.is_set()
        return True

    async def _send(self, client: httpx.AsyncClient, number: int) -> None:
        request = self._requests[number % len(self._requests)]
        unique, sent, begun = f"{self._token}-{number}", time.time(), time.monotonic()
        failure = await self._failure_of(client, request, unique)
        took = time.monotonic() - begun
        self._counters.answered(request.name, took, failure)
        if request.writes:
            self.ledger.enter(Write(unique, sent, sent + took, failure))

    async def _failure_of(self, client: httpx.AsyncClient, request: Request, unique: str) -> str | None:
        try:
            async with asyncio.timeout(self._timeout):  # httpx's own is for each read
                answer = await client.request(
                    request.method,
                    self._target.url(request.path),
                    headers={"Host": self._target.host},
                    data=_filled(request.form, unique),
                    json=_filled(request.json, unique),
                )
        except (TimeoutError, httpx.TimeoutException):
            return "timeout"
        except httpx.RequestError as error:
            return type(error).__name__
        return None if answer.status_code in request.expected else f"status {answer.status_code}"


def _filled(values: Mapping[str, str] | None, unique: str) -> dict[str, str] | None:
    if values is None:
        return None
    return {name: value.replace("{unique}", unique) for name, value in values.items()}
