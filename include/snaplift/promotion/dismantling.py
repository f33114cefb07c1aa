"""The removal of a namespace: decided once, and recorded with its lock as a promotion's plan is."""

from __future__ import annotations

from typing import Literal

from snaplift import naming
from snaplift.promotion.plan import Frozen, Place
from snaplift.promotion.run import Run


class Dismantling(Frozen):
    """A namespace that is taken away. It needs no tenant's file: what stands is found by its tags."""

    version: Literal[1] = 1
    run: Run
    namespace: str
    place: Place
    cluster: str
    final_snapshots: bool
    """Whether every database is snapshot before it goes."""
    only_expired: bool = False
    """It is begun because the preview's time is up; not if that was prolonged meanwhile."""

    @property
    def name(self) -> naming.Namespace:
        return naming.Namespace.parse(self.namespace)

    @property
    def doing(self) -> str:
        return "is being removed"
