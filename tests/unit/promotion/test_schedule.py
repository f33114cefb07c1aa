"""Whether a scheduled start still counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pendulum
import pytest

from snaplift.promotion.schedule import lateness

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=59), HOUR, -HOUR])
def test_a_start_within_the_time_counts(late: timedelta) -> None:
    planned = datetime(2026, 11, 23, 2, tzinfo=UTC)
    assert lateness(planned, planned + late, HOUR) is None


def test_s52_a_night_that_was_missed_is_not_made_up_for_at_noon() -> None:
    planned = datetime(2026, 11, 23, 2, tzinfo=UTC)
    assert lateness(planned, planned + timedelta(hours=10), HOUR) == (
        "it was due at 2026-11-23 02:00 UTC and comes 10h late; the tenant allows 1h"
    )


def test_s33_in_the_night_when_the_clocks_go_back_a_start_is_as_late_as_it_really_is() -> None:
    """2026-10-25 has 2:30 twice in Berlin; the first one's start an hour later has the same clock."""
    first = pendulum.datetime(2026, 10, 25, 0, 30, tz="UTC").in_timezone("Europe/Berlin")
    second = pendulum.datetime(2026, 10, 25, 1, 30, tz="UTC").in_timezone("Europe/Berlin")
    assert (first.hour, first.minute) == (second.hour, second.minute) == (2, 30)
    assert lateness(first, second, timedelta(minutes=30)) is not None
    assert lateness(first, second, HOUR) is None


def test_s33_in_the_night_when_the_clocks_go_forward_no_hour_is_lost() -> None:
    """2026-03-29 has no 2:30 in Berlin: 1:59 is followed by 3:00."""
    before = pendulum.datetime(2026, 3, 29, 0, 55, tz="UTC").in_timezone("Europe/Berlin")
    after = pendulum.datetime(2026, 3, 29, 1, 5, tz="UTC").in_timezone("Europe/Berlin")
    assert (before.hour, after.hour) == (1, 3)
    assert lateness(before, after, timedelta(minutes=10)) is None


def test_a_zone_of_the_tenant_and_the_workers_clock_in_utc_are_compared_as_moments() -> None:
    planned = pendulum.datetime(2026, 7, 1, 2, 0, tz="Asia/Kolkata")
    assert lateness(planned, datetime(2026, 6, 30, 20, 30, tzinfo=UTC), timedelta(0)) is None
    assert "2026-07-01 02:00 IST" in str(lateness(planned, datetime(2026, 6, 30, 22, tzinfo=UTC), HOUR))
