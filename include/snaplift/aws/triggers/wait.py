"""The one trigger: wait for one thing of any kind."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from snaplift.promotion.wait import Observation, Verdict, Wait, judge

FIRST = 1.0
"""Seconds between the first two looks. Each later one takes a quarter longer, up to the wait's interval: what takes
seconds is seen within seconds, and what takes an hour is not asked for more often than that."""
GROWTH = 1.25
SLOWEST = 120.0
"""Seconds between two looks at most, when AWS throttles."""
ABSENCES = 3
"""Looks without the thing before it counts as gone: AWS's listings are eventually consistent."""


class WaitTrigger(BaseTrigger):
    """Look at a thing until it is as wanted, has failed, is gone, or the time is up.

    The provider's triggers are one class a service, count attempts instead of time, and wait by name.

    :param wait: a :class:`~snaplift.promotion.wait.Wait` as JSON.
    :param until: Unix time in seconds; a restarted triggerer keeps the deadline.
    """

    def __init__(self, wait: str, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # Anything but TypeError in a trigger's __init__ ends the whole triggerer.
        if not isinstance(wait, str) or not isinstance(until, float | int):
            raise TypeError("expected the wait as JSON and its deadline as a number")
        self.wait = wait
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"wait": self.wait, "until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: ``verdict``, ``state``, ``detail``."""
        outcome = await self._outcome(Wait.model_validate_json(self.wait))
        yield TriggerEvent(outcome)  # type: ignore[no-untyped-call]

    async def _outcome(self, wait: Wait) -> dict[str, str]:
        from snaplift.aws.errors import is_transient
        from snaplift.aws.observe import make_client, observe

        client: Any = None
        pause, absences, state = min(FIRST, wait.interval) / GROWTH, 0, ""
        gone_since = time.time()
        while True:
            try:
                # boto3 blocks, so it runs in a thread.
                client = client or await asyncio.to_thread(make_client, wait)
                seen = await asyncio.to_thread(observe, wait, client)
            except Exception as error:
                if not is_transient(error):
                    return _event(Verdict.FAILED, "unknown", f"{type(error).__name__}: {error}")
                self.log.warning("%s: %s", wait, error)
                client = None  # its session may have expired
                pause = min(2 * max(pause, wait.interval), SLOWEST)
            else:
                # After a throttling it comes down again by halves.
                pause = (
                    min(GROWTH * pause, wait.interval) if pause <= wait.interval else max(0.5 * pause, wait.interval)
                )
                state = _logged(self, wait, seen, state)
                verdict = judge(wait, seen)
                absences = absences + 1 if seen is None else 0
                gone_since = time.time() if absences <= 1 else gone_since
                # What has just been made may not be listed for some seconds.
                settled = verdict is Verdict.DONE or time.time() - gone_since >= wait.interval
                if verdict is not Verdict.PENDING and (seen is not None or (absences >= ABSENCES and settled)):
                    return _event(verdict, state, seen.detail if seen else "")
            if time.time() >= self.until:
                return _event(Verdict.OVERDUE, state or "unknown", f"not done after {wait.timeout:.0f} s")
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311  # jitter


def _event(verdict: Verdict, state: str, detail: str) -> dict[str, str]:
    return {"verdict": str(verdict), "state": state, "detail": detail}


def _logged(trigger: BaseTrigger, wait: Wait, seen: Observation | None, before: str) -> str:
    state = seen.state if seen else "absent"
    if state != before:
        trigger.log.info("%s is %s %s", wait, state, seen.detail if seen else "")
    return state
