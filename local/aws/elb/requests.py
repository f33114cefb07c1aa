"""How many requests each host got, and how many of them failed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

_FIRST_FAILURE = 500


class RequestCounts:
    """Counted from the load balancer's log, one line (``request host status``) a request."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def read(self, lines: Iterable[bytes]) -> None:
        """Count until the log ends."""
        for line in lines:
            word, _, rest = line.decode(errors="replace").strip().partition(" ")
            if word != "request":
                continue
            host, _, status = rest.rpartition(" ")
            with self._lock:
                self._requests[host] += 1
                # No status at all: the client went away, or the request could not be understood.
                self._failed[host] += not status.isdigit() or int(status) >= _FIRST_FAILURE

    def as_dict(self) -> dict[str, dict[str, int]]:
        """By host: ``requests``, and ``failed`` of them (5xx, or ended without an answer)."""
        with self._lock:
            return {
                host: {"requests": requests, "failed": self._failed[host]}
                for host, requests in sorted(self._requests.items())
            }
