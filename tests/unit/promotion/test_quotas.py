"""Whether a quota has room."""

from __future__ import annotations

import pytest

from snaplift.promotion.quotas import Usage, shortage


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
