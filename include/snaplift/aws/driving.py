"""Advance a step to its end in this process, waiting here, where a task would be deferred."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from snaplift.aws.aws import Aws
from snaplift.aws.errors import WaitFailed, is_transient
from snaplift.aws.observe import make_client, observe
from snaplift.aws.steps.promotion import Done
from snaplift.aws.triggers.wait import ABSENCES, FIRST, GROWTH
from snaplift.promotion.wait import Observation, Verdict, Wait, judge

log = logging.getLogger(__name__)


def drive(
    advance: Callable[[], Wait | Done],
    *,
    tell: Callable[[Wait], None] = lambda _: None,
    first: float = FIRST,
    slowest: float | None = None,
) -> Done:
    """Advance until there is nothing left to wait for, as an operator and the trigger do together.

    :param tell: is told each thing that is waited for.
    :param first: seconds between the first two looks; later ones take longer, up to the wait's own interval.
    :param slowest: seconds between two looks at most, instead of the wait's interval.
    :raises WaitFailed: something went wrong that the step itself does not explain.
    """
    while isinstance(outcome := advance(), Wait):
        tell(outcome)
        longest = outcome.interval if slowest is None else slowest
        seen, verdict = _wait(outcome, min(first, longest), longest)
        if verdict is not Verdict.DONE and isinstance(again := advance(), Wait):
            state = f"{seen.state}: {seen.detail or 'no reason is given'}" if seen else "absent"
            raise WaitFailed(f"{again} is {state}")
    return outcome


def _wait(wait: Wait, pause: float, longest: float) -> tuple[Observation | None, Verdict]:
    """Look until it is as wanted, has failed, is gone, or the time is up."""
    until, client, absences = time.monotonic() + wait.timeout, make_client(wait), 0
    while True:
        seen, verdict = _look(wait, client)
        absences = absences + 1 if seen is None else 0
        # What has just been made may not be listed at once.
        if verdict is Verdict.ABSENT and seen is None and absences < ABSENCES:
            verdict = Verdict.PENDING
        if verdict is not Verdict.PENDING:
            return seen, verdict
        if time.monotonic() >= until:
            return Observation(state=f"not done after {wait.timeout:.0f} s"), Verdict.FAILED
        time.sleep(pause)
        pause = min(GROWTH * pause, longest)


def _look(wait: Wait, client: Aws) -> tuple[Observation | None, Verdict]:
    try:
        seen = observe(wait, client)
    except Exception as error:
        if not is_transient(error):
            raise
        log.warning("%s: %s", wait, error)
        return Observation(state="unknown", detail=str(error)), Verdict.PENDING
    return seen, judge(wait, seen)
