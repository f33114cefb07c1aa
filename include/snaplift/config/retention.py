"""What is kept of an environment's past, and for how long: what a rollback needs, within what an account may hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from snaplift.config.errors import Misplaced
from snaplift.config.fields import Duration
from snaplift.config.platform import Strict


class Retention(Strict):
    """What is kept, and for how long. What serves, what a rollback goes back to, and what a promotion under way rests
    on is kept whatever is said here."""

    keep_previous: Duration = timedelta(0)
    """How long the previous database stands after an activation, for an instant rollback; ``fleet.reap`` takes it away
    then. ``0s``: the promotion itself does, at its end."""
    keep_databases: Annotated[int, Field(ge=1, le=5)] = 1
    """How many earlier databases may stand at once within ``keep_previous``."""
    final_snapshot: bool = True
    """Whether a database that goes is snapshot first."""
    final_snapshots: Annotated[int, Field(ge=0, le=30)] = 0
    """How many final snapshots are kept, beside the one that a rollback would restore. Of databases that
    ``fleet.reap`` takes away after they were active, or an abort after visitors wrote to them, at least the newest."""
    final_snapshots_for: Duration = timedelta(days=30)
    """How long those are kept."""
    snapshots: Annotated[int, Field(ge=1, le=30)] = 1
    """How many releases' snapshots of this environment's database are kept, beside those in use."""
    snapshots_for: Duration = timedelta(days=30)
    """How long those are kept."""
    snapshots_min: Annotated[int, Field(ge=0, le=30)] = 1
    """How many of the newest of those are kept however old they are."""
    grace: Duration = timedelta(hours=20)
    """How long what nothing refers to any more still stands after ``fleet.reap`` found it so. A little less than a
    multiple of a day, since that runs once a day."""
    log_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365] = 30
    """How long the application's logs are kept."""

    @model_validator(mode="after")
    def _the_least_is_not_more_than_the_most(self) -> Self:
        if self.snapshots_min > self.snapshots:
            raise Misplaced(f"is more than snapshots, {self.snapshots}", "snapshots_min")
        return self
