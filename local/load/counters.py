"""What a load has seen."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FAILURES_KEPT = 20


@dataclass(frozen=True)
class Failure:
    """A request that failed: when (Unix time, seconds), what was asked, and why."""

    at: float
    request: str
    reason: str


@dataclass(frozen=True)
class Snapshot:
    """The requests that ended in an interval. `held_back` were due, but too many were still unanswered."""

    seconds: float
    requests: int
    failed: int
    held_back: int
    longest_gap: float  # seconds without a request that succeeded, the interval's ends included
    slowest: float  # seconds
    paths: Mapping[str, int]
    failed_paths: Mapping[str, int]
    reasons: Mapping[str, int]
    last_failures: tuple[Failure, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


@dataclass
class _Interval:
    began: float
    last_success: float
    failed: int = 0
    held_back: int = 0
    longest_gap: float = 0.0
    slowest: float = 0.0
    paths: Counter[str] = field(default_factory=Counter)
    failed_paths: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    last_failures: deque[Failure] = field(default_factory=lambda: deque(maxlen=FAILURES_KEPT))


class Counters:
    """Counts from any thread, read from any other, by intervals."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._now = _Interval(clock(), clock())

    def answered(self, request: str, seconds: float, failure: str | None = None) -> None:
        """Count a request that ended; `failure` is why it failed."""
        with self._lock:
            now, at = self._now, self._clock()
            now.paths[request] += 1
            now.slowest = max(now.slowest, seconds)
            if failure is None:
                now.longest_gap = max(now.longest_gap, at - now.last_success)
                now.last_success = at
            else:
                now.failed += 1
                now.failed_paths[request] += 1
                now.reasons[failure] += 1
                now.last_failures.append(Failure(time.time(), request, failure))

    def held_back(self) -> None:
        """Count a request that was due and not sent."""
        with self._lock:
            self._now.held_back += 1

    def snapshot(self) -> Snapshot:
        """Return what was counted since the interval began."""
        with self._lock:
            return self._read(self._clock())

    def take(self) -> Snapshot:
        """Return the same, and begin a new interval."""
        with self._lock:
            at = self._clock()
            snapshot, last_success = self._read(at), self._now.last_success
            self._now = _Interval(at, last_success)  # a gap may span both
            return snapshot

    def _read(self, at: float) -> Snapshot:
        now = self._now
        return Snapshot(
            seconds=at - now.began,
            requests=now.paths.total(),
            failed=now.failed,
            held_back=now.held_back,
            longest_gap=max(now.longest_gap, at - now.last_success),
            slowest=now.slowest,
            paths=dict(now.paths),
            failed_paths=dict(now.failed_paths),
            reasons=dict(now.reasons),
            last_failures=tuple(now.last_failures),
        )
