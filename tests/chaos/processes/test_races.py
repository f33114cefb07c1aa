"""Fifty times two promotions of one namespace that are started at the same instant, on this laptop's AWS.

Airflow stands beside them and starts none of them: its tasks would not come within a millisecond of each other.
"""

from __future__ import annotations

import pytest
from local.demo.installation import REGION

from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.config.loading import load_configuration
from tests.chaos.processes.catalogue import RACES, TENANT, Catalogue
from tests.support.driving import Driver
from tests.support.racing import check, race

ROUNDS = 50


def test_s16_of_two_that_start_at_the_same_instant_fifty_times_only_one_makes_anything(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in catalogue.installation.settings.aws.items():
        monkeypatch.setenv(name, value)
    catalogue.provision(RACES)
    found = load_configuration(catalogue.installation.settings.config)
    tenant = found.tenants[str(TENANT)]
    plans = [Driver(found.platforms, tenant, RACES, f"race-{number}").plan("new") for number in range(2)]
    rds, place = catalogue.installation.client("rds"), plans[0].place
    lock = LockHook(region_name=REGION, aws_conn_id=None).find(place.lock_table, str(plans[0].name))
    before = catalogue.standing(RACES)
    for each in race(found.platforms, plans, ROUNDS):
        lock = check(each, plans[0], rds, lock)
    assert catalogue.standing(RACES) | {"lock": []} == before | {"lock": []}
    assert catalogue.untrue() == []
