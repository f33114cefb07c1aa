"""What the machine asks for, and what may befall a run: how often each is here is how often it is drawn."""

from __future__ import annotations

from typing import Final

from tests.model import people
from tests.model.client import Kind

ASKED: Final = (
    *[("qa", "new")] * 15, *[("prod", "tested")] * 12, *[("qa", "standing")] * 3, *[("prod", "standing")] * 3,
    *[("qa", "previous")] * 2, *[("prod", "previous")] * 2, ("qa", "tested"), ("dev", "origin"),
)  # fmt: skip
FAULTS: Final[dict[str, Kind]] = {
    "killed before a write": "before",
    "killed after a write": "after",
    "a reply is lost": "lost",
    "a call is denied": "denied",
    "a call is throttled": "throttled",
}
OVERTAKERS: Final = tuple(
    f"overtaken by {who}"
    for who in ("its finish", "its clear", "another run", "time", "a deployment", "its recovery", "visitors")
)
MISFORTUNES: Final = {f"the next {what} fails": what for what in ("stack", "deployment", "task")}
SUPERSEDED: Final = ("something else is deployed once it is confirmed", "the old is put back once it is confirmed")
_MEDDLING: Final = (*MISFORTUNES, *people.DEEDS, "the run is marked failed", "the run dies", "its Airflow is lost")
DISTURBANCES: Final = (
    *(*FAULTS, *OVERTAKERS) * 8, *_MEDDLING * 4, *SUPERSEDED * 4, "take the active database away",
)  # fmt: skip
"""The last leaves a namespace that no promotion can help: it is rare, or most stories would be about nothing else."""
