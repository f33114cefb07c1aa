"""What each namespace has: by the things' own tags, with what the pointer says of each, and what it costs."""

from __future__ import annotations

from datetime import date

import pytest

from snaplift import naming
from snaplift.config.platform import Prices
from snaplift.promotion.costs import HOURS_A_MONTH
from snaplift.promotion.estate import SeenLock, SeenPointer, Thing
from snaplift.promotion.inventory import Holding, holdings
from snaplift.promotion.pointer import Pointer
from tests.unit.promotion import surveys
from tests.unit.promotion.surveys import ACTIVE, PREVIOUS, QA

PLATFORM = "platform-new"
PRICES = Prices(
    currency="USD",
    as_of=date(2026, 11, 1),
    instance_hour={"db.t4g.micro": 0.02},
    storage_gb_month=0.1,
    snapshot_gb_month=0.5,
)


def held(prices: Prices | None = PRICES, **changes: object) -> Holding:
    [found] = holdings(surveys.survey(**changes), {str(QA): PLATFORM}, {PLATFORM: prices})
    return found


def test_a_database_has_the_role_that_the_pointer_gives_its_incarnation() -> None:
    again = surveys.instance(PREVIOUS, resource_id="db-MADE-AGAIN")
    pointer = SeenPointer(namespace=str(QA), version=4, pointer=Pointer(active=ACTIVE, previous=PREVIOUS))
    found = held(things=(surveys.instance(ACTIVE), again), pointers=(pointer,))
    assert {each.resource_id: each.role for each in found.databases} == {
        "db-11111111": "active",
        "db-MADE-AGAIN": "unreferenced",
    }


def test_a_database_that_is_active_and_previous_counts_as_active() -> None:
    older = ACTIVE.model_copy(update={"task_definition": "arn:aws:ecs:::task-definition/xy-0146-qa:1"})
    pointer = SeenPointer(namespace=str(QA), version=4, pointer=Pointer(active=ACTIVE, previous=older))
    assert [each.role for each in held(pointers=(pointer,)).databases] == ["active"]


def test_the_month_is_the_instances_hours_their_storage_and_the_snapshots() -> None:
    found = held(things=(surveys.instance(ACTIVE), surveys.snapshot("xy-0146-qa-final-20261120t020000z-22222222")))
    assert found.monthly == pytest.approx(0.02 * HOURS_A_MONTH + 100 * 0.1 + 50 * 0.5)
    assert (found.currency, found.prices_as_of) == ("USD", "2026-11-01")


@pytest.mark.parametrize("prices", [None, PRICES.model_copy(update={"instance_hour": {}})])
def test_what_has_no_price_makes_the_month_unknown_and_not_cheap(prices: Prices | None) -> None:
    assert held(prices).monthly is None


def test_things_belong_to_the_namespace_that_their_tags_name_and_no_namesake() -> None:
    namesake = naming.Namespace.parse("xy-0146-qa2")
    found = holdings(
        surveys.survey(things=(surveys.instance(ACTIVE), surveys.instance(PREVIOUS, namesake, resource_id="db-OTHER"))),
        {},
        {},
    )
    assert {each.namespace: len(each.databases) for each in found} == {"xy-0146-qa": 1, "xy-0146-qa2": 1}


def test_another_installations_things_are_not_told_of() -> None:
    theirs = surveys.instance(PREVIOUS, tags=naming.tags("other", QA))
    assert [each.resource_id for each in held(things=(surveys.instance(ACTIVE), theirs)).databases] == ["db-11111111"]


def test_a_pointer_that_cannot_be_read_is_told_as_such() -> None:
    pointer = SeenPointer(namespace=str(QA), version=4, pointer=None, why="it is not JSON")
    found = held(pointers=(pointer,))
    assert (found.pointer, found.unreadable) == (None, "it is not JSON")
    assert [each.role for each in found.databases] == ["unreferenced"]


def test_it_says_who_holds_the_lock_and_what_serves() -> None:
    found = held(locks=(SeenLock(namespace=str(QA), why="run 7"),))
    assert found.lock == "run 7"
    assert found.service is not None
    assert (found.service.revision, found.service.running) == (ACTIVE.task_definition, 2)


def test_a_namespace_that_left_the_configuration_is_told_without_a_platform() -> None:
    [found] = holdings(surveys.survey(), {}, {PLATFORM: PRICES})
    assert (found.platform, found.currency) == (None, "USD")


def test_a_preview_is_told_with_the_platform_that_its_pointer_says() -> None:
    preview = naming.Namespace.parse("xy-0146-pr42")
    tags = {**naming.tags("acme", preview), naming.PLATFORM_TAG: PLATFORM}
    pointer = Thing(kind="parameter", name=preview.pointer, arn="arn:parameter", tags=tags)
    [found] = holdings(surveys.survey(things=(pointer,), pointers=(), services=()), {}, {PLATFORM: PRICES})
    assert (found.namespace, found.platform) == ("xy-0146-pr42", PLATFORM)


def test_it_is_kept_and_read_again_as_it_was() -> None:
    found = held()
    assert Holding.model_validate(found.model_dump(mode="json")) == found
