"""State changes that go on after a call was answered, as threads that end with the server."""

import contextvars
import logging
import threading
from collections.abc import Callable

from local.aws.delays import Delays

_log = logging.getLogger(__name__)


class Stopping(Exception):
    """The server stops: what waits in the background gives up."""


class Background:
    """Runs work beside the event loop, in the account and region of the call that began it."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread of its own; what it raises is logged under ``name``."""
        context = contextvars.copy_context()

        def run() -> None:
            try:
                context.run(work)
            except Stopping:
                pass
            except Exception:
                _log.exception("%s failed", name)

        threading.Thread(target=run, name=name, daemon=True).start()

    def pause(self, seconds: float) -> None:
        """Sleep ``seconds``.

        :raises Stopping: the server was told to stop meanwhile
        """
        if self._stop.wait(seconds):
            raise Stopping

    def wait(self, delays: Delays, name: str) -> None:
        """Let the delay ``name`` pass, as it is set meanwhile.

        :raises Stopping: the server was told to stop meanwhile
        """
        if delays.wait(name, self._stop):
            raise Stopping

    @property
    def stopping(self) -> bool:
        """True from the moment the server was told to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Wake everything that pauses, so that it ends."""
        self._stop.set()
