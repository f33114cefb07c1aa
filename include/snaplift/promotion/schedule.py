"""Whether a scheduled start still counts."""

from __future__ import annotations

from datetime import datetime, timedelta

from snaplift.config.fields import format_duration


def lateness(planned: datetime, now: datetime, start_within: timedelta) -> str | None:
    """Say why a start is too late. None: it is not.

    A scheduler that was down, or a DAG that was unpaused, makes up for the last run at whatever hour it is.
    """
    late = now - planned
    if late <= start_within:
        return None
    return (
        f"it was due at {planned:%Y-%m-%d %H:%M %Z} and comes {format_duration(late)} late; "
        f"the tenant allows {format_duration(start_within)}"
    )
