"""What a tenant's file says of previews, and of what its data are."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from snaplift.config.errors import Misplaced
from snaplift.config.fields import Duration, EnvironmentName, PlatformName, format_duration
from snaplift.config.platform import Strict

DataClass = Literal["public", "internal", "personal"]
"""From the lowest to the highest."""


class InvalidPreview(ValueError):
    """There can be no such preview; the message says why."""


class Previews(Strict):
    """Short-lived environments beside the others, made and taken away by DAGs."""

    like: EnvironmentName
    """The environment whose variables, sizes and parameters they take."""
    platform: PlatformName | None = None
    """Which platform they are on. None: that of the environment they are like."""
    ttl: Duration = timedelta(days=3)
    """How long one stands, where nothing else is asked for."""
    longest: Duration = timedelta(days=14)
    """How long one may be asked for; a second run begins anew."""
    most: Annotated[int, Field(ge=1, le=50)] = 3
    """How many may stand at a time."""
    data_class: DataClass | None = None
    """What their data may be at most. None: that of the environment they are like."""

    @model_validator(mode="after")
    def _ttl_is_within_the_longest(self) -> Self:
        if not timedelta(0) < self.ttl <= self.longest:
            raise Misplaced(f"expected more than 0s and at most 'longest', {format_duration(self.longest)}", "ttl")
        return self
