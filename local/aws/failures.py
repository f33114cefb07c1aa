"""Failures that a test or the demo asks for: named steps that end badly until told otherwise."""

import threading
from collections.abc import Mapping

from local.aws.delays import UnknownName


class Failures:
    """Named steps that can be made to fail, each with the failures it knows."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._active: dict[str, str] = {}
        self._lock = threading.Lock()

    def declare(self, name: str, *failures: str) -> None:
        """Make the step ``name`` (``service.step``) able to end in one of ``failures``."""
        with self._lock:
            self._known[name] = frozenset(failures)

    def get(self, name: str) -> str | None:
        """The failure that ``name`` has to end in, or None: it goes well."""
        with self._lock:
            return self._active.get(name)

    def update(self, changes: Mapping[str, object]) -> None:
        """Set or, with None, lift several at once, all or none.

        :raises UnknownName: a step that is not declared
        :raises ValueError: a failure that the step does not know
        """
        with self._lock:
            checked = {name: self._checked(name, value) for name, value in changes.items()}
            self._active = {name: value for name, value in {**self._active, **checked}.items() if value is not None}

    def as_dict(self) -> dict[str, str | None]:
        """Every step that can fail, with the failure set for it or None."""
        with self._lock:
            return {name: self._active.get(name) for name in sorted(self._known)}

    def _checked(self, name: str, value: object) -> str | None:
        if name not in self._known:
            raise UnknownName(f"no step {name!r} that can fail: there are {', '.join(sorted(self._known))}")
        if value is None:
            return None
        if not isinstance(value, str) or value not in self._known[name]:
            known = ", ".join(sorted(self._known[name]))
            raise ValueError(f"failure of {name} is {value!r}: expected null or one of {known}")
        return value
