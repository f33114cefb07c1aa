"""What is told of a release that has become active: which, of which build, and where it was taken from."""

from __future__ import annotations

import pytest

from snaplift.promotion.lineage import event, taken_from
from tests.unit.promotion import examples


def test_a_new_release_is_taken_from_where_the_data_are_authored() -> None:
    told = event(examples.decided())
    assert (told["source"], told["mode"]) == ("xy-0146-dev", "new")


def test_a_tested_release_is_taken_from_where_it_was_tested_though_its_snapshot_is_the_authors() -> None:
    plan = examples.decided(environment="prod", release="tested")
    assert str(taken_from(plan)) == "xy-0146-qa"
    assert event(plan)["snapshot"] == plan.snapshot


@pytest.mark.parametrize("word", ["release", "build", "database", "run"])
def test_it_says_what_was_decided(word: str) -> None:
    plan = examples.decided()
    said = {"release": plan.release, "build": plan.images, "database": plan.database, "run": plan.run.run_id}
    assert event(plan)[word] == said[word]


def test_data_that_are_authored_here_come_from_nowhere() -> None:
    assert taken_from(examples.plan("dev", "origin")) is None
