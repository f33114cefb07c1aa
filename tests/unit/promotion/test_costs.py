"""What databases and snapshots cost a month: told by the dated prices of the configuration, never guessed."""

from __future__ import annotations

from datetime import date

import pytest

from snaplift import naming
from snaplift.config.platform import Prices
from snaplift.promotion.costs import HOURS_A_MONTH, Bill, Cost, cost_of, platforms_of, total
from snaplift.promotion.describe_reap import describe
from snaplift.promotion.reaping import decide, within
from tests.unit.promotion.estates import NOW, Estate, fleet, marked_instances, release, serving, thing
from tests.unit.stacks.examples import PLATFORMS, TENANT

QA = naming.Namespace.parse("xy-0146-qa")
PRICES = Prices(
    currency="USD",
    as_of=date(2026, 11, 1),
    instance_hour={"db.t4g.micro": 0.02},
    storage_gb_month=0.1,
    snapshot_gb_month=0.5,
)
DATABASE = thing("instance", "xy-0146-qa-db", resource_id="db-1", size=20, instance_class="db.t4g.micro")
SNAPSHOT = thing("snapshot", "xy-0146-dev-snapshot-20261123t020000z", size=20)


def bill(made: Estate, prices: Prices | None = PRICES) -> Bill:
    return Bill.of([made.survey()], platforms_of([TENANT]), dict.fromkeys(PLATFORMS.platforms, prices))


def report(made: Estate, prices: Prices | None = PRICES, most: int | None = None) -> str:
    verdicts = decide([made.survey()], fleet(), NOW)
    return describe(verdicts, *within(verdicts, 1), bill(made, prices), most)


def test_a_database_costs_its_hours_and_its_storage_and_a_snapshot_at_most_its_size() -> None:
    assert cost_of(DATABASE, PRICES) == Cost(amount=0.02 * HOURS_A_MONTH + 2, currency="USD", at_most=False)
    assert str(cost_of(SNAPSHOT, PRICES)) == "at most 10.00 USD"


def test_a_standby_in_another_zone_costs_the_same_again() -> None:
    twice = cost_of(DATABASE.model_copy(update={"multi_az": True}), PRICES)
    assert twice == Cost(amount=2 * (0.02 * HOURS_A_MONTH + 2), currency="USD", at_most=False)


@pytest.mark.parametrize(
    "unpriced", [DATABASE.model_copy(update={"instance_class": "db.r7g.large"}), thing("secret", "snaplift/x")]
)
def test_what_has_no_price_costs_nothing_that_could_be_told(unpriced: object) -> None:
    assert cost_of(unpriced, PRICES) is None  # type: ignore[arg-type]
    assert cost_of(DATABASE, None) is None


def test_a_sum_counts_what_has_no_price_and_keeps_currencies_apart() -> None:
    usd, at_most = Cost(amount=1, currency="USD", at_most=False), Cost(amount=2, currency="USD", at_most=True)
    assert total([usd, usd]) == "2.00 USD"
    assert total([usd, at_most, None]) == "at most 3.00 USD and 1 without a price"
    assert total([usd, Cost(amount=1234.5, currency="EUR", at_most=False)]) == "1,234.50 EUR and 1.00 USD"
    assert total([None, None]) == "2 without a price"
    assert total([]) == ""


def test_the_report_says_what_each_costs_and_what_the_removal_saves() -> None:
    made = serving()
    made.things = [
        each.model_copy(update={"size": 20, "instance_class": "db.t4g.micro"}) if each.kind in {"instance", "snapshot"}
        else each for each in made.things
    ]  # fmt: skip
    going, late = (
        each.model_copy(update={"instance_class": "db.t4g.micro"}) for each in marked_instances(made, 2)
    )  # fmt: skip
    made.things = [each for each in made.things if each.name not in {going.name, late.name}] + [going, late]
    said = report(made)
    assert f"| instance | `{going.name}` | nothing refers to it since 2026-10-24 04:30 UTC | 16.60 USD |" in said
    assert "by the prices of 2026-11-01 in `platforms.yaml`" in said
    assert "| Goes now | 16.60 USD |" in said
    assert "| Would go, but is more than this run's cap or on another platform | 16.60 USD |" in said
    # Three databases that serve, two releases' snapshots, one final.
    assert "| Kept | at most 79.80 USD |" in said
    assert "| active in xy-0146-qa | 6 | " in said
    assert "instance xy-0146-dev-db (16.60 USD)" in said


def test_a_class_without_a_price_is_counted_in_the_sum() -> None:
    made = serving()
    made.instance(QA, release(9), "11112222", instance_class="db.r7g.large")
    assert "| Marked now: nothing refers to it | 1 without a price |" in report(made)


def test_without_prices_it_says_that_none_are_configured() -> None:
    said = report(serving(), None)
    assert "a month" in said
    assert "is not told: `platforms.yaml` has no `prices` of it" in said
    assert "USD" not in said


def test_of_what_costs_nothing_nothing_is_told() -> None:
    assert "What databases" not in describe([], [], [], Bill(costs={}))
