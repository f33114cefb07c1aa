"""What every database is set to, unless its tenant says otherwise."""

from __future__ import annotations

from typing import Final

OF_EVERY_DATABASE: Final = {
    # A copy's events would fire beside the original's, before anything could have taken them out. MySQL 8 has it on.
    "event_scheduler": "OFF",
}
