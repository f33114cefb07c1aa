"""Promotions, people, failures and deaths in any order: nothing that must hold breaks (a short, fixed part of it)."""

from __future__ import annotations

from tests.model.trial import play


def test_what_must_hold_holds_in_whatever_order_things_happen() -> None:
    played = play(steps=120, seed=1, shrink=False)
    assert not played.broke, played.broke
    assert played.endings["green"], "no promotion came to its end: nothing was tried"
    assert played.endings["aborted"]
