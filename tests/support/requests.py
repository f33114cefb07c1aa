"""Requests to a host behind a load balancer: one, or many under load."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self


def eventually(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true value of a condition.

    :raises AssertionError: there was none within ``seconds``
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)
    return value


class Load:
    """Clients that keep their connections and ask one host as fast as they are answered."""

    def __init__(self, port: int, host: str, clients: int = 4) -> None:
        self.answers: list[Any] = []
        self.failures: list[str] = []
        self._port, self._host = port, host
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        eventually(lambda: self.answers or self.failures, "the first answer")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            try:
                status, answer = ask(connection, "/", self._host)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            self.answers.append(answer)
            if status != 200:
                self.failures.append(f"{status} {answer}")
        connection.close()


def ask(connection: http.client.HTTPConnection, path: str, host: str) -> tuple[int, Any]:
    """One request on an open connection: the status, and the JSON (or the text) of the answer."""
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    text = answer.read().decode()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text
