"""Which environments go, in which order, and who said so."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator

from snaplift.promotion.offboarding import (
    APPROVED,
    OffboardingRefused,
    check_alone,
    check_approved,
    check_confirmed,
    environments,
)
from tests.unit.stacks.examples import TENANT


def test_each_goes_before_the_one_that_it_is_promoted_from() -> None:
    assert environments(TENANT, "all") == ["prod", "qa", "dev"]
    assert environments(TENANT, "qa") == ["qa"]


def test_an_environment_that_there_is_not_is_named_with_those_there_are() -> None:
    with pytest.raises(OffboardingRefused, match="'uat': expected all, dev, qa, prod"):
        environments(TENANT, "uat")


def test_one_that_another_is_promoted_from_does_not_go_alone() -> None:
    with pytest.raises(OffboardingRefused, match="xy-0146-dev is what qa is promoted from, which stands"):
        check_alone(TENANT, "dev", ["qa", "prod"])
    check_alone(TENANT, "dev", ["dev", "prod"])
    check_alone(TENANT, "prod", ["dev", "qa", "prod"])


def test_another_name_than_the_tenants_confirms_nothing() -> None:
    check_confirmed("xy-0146", "xy-0146")
    for typed in ("", "xy-0147", "XY-0146", "yes"):
        with pytest.raises(OffboardingRefused, match="nothing is taken away"):
            check_confirmed("xy-0146", typed)


@pytest.mark.parametrize("answer", [None, {}, [], "Approve", {"chosen_options": []}, {"chosen_options": ["Reject"]}])
def test_s50_without_a_persons_yes_nothing_goes_whatever_colour_the_task_has(answer: Any) -> None:
    with pytest.raises(OffboardingRefused, match="nobody has approved this"):
        check_approved(answer)


def test_a_persons_yes_is_what_airflow_writes_down() -> None:
    assert APPROVED == ApprovalOperator.APPROVE
    check_approved({"chosen_options": ["Approve"], "params_input": {}, "responded_by_user": {"id": "ann"}})
