"""``/_local/…``: what tests and the demo ask of this server that AWS does not have."""

import json
from collections.abc import Callable

from local.aws.delays import Delays
from local.aws.failures import Failures

Handler = Callable[[object], object]
"""Takes the request's JSON (None without a body), returns the answer's. ValueError answers 400."""


class Control:
    """Routes below ``/_local/``; every part of the server may add its own."""

    PREFIX = "/_local/"

    def __init__(self, delays: Delays, failures: Failures) -> None:
        self._routes: dict[tuple[str, str], Handler] = {}
        for name, table in (("delays", delays), ("failures", failures)):
            self.route("GET", name, _reader(table))
            self.route("PUT", name, _writer(table))

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Answer ``method /_local/<path>`` with ``handler``, which runs in a worker thread."""
        self._routes[method, self.PREFIX + path] = handler

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and the JSON for one request."""
        handler = self._routes.get((method, path))
        if handler is None:
            known = ", ".join(f"{verb} {route}" for verb, route in sorted(self._routes))
            return 404, _json({"error": f"no {method} {path}: there are {known}"})
        try:
            return 200, _json(handler(json.loads(body) if body else None))
        except ValueError as error:
            return 400, _json({"error": str(error)})


def _reader(table: Delays | Failures) -> Handler:
    def read(_: object) -> object:
        return table.as_dict()

    return read


def _writer(table: Delays | Failures) -> Handler:
    def write(body: object) -> object:
        if not isinstance(body, dict):
            raise ValueError(f"expected a JSON object of names and values, got {body!r}")
        table.update(body)
        return table.as_dict()

    return write


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
