"""Play the machine, and count what was played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import RULES, Promotions

LENGTH = 60
"""Steps of one story at the most."""


@dataclass(frozen=True)
class Played:
    """What was played."""

    counts: Counter[str]
    endings: Counter[str]
    stories: Counter[str]
    broke: str

    @property
    def steps(self) -> int:
        """Steps of the machine: its rules, not what befell a run nor the tries of tasks within them."""
        return sum(self.counts[what] for what in RULES)

    def lines(self) -> Iterator[str]:
        """Say it, a line for each rule."""
        for what, number in self.counts.most_common():
            yield f"  {number:>7}  {what}"
        yield f"  runs ended: {_listed(self.endings)}"
        yield f"  stories by how many of their runs ended green: {_listed(self.stories, ': ')}"
        if self.broke:
            yield self.broke


def _listed(counted: Counter[str], between: str = " ") -> str:
    return ", ".join(f"{what}{between}{number}" for what, number in sorted(counted.items()))


def play(*, steps: int, seed: int, shrink: bool = True) -> Played:
    """Play until there were enough steps, or something broke; the same seed plays the same.

    :param shrink: whether a story that broke something is told again in its shortest form, which takes minutes.
    """
    Promotions.counts.clear()
    Promotions.endings.clear()
    Promotions.stories.clear()
    turn, left = 0, steps
    while True:
        broke = _turn(seed + turn, max(1, left // LENGTH), shrink=shrink)
        played = Played(Promotions.counts.copy(), Promotions.endings.copy(), Promotions.stories.copy(), broke)
        turn, left = turn + 1, steps - played.steps
        if broke or left <= 0:
            return played


def _turn(number: int, stories: int, *, shrink: bool) -> str:
    given = settings(
        max_examples=stories,
        stateful_step_count=LENGTH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    try:
        run_state_machine_as_test(seed(number)(Promotions), settings=given)
    except Exception as error:
        return "\n".join([f"seed {number}: {type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    return ""
