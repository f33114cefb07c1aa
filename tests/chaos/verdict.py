"""What the parts of ``make chaos`` found, as one table, and whether all of it held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST_GAP: Final = 1.0
"""Seconds that no visitor may wait for an answer, while nothing else runs on the machine."""
WANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "access": ("requests", "failed", "longest_gap", "acknowledged", "lost_unannounced"),
    "model": ("steps", "green", "aborted", "refused"),
    "processes": ("kills", "endings", "orphans"),
    "sweep": ("planned", "tried", "held", "missed", "orphans", "lost_writes"),
}
"""The figures of each part."""
_SOME: Final = ("requests", "acknowledged", "steps", "green", "kills", "endings", "planned", "tried")
"""Of which there has to be at least one: a part that tried nothing shows nothing."""
_NONE: Final = {
    "failed": "requests failed",
    "lost_unannounced": "acknowledged writes are lost that nobody was told of",
    "lost_writes": "writes are lost that nobody was told of",
    "orphans": "orphans are left, after recovery",
}


@dataclass(frozen=True)
class Ended:
    """How a part ended."""

    part: str
    status: int | None
    """None: it had to be ended."""
    seconds: float
    totals: Mapping[str, float]
    """Empty: it has written none."""


def problems(ended: Sequence[Ended], *, sample: bool) -> Iterator[str]:
    """Say what keeps the whole from having held.

    :param sample: whether it was asked that not all points be tried.
    """
    for part in sorted(WANTED.keys() - {one.part for one in ended}):
        yield f"{part} was not run"
    for one in ended:
        yield from _of_one(one, sample=sample)


def _of_one(one: Ended, *, sample: bool) -> Iterator[str]:
    if one.status is None:
        yield f"{one.part} did not come to its end in {one.seconds:.0f} s, and was ended"
    elif one.status:
        yield f"{one.part} ended with status {one.status}"
    if missing := [name for name in WANTED[one.part] if name not in one.totals]:
        yield f"{one.part} did not say its totals: {', '.join(missing)}"
    for name, number in one.totals.items():
        if name in _NONE and number:
            yield f"{one.part}: {number:.0f} {_NONE[name]}"
        if name in _SOME and not number:
            yield f"{one.part}: {name} is 0: nothing was shown"
    if (gap := one.totals.get("longest_gap", 0)) >= LONGEST_GAP:
        yield f"{one.part}: visitors waited {gap:.2f} s"
    yield from _of_points(one, sample=sample)


def _of_points(one: Ended, *, sample: bool) -> Iterator[str]:
    planned, tried, held = (int(one.totals.get(name, 0)) for name in ("planned", "tried", "held"))
    if held < tried:
        yield f"{one.part}: {tried - held} of {tried} points did not hold"
    if tried < planned and not sample:
        yield f"{one.part}: only {tried} of {planned} points were tried"


def table(ended: Sequence[Ended], *, seed: int, seconds: float, sample: bool) -> Iterator[str]:
    """Tell the totals and the verdict, a line each."""
    found = {one.part: one.totals for one in ended}

    def figure(name: str, *parts: str) -> str:
        values = [found[part][name] for part in parts if name in found.get(part, {})]
        return f"{sum(values):,.0f}" if len(values) == len(parts) else "not said"

    gap = found.get("access", {}).get("longest_gap")
    of = f" of {figure('planned', 'sweep')}" + (", a sample: CHAOS_SECONDS was given" if sample else "")
    ways = ("green", "aborted", "refused")
    lines = {
        "points tried": figure("tried", "sweep") + of,
        "points that held": figure("held", "sweep"),
        "points that no call met": f"{figure('missed', 'sweep')}, left out of the others",
        "requests": figure("requests", "access"),
        "failed requests": figure("failed", "access"),
        "longest gap": "not said" if gap is None else f"{gap:.2f} s",
        "writes acknowledged": figure("acknowledged", "access"),
        "writes lost unannounced": f"{figure('lost_unannounced', 'access')} of visitors, "
        f"{figure('lost_writes', 'sweep')} in the sweep",
        "orphans left": figure("orphans", "sweep", "processes"),
        "steps of the model": figure("steps", "model"),
        "its promotions": ", ".join(f"{figure(name, 'model')} {name}" for name in ways),
        "kills of processes": figure("kills", "processes"),
        "endings by people": figure("endings", "processes"),
        "seconds": f"{seconds:.0f}: " + ", ".join(f"{one.part} {one.seconds:.0f}" for one in ended),
        "seed": f"{seed}; again: make chaos CHAOS_SEED={seed}",
    }
    wrong = list(problems(ended, sample=sample))
    yield from (f"{name:<24} {value}" for name, value in lines.items())
    yield f"{'verdict':<24} {'DID NOT HOLD' if wrong else 'held'}"
    yield from (f"  {problem}" for problem in wrong)
