"""docs/reliability.md: every scenario has its row, and every test that a row names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
SCENARIOS = 54


def rows() -> dict[int, list[str]]:
    found = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    return {int(number): cells for number, *cells in found}


def existing() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)}


def test_every_scenario_has_a_row() -> None:
    assert sorted(rows()) == list(range(1, SCENARIOS + 1))


@pytest.mark.parametrize("number", range(1, SCENARIOS + 1))
def test_a_row_names_tests_that_there_are(number: int) -> None:
    named = set(re.findall(r"`(test_\w+)`", rows()[number][-1]))
    assert named <= existing()


def test_every_test_that_carries_a_scenarios_number_has_one_that_there_is() -> None:
    numbers = {int(found[1]) for name in existing() if (found := re.match(r"test_s(\d+)_", name))}
    assert numbers <= set(rows())
