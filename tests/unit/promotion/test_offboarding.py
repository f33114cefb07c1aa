"""Which environments go, in which order, and who said so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator

from snaplift.config.tenant import Approval
from snaplift.promotion.offboarding import (
    APPROVED,
    OffboardingRefused,
    approval,
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


def approved_by(**users: tuple[str, ...] | None) -> Any:
    """The tenant with approvals: who may say yes in an environment; None: it asks nobody."""
    approvals = {
        name: Approval(users=each, timeout=timedelta(hours=len(name)))
        for name, each in users.items()
        if each is not None
    }
    environments = {
        name: each.model_copy(update={"approval": approvals.get(name)}) for name, each in TENANT.environments.items()
    }
    return TENANT.model_copy(update={"environments": environments})


def test_whoever_may_approve_in_each_environment_that_goes_may_approve_this() -> None:
    tenant = approved_by(dev=None, qa=("ann", "bob", "cid"), prod=("bob", "ann"))
    found = approval(tenant, ["pr42", "prod", "qa", "dev"])
    assert (found.users, found.timeout) == (("ann", "bob"), timedelta(hours=2))
    assert approval(tenant, ["prod"]).users == ("ann", "bob")
    assert approval(tenant, ["dev"]) == Approval()
    assert approval(approved_by(prod=(), qa=("ann",)), ["prod", "qa"]).users == ("ann",)


def test_where_nobody_may_approve_all_of_it_nobody_is_asked() -> None:
    with pytest.raises(OffboardingRefused, match="nobody may approve all of these environments of xy-0146"):
        approval(approved_by(qa=("ann",), prod=("bob",)), ["prod", "qa"])


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
