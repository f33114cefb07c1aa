"""Promotions of one namespace that are started at the same instant, again and again, without Airflow.

It starts none of them: its tasks would not come within a moment of each other.
"""

from __future__ import annotations

from typing import Final

import pytest

from snaplift.aws.aws import Aws
from snaplift.config.loading import load_configuration
from tests.chaos.processes.catalogue import RACES, TENANT, Catalogue
from tests.support.driving import Driver
from tests.support.racing import check, race

ROUNDS: Final = 50


def hold_races(catalogue: Catalogue) -> int:
    """Hold them in their environment, while no other promotion takes a snapshot: one second's would be the same.

    :return: how many rounds there were
    :raises AssertionError: one had another outcome than one winner, or left something
    """
    catalogue.installation.tell(f"{ROUNDS} races for one lock")
    found = load_configuration(catalogue.installation.settings.config)
    rds, held = catalogue.installation.client("rds"), 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in catalogue.installation.settings.aws.items():
            patch.setenv(name, value)
        plans = [Driver(found.platforms, found.tenants[str(TENANT)], RACES, f"race-{n}").plan("new") for n in range(2)]
        lock = Aws.at(plans[0].place).locks.find(plans[0].place.lock_table, str(plans[0].name))
        for each in race(found.platforms, plans, ROUNDS):
            lock = check(each, plans[0], rds, lock)
            held += 1
    return held
