"""The figures of all visits together, whichever tests they were made in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

PROPERTY: Final = "tally"
"""Under which a test's report carries what it adds."""


@dataclass(frozen=True)
class Tally:
    """What visitors saw; by default nothing."""

    requests: int = 0
    failed: int = 0
    longest_gap: float = 0.0
    """Seconds."""
    acknowledged: int = 0
    lost_unannounced: int = 0
    """Acknowledged writes that are gone, and that nothing said would go."""

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.requests + other.requests,
            self.failed + other.failed,
            max(self.longest_gap, other.longest_gap),
            self.acknowledged + other.acknowledged,
            self.lost_unannounced + other.lost_unannounced,
        )

    def record(self, write: Callable[[str, object], None]) -> None:
        """Have it added to the whole, with pytest's ``record_property``."""
        write(PROPERTY, asdict(self))

    def __str__(self) -> str:
        return (
            f"all visits: {self.requests} requests, {self.failed} failed, longest gap {self.longest_gap:.2f} s; "
            f"{self.acknowledged} writes acknowledged, {self.lost_unannounced} of them gone unannounced"
        )


def total(properties: Iterable[tuple[str, Any]]) -> Tally | None:
    """Add up what reports carry. None: nobody visited anything."""
    found = [Tally(**value) for name, value in properties if name == PROPERTY]
    if not found:
        return None
    whole = Tally()
    for each in found:
        whole = whole.plus(each)
    return whole
