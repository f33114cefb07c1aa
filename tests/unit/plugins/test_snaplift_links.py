"""The plugin mounts every link that an operator has, under names that differ."""

from __future__ import annotations

import runpy
from pathlib import Path

from snaplift.aws.links.outcome import OF_STEP

FILE = Path(__file__).parents[3] / "plugins" / "snaplift_links.py"


def test_the_plugin_lists_every_link_that_a_task_can_have() -> None:
    plugin = runpy.run_path(str(FILE))["SnapliftLinks"]
    listed = plugin.operator_extra_links
    assert {type(link) for link in listed} == {link for links in OF_STEP.values() for link in links}
    assert len({link.name for link in listed}) == len({link.key for link in listed}) == len(listed)


def test_the_plugin_attaches_to_no_operator_itself() -> None:
    # Airflow would ask such a link in the API server, where a task's XComs are not to be had this way.
    plugin = runpy.run_path(str(FILE))["SnapliftLinks"]
    assert [link for link in plugin.operator_extra_links if link.operators] == []
