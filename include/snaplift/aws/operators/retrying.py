"""How long a task is tried again, by what went wrong."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import Context

RETRIES: Final = 8
"""After what passes; with the delays below a quarter of an hour, beside botocore's own four in each call."""
ODD_RETRIES: Final = 3
"""After anything else: what is not confirmed yet, and what nobody thought of."""
FIRST, LONGEST = timedelta(seconds=5), timedelta(minutes=5)


class ByError(RetryPolicy):
    """Wait out what passes, try what is odd a few times, and give up at once what would fail again.

    Airflow's ExceptionRetryPolicy goes by an exception's class, and botocore has one class for nearly all of AWS's
    errors: throttling and a missing permission differ in their code only.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,  # noqa: ARG002  # Airflow's signature
    ) -> RetryDecision:
        """Decide; ``try_number`` goes on counting after a clear, and ``max_tries`` with it."""
        # boto3 takes a second to import: not while DAGs are parsed.
        from snaplift.aws.failures import is_passing, is_permanent

        number = RETRIES - max_tries + try_number
        if isinstance(exception, Exception):  # anything else is the process's end, not the step's failure
            if is_permanent(exception):
                return RetryDecision.fail("the same try would fail again")
            if is_passing(exception):
                return RetryDecision.retry(delay(number), "it may pass")
        if number > ODD_RETRIES:
            return RetryDecision.fail(f"it has gone wrong {number} times")
        return RetryDecision.default()


def delay(number: int) -> timedelta:
    """A delay before the try after the ``number``-th, decorrelated: runs that were throttled together come back apart.

    AWS Architecture Blog, "Exponential Backoff And Jitter", with the widest range that the delays before allow, since
    nothing is remembered between tries.
    """
    first, longest = FIRST.total_seconds(), LONGEST.total_seconds()
    seconds = random.uniform(first, first * 3.0 ** min(number, 10))  # noqa: S311  # jitter
    return timedelta(seconds=min(longest, seconds))
