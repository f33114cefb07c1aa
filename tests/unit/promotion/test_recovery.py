"""A run that goes on is never taken for dead; one that is dead is found out, and why is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snaplift.aws.steps.promotion import REMOVAL, RESTORE
from snaplift.promotion.lock import LEASE, Lock, Phase
from snaplift.promotion.recovery import ENDED, EXECUTING, GRACE, Holder, is_asked, judge
from tests.unit.promotion.examples import NOW, lock

LATER: Final = NOW + timedelta(hours=1)
OVER: Final = NOW + LEASE
RUN_STATES: Final = ("queued", "running", "success", "failed")
TASK_STATES: Final = (
    None,
    "awaiting_input",
    "deferred",
    "failed",
    "queued",
    "removed",
    "restarting",
    "running",
    "scheduled",
    "skipped",
    "success",
    "up_for_reschedule",
    "up_for_retry",
    "upstream_failed",
)

holders = st.builds(
    Holder,
    run=st.sampled_from(RUN_STATES),
    finish=st.sampled_from(TASK_STATES),
    paused=st.booleans(),
    stale=st.booleans(),
)
phases = st.sampled_from([Phase.PROMOTING, Phase.ABORTING])
moments = st.datetimes(NOW.replace(tzinfo=None), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=NOW.tzinfo))  # noqa: DTZ001


def dead(holder: Holder | None, now: datetime, of: Lock | None = None) -> bool:
    return judge(of or lock(), holder, now).dead


# -- what holds for all ------------------------------------------------------------------------------------------


@given(holders, phases, moments)
def test_s17_a_run_that_goes_on_is_never_robbed_however_old_its_lease(
    holder: Holder, phase: Phase, now: datetime
) -> None:
    goes_on = holder.model_copy(update={"paused": False, "stale": False})
    if goes_on.run not in ENDED:
        assert not dead(goes_on, now, lock(phase))


@given(holders, phases, moments)
def test_s17_before_its_lease_is_over_only_a_run_that_is_gone_or_has_ended_is_dead(
    holder: Holder, phase: Phase, now: datetime
) -> None:
    before = min(now, OVER - timedelta(seconds=1))
    if holder.run not in ENDED:
        assert not dead(holder, before, lock(phase))
    assert not dead(None, before, lock(phase))


@given(holders, phases, moments)
def test_s17_a_run_whose_last_task_executes_is_never_robbed(holder: Holder, phase: Phase, now: datetime) -> None:
    if holder.run in ENDED and holder.finish in EXECUTING:
        assert not dead(holder, now, lock(phase))


@given(st.one_of(st.none(), holders), moments)
def test_what_nobody_holds_needs_no_recovery(holder: Holder | None, now: datetime) -> None:
    assert not dead(holder, now, lock(Phase.FREE))


@given(st.one_of(st.none(), holders), phases, moments, st.integers(0, 10**6))
def test_what_is_dead_stays_dead_as_long_as_nothing_is_done(
    holder: Holder | None, phase: Phase, now: datetime, seconds: int
) -> None:
    """A recovery that waits goes on afterwards."""
    if dead(holder, now, lock(phase)):
        assert dead(holder, now + timedelta(seconds=seconds), lock(phase))


# -- one by one --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("holder", "now", "why"),
    [
        (Holder(run=None), NOW, "its run no longer exists"),
        (Holder(run="failed", finish="skipped"), LATER, "its run has ended (failed) without giving it back"),
        (Holder(run="success", finish="success"), LATER, "its run has ended (success) without giving it back"),
        (Holder(run="failed", finish="deferred"), LATER, "its run has ended (failed) without giving it back"),
        (Holder(run="failed"), LATER, "its run has ended (failed) without giving it back"),
        (
            Holder(run="running", paused=True),
            OVER,
            "its run is running and its DAG is paused, and its lease is over since 2026-11-23 10:00 UTC",
        ),
        (
            Holder(run="queued", stale=True, paused=True),
            OVER,
            "its run is queued and its DAG is no longer there, and its lease is over since 2026-11-23 10:00 UTC",
        ),
        (
            None,
            OVER,
            "its run is in another Airflow, or in one whose database was lost, and its lease is over since "
            "2026-11-23 10:00 UTC",
        ),
    ],
)
def test_s48_a_dead_run_is_found_out_and_why_is_said(holder: Holder | None, now: datetime, why: str) -> None:
    found = judge(lock(), holder, now)
    assert (found.dead, found.why) == (True, why)


@pytest.mark.parametrize(
    ("holder", "now", "why"),
    [
        (Holder(run="running"), OVER, "its run is running"),
        (Holder(run="queued"), OVER, "its run is queued"),
        (
            Holder(run="running", paused=True),
            LATER,
            "its run is running and its DAG is paused; its lease lasts until 2026-11-23 10:00 UTC",
        ),
        (Holder(run="failed", finish="running"), LATER, "its run has ended (failed) and 'finish' is running"),
        (Holder(run="failed"), NOW, "its run has ended (failed), less than 120 s after it was at work"),
        (
            None,
            LATER,
            "its run is in another Airflow, or in one whose database was lost; its lease lasts until "
            "2026-11-23 10:00 UTC",
        ),
    ],
)
def test_s17_a_run_that_may_go_on_is_left_alone_and_why_is_said(holder: Holder | None, now: datetime, why: str) -> None:
    found = judge(lock(), holder, now)
    assert (found.dead, found.why) == (False, why)


def test_an_ending_that_is_just_happening_is_not_raced() -> None:
    ended = Holder(run="failed", finish="skipped")
    assert not dead(ended, NOW + GRACE - timedelta(seconds=1))
    assert dead(ended, NOW + GRACE)


@pytest.mark.parametrize(
    ("of_lock", "here", "asked"),
    [("a", "a", True), ("a", "b", False), ("", "", False), ("", "a", False), ("a", "", False)],
)
def test_only_the_airflow_that_the_run_is_in_is_asked(of_lock: str, here: str, *, asked: bool) -> None:
    assert is_asked(lock(airflow=of_lock), here) is asked


def test_a_lease_outlives_every_wait_of_a_step() -> None:
    assert max(RESTORE, REMOVAL) + timedelta(hours=1) < LEASE
