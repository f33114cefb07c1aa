"""Airflow executes every file of the plugins folder and registers it under its bare name."""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

PLUGINS = Path(__file__).parents[3] / "plugins"


def test_s39_no_plugin_has_the_name_of_another_module() -> None:
    names = {file.stem for file in PLUGINS.rglob("*.py")}
    assert names
    assert names & (set(sys.stdlib_module_names) | set(packages_distributions())) == set()
