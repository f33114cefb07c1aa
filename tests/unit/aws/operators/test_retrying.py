"""How long a task is tried again: waited out, tried a few times, or given up at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction, RetryDecision

from snaplift.aws.errors import StepFailed
from snaplift.aws.operators.retrying import FIRST, LONGEST, ODD_RETRIES, RETRIES, ByError, delay
from snaplift.promotion.deployment import NotConfirmed
from tests.unit.aws.conftest import client_error

THROTTLED = client_error("Throttling")


def decided(error: BaseException, number: int, cleared: int = 0) -> RetryDecision:
    """What is decided after the ``number``-th try since the last clear, which came after ``cleared`` tries."""
    return ByError().evaluate(error, try_number=cleared + number, max_tries=cleared + RETRIES)


@pytest.mark.parametrize("number", range(1, RETRIES + 1))
def test_s27_throttling_is_waited_out_as_long_as_there_are_tries(number: int) -> None:
    found = decided(THROTTLED, number)
    assert found.action is RetryAction.RETRY
    assert found.retry_delay is not None
    assert FIRST <= found.retry_delay <= LONGEST


@pytest.mark.parametrize(
    "error", [client_error("AccessDenied"), client_error("ValidationError"), StepFailed("plan again")]
)
def test_what_would_fail_again_is_given_up_at_once(error: Exception) -> None:
    assert decided(error, 1).action is RetryAction.FAIL


@pytest.mark.parametrize("cleared", [0, 5, 40])
@pytest.mark.parametrize("error", [NotConfirmed("1 of 2 tasks run"), KeyError("taskArns")])
def test_what_is_odd_is_tried_a_few_times_also_after_a_clear(error: Exception, cleared: int) -> None:
    actions = [decided(error, number, cleared).action for number in range(1, RETRIES + 1)]
    retried = [RetryAction.DEFAULT] * ODD_RETRIES
    assert actions == [*retried, *[RetryAction.FAIL] * (RETRIES - ODD_RETRIES)]


def test_s35_a_worker_that_is_told_to_end_is_no_failure_of_the_step() -> None:
    assert decided(SystemExit(143), 1).action is RetryAction.DEFAULT


def test_s27_runs_that_were_throttled_together_come_back_apart() -> None:
    assert len({delay(3) for _ in range(20)}) > 10


def test_delays_grow_up_to_the_longest() -> None:
    means = [sum((delay(number) for _ in range(500)), timedelta()) / 500 for number in range(1, RETRIES)]
    assert means[0] < means[2] < means[4]
    assert max(delay(10_000) for _ in range(100)) <= LONGEST
