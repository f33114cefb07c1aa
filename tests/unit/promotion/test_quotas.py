"""Whether a quota has room."""

from __future__ import annotations

import pytest

from snaplift.config.retention import Retention
from snaplift.config.tenant import Nightly
from snaplift.promotion.quotas import Usage, most_snapshots, shortage
from tests.unit.stacks.examples import TENANT


@pytest.mark.parametrize(
    ("used", "needed", "told"),
    [
        (97, 3, ""),
        (98, 3, "the account has 98 of 100 rules: 3 are needed"),
        (100, 1, "the account has 100 of 100 rules: none is left"),
        (104, 2, "the account has 104 of 100 rules: none is left"),
        (100, 0, ""),
    ],
)
def test_s26_a_quota_without_room_is_told_with_what_is_needed(used: int, needed: int, told: str) -> None:
    assert shortage("rules", Usage(used=used, limit=100), needed) == told


def test_s26_a_quota_that_is_used_over_its_limit_stops_nothing_that_needs_none_of_it() -> None:
    assert shortage("manual snapshots", Usage(used=101, limit=100), 0) == ""


def test_what_aws_does_not_tell_is_no_reason() -> None:
    assert shortage("stacks", None) == ""


def test_s26_the_defaults_let_ten_tenants_live_within_the_quotas_of_instances_and_of_snapshots() -> None:
    """Ten tenants of three environments that are all promoted at once are what 40 instances hold."""
    environments = {name: each.model_copy(update={"retention": None}) for name, each in TENANT.environments.items()}
    nightly = Nightly(schedule="0 2 * * *", environments=("qa",))
    tenant = TENANT.model_copy(update={"environments": environments, "retention": Retention(), "nightly": nightly})
    assert len(tenant.environments) == 3
    assert 10 * (len(tenant.environments) + 1) <= 40
    assert 10 * most_snapshots(tenant) <= 100


def test_an_environment_without_final_snapshots_counts_none() -> None:
    without = {
        name: each.model_copy(update={"retention": Retention(final_snapshot=False)})
        for name, each in TENANT.environments.items()
    }
    assert most_snapshots(TENANT.model_copy(update={"environments": without})) == 1 + 2 * 2
