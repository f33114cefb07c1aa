"""Visitors of the sites, who ask all the while and count what was not answered well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from local.demo.site import Site
from local.load import Load, Request

# Pages are made by PHP from the database, at a tenth of a second of a core each; what belongs to a page is a file.
PATHS = (
    "/",
    "/wp-includes/css/dist/block-library/style.min.css",
    "/wp-includes/images/w-logo-blue.png",
    "/sample-page/",
    "/wp-includes/js/wp-emoji-release.min.js",
    "/wp-includes/css/dashicons.min.css",
)
RATE = 9.0
"""Requests a second of all visitors together: what leaves a machine with two cores to its work."""


@dataclass(frozen=True)
class Counted:
    """What visitors did, and why what failed did."""

    requests: int = 0
    failed: int = 0
    longest_gap: float = 0.0
    """Seconds without an answer, of the site that had the longest."""
    reasons: tuple[tuple[str, int], ...] = ()


class Visitors:
    """They come when the context is entered and go when it is left."""

    def __init__(self, sites: Sequence[Site], rate: float = RATE) -> None:
        self._loads = [Load(site.address, [Request(path) for path in PATHS], rate=rate / len(sites)) for site in sites]
        self._counted = Counted()

    def __enter__(self) -> Self:
        for load in self._loads:
            load.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seen = [load.stop() for load in self._loads]
        reasons: Counter[str] = Counter()
        for one in seen:
            reasons.update(one.reasons)
        self._counted = Counted(
            requests=sum(one.requests for one in seen),
            failed=sum(one.failed + one.held_back for one in seen),
            longest_gap=max((one.longest_gap for one in seen), default=0.0),
            reasons=tuple(reasons.most_common()),
        )

    def counted(self) -> Counted:
        """What they did, once they have gone."""
        return self._counted
