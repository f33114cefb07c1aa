"""What is written on a database that became active, and read off it when nothing else tells."""

from __future__ import annotations

import pytest

from snaplift.aws.steps.marks import ACTIVE, WasActive, activated
from snaplift.promotion.pointer import Revision
from tests.unit.promotion.examples import NEW, revision, task_definition


@pytest.mark.parametrize(
    ("active", "value"),
    [
        (revision(NEW, task_definition=task_definition(number=37)), "xy-0146-qa/37 0a1b2c3d"),
        (revision(NEW, task_definition=task_definition(number=2), masked_from="prod"), "xy-0146-qa/2 0a1b2c3d prod"),
    ],
)
def test_a_database_says_which_revision_served_with_it_and_whose_data_it_has(active: Revision, value: str) -> None:
    assert activated(active) == {ACTIVE: value}
    short = active.task_definition.rpartition("/")[2]
    assert WasActive.read(activated(active)) == WasActive(short, active.run, active.masked_from)


@pytest.mark.parametrize("tags", [{}, {ACTIVE: ""}, {"snaplift:smoke": "xy-0146-qa/37 0a1b2c3d"}])
def test_one_that_only_passed_its_checks_does_not_say_that_it_was_active(tags: dict[str, str]) -> None:
    assert WasActive.read(tags) is None
