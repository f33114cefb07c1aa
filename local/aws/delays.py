"""How long the states take that AWS passes through, in seconds; settable while the server runs."""

import math
import threading
import time
from collections.abc import Mapping

_NOTICE_SECONDS = 0.1  # how late a change may be noticed


class UnknownName(ValueError):
    """A delay or failure was set that no part of the server declares."""


class Delays:
    """Named durations in seconds. Each part declares its own at start, with a default."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def declare(self, name: str, seconds: float) -> None:
        """Make ``name`` (``service.step``) settable, with its default in seconds."""
        with self._lock:
            self._seconds[name] = seconds

    def __getitem__(self, name: str) -> float:
        """The seconds that ``name`` takes now; KeyError when nothing declares it."""
        with self._lock:
            return self._seconds[name]

    def wait(self, name: str, interrupted: threading.Event) -> bool:
        """Let the time ``name`` pass; what is set meanwhile counts from the beginning of the wait.

        Returns True as soon as ``interrupted`` is set.
        """
        began = time.monotonic()
        while (left := began + self[name] - time.monotonic()) > 0:
            if interrupted.wait(min(left, _NOTICE_SECONDS)):
                return True
        return interrupted.is_set()

    def update(self, changes: Mapping[str, object]) -> None:
        """Set several at once, all or none.

        :raises UnknownName: a name that is not declared
        :raises ValueError: a value that is no number of seconds, 0 or more
        """
        with self._lock:
            checked = {name: self._checked(name, value) for name, value in changes.items()}
            self._seconds.update(checked)

    def as_dict(self) -> dict[str, float]:
        """All of them, by name."""
        with self._lock:
            return dict(sorted(self._seconds.items()))

    def _checked(self, name: str, value: object) -> float:
        if name not in self._seconds:
            raise UnknownName(f"no delay {name!r}: there are {', '.join(sorted(self._seconds))}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"delay {name} is {value!r}: expected a number of seconds")
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"delay {name} is {value!r}: expected 0 or more seconds")
        return float(value)
