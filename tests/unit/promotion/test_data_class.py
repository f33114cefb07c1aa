"""Data of a higher class reach a lower environment only masked, which a promotion does not do."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.data_class import ORDER, refusal
from tests.unit.promotion.examples import NEW, SNAPSHOT, facts, plan
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


# -- the class that a release carries ------------------------------------------------------------------------------


def carrying(dev: str | None, qa: str | None, carried: str | None) -> Any:
    snapshot = SNAPSHOT.model_copy(update={"data_class": carried})
    return plan(release=NEW, found=facts("standing", snapshot=snapshot), tenant=of(dev, qa))


@pytest.mark.parametrize("carried", [None, *ORDER])
@pytest.mark.parametrize("said", ORDER)
@pytest.mark.parametrize("allowed", ORDER)
def test_s24_the_higher_of_what_the_release_carries_and_the_file_says_counts(
    carried: str | None, said: str, allowed: str
) -> None:
    higher = max(ORDER.index(said), ORDER.index(carried or said)) > ORDER.index(allowed)
    assert bool(refusal(of(said, allowed), "dev", "qa", SNAPSHOT.identifier, carried)) is higher


def test_s24_lowering_the_class_in_the_file_lets_no_older_release_go_down() -> None:
    with pytest.raises(PlanRefused) as refused:
        carrying("internal", "internal", "personal")
    assert str(refused.value) == (
        f"the data of {SNAPSHOT.identifier} were personal when it was taken (its tag snaplift:data-class), those of "
        "xy-0146-dev are internal now by the tenant's file, and those of xy-0146-qa may be internal at most: they go "
        "there only masked, which a promotion does not do. Choose another environment, or a release that was taken "
        "since"
    )


def test_s24_a_release_without_the_tag_goes_by_the_file() -> None:
    assert carrying("internal", "internal", None).release == NEW
    with pytest.raises(PlanRefused, match="the data of xy-0146-dev are personal"):
        carrying("personal", "internal", None)


def test_s24_raising_the_class_in_the_file_holds_older_releases_back_as_well() -> None:
    with pytest.raises(PlanRefused, match="the data of xy-0146-dev are personal"):
        carrying("personal", "internal", "internal")


def test_s24_a_tag_that_is_no_data_class_lets_nothing_through() -> None:
    with pytest.raises(PlanRefused, match=r"the tag snaplift:data-class of .* says 'secret', which is no data class"):
        carrying("internal", "personal", "secret")
