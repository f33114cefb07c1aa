"""Data of a higher class reach a lower environment only masked, which a promotion does not do."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.data_class import ORDER, refusal
from tests.unit.promotion.examples import plan
from tests.unit.stacks.examples import tenant


def of(dev: str | None, qa: str | None) -> Any:
    environments = {
        "dev": {"platform": "platform-new", "data_class": dev},
        "qa": {"platform": "platform-new", "from": "dev", "data_class": qa},
    }
    return tenant(environments=environments)


@pytest.mark.parametrize("data", ORDER)
@pytest.mark.parametrize("allowed", ORDER)
def test_s24_only_what_is_not_higher_gets_there(data: str, allowed: str) -> None:
    higher = ORDER.index(data) > ORDER.index(allowed)
    assert bool(refusal(of(data, allowed), "dev", "qa")) is higher


def test_s24_where_nothing_is_said_all_are_of_the_class_of_where_data_is_authored() -> None:
    assert refusal(of("personal", None), "dev", "qa") == ""
    assert refusal(of(None, None), "dev", "qa") == ""
    assert of(None, None).data_class("qa") == "internal"


def test_s24_the_plan_is_refused_with_what_to_do() -> None:
    with pytest.raises(PlanRefused) as refused:
        plan(tenant=of("personal", "internal"))
    assert str(refused.value) == (
        "the data of xy-0146-dev are personal and those of xy-0146-qa may be internal at most: they go there only "
        "masked, which a promotion does not do. Choose another environment, or correct data_class in the tenant's file"
    )


def test_a_plan_of_data_that_may_go_there_is_made() -> None:
    assert plan(tenant=of("internal", "personal")).environment == "qa"
