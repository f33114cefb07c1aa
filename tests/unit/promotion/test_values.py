"""Values that a configuration may refer to."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.values import fill, site_url, values
from tests.unit.promotion.examples import NEW
from tests.unit.stacks.examples import PLATFORMS, TENANT, tenant


def listening(protocol: str, port: int) -> Any:
    """The platforms, with another listener on every one."""
    listener = PLATFORMS.platforms["platform-plain"].listener.model_copy(update={"protocol": protocol, "port": port})
    changed = {name: each.model_copy(update={"listener": listener}) for name, each in PLATFORMS.platforms.items()}
    return PLATFORMS.model_copy(update={"platforms": changed})


@pytest.mark.parametrize(
    ("protocol", "port", "url"),
    [
        ("HTTPS", 443, "https://xy-0146-qa.example.com"),
        ("HTTP", 80, "http://xy-0146-qa.example.com"),
        ("HTTP", 8088, "http://xy-0146-qa.example.com:8088"),
        ("HTTPS", 80, "https://xy-0146-qa.example.com:80"),
    ],
)
def test_an_address_carries_the_port_where_it_is_not_the_protocols_own(protocol: str, port: int, url: str) -> None:
    assert site_url(listening(protocol, port), TENANT, "qa") == url


def test_the_addresses_above_are_told_nearest_first() -> None:
    found = values(PLATFORMS, TENANT, "prod", NEW)
    assert found["source_urls"] == "https://xy-0146-qa.example.com https://xy-0146-dev.example.com"
    assert values(PLATFORMS, TENANT, "dev", None)["source_urls"] == ""


def test_where_it_is_and_what_it_holds_is_told() -> None:
    found = values(PLATFORMS, TENANT, "qa", NEW)
    assert (found["tenant"], found["environment"], found["namespace"], found["release"]) == (
        "xy-0146",
        "qa",
        "xy-0146-qa",
        NEW,
    )
    assert values(PLATFORMS, TENANT, "dev", None)["release"] == ""


def test_an_environment_has_its_own_variables_and_no_others() -> None:
    environments = {
        "dev": {"platform": "platform-new", "variables": {"MAIL": "off"}},
        "qa": {"platform": "platform-new", "from": "dev", "variables": {"MAIL": "on"}},
    }
    mail = tenant(environments=environments)
    assert values(PLATFORMS, mail, "qa", NEW)["MAIL"] == "on"


def test_placeholders_are_filled_and_a_doubled_dollar_is_one() -> None:
    assert fill({"A": "at ${site_url}/x", "B": "$$5"}, {"site_url": "http://x"}) == {"A": "at http://x/x", "B": "$5"}


def test_a_value_is_put_in_as_it_is() -> None:
    assert fill({"A": "${a}"}, {"a": "${b}", "b": "x"}) == {"A": "${b}"}


def test_a_value_that_there_is_none_of_is_an_error() -> None:
    with pytest.raises(KeyError, match="password"):
        fill({"A": "${password}"}, {})
