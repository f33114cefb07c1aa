"""Where a namespace goes among what namespaces share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snaplift import naming
from snaplift.promotion.placement import PRIORITIES, load_balancer, priority
from tests.unit.stacks.examples import PLATFORMS

namespaces = st.builds(
    naming.Namespace,
    st.builds(
        naming.Tenant,
        st.from_regex(naming.CUSTOMER, fullmatch=True).filter(lambda name: name not in naming.RESERVED_CUSTOMERS),
        st.from_regex(r"[0-9]{4}", fullmatch=True),
    ),
    st.from_regex(naming.ENVIRONMENT, fullmatch=True),
)
QA = naming.Namespace.parse("xy-0146-qa")


@given(namespaces, st.sets(st.integers(1, PRIORITIES)))
def test_a_priority_is_valid_never_taken_and_the_same_every_time(name: naming.Namespace, taken: set[int]) -> None:
    found = priority(name, taken)
    assert 1 <= found <= PRIORITIES
    assert found not in taken
    assert priority(name, set(taken)) == found


@given(namespaces, st.integers(1, 200))
def test_a_priority_that_is_taken_gives_way_to_the_next_free_one(name: naming.Namespace, many: int) -> None:
    first = priority(name, set())
    taken = {(first - 1 + offset) % PRIORITIES + 1 for offset in range(many)}
    assert priority(name, taken) == (first - 1 + many) % PRIORITIES + 1


def test_the_last_priority_that_is_free_is_found() -> None:
    everything = set(range(1, PRIORITIES + 1))
    assert priority(QA, everything - {17}) == 17
    with pytest.raises(LookupError, match="add a load balancer"):
        priority(QA, everything)


def test_priorities_do_not_change_between_versions_of_snaplift() -> None:
    assert priority(QA, set()) == 36_441


@given(namespaces)
def test_a_load_balancer_is_one_of_the_platforms_and_the_same_every_time(name: naming.Namespace) -> None:
    platform = PLATFORMS.platforms["platform-new"]
    found = load_balancer(platform, name)
    assert found in {"web", "more"}
    reversed_order = platform.model_copy(update={"load_balancers": tuple(reversed(platform.load_balancers))})
    assert load_balancer(reversed_order, name) == found


def test_namespaces_are_spread_over_the_load_balancers() -> None:
    platform = PLATFORMS.platforms["platform-new"]
    names = [naming.Namespace.parse(f"xy-{number:04}-qa") for number in range(200)]
    share = sum(load_balancer(platform, name) == "web" for name in names)
    assert 60 < share < 140
