"""The pure parts of RDS on the laptop: names, versions, parameters, pages, records."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local.aws.query import Fault
from local.aws.rds import identifiers, master, paging, parameters, records
from local.aws.rds.versions import Versions, is_older

IDENTIFIERS = st.from_regex(r"[a-z](-?[a-z0-9]){0,31}", fullmatch=True)


@given(IDENTIFIERS)
def test_an_identifier_is_taken_in_either_case_and_kept_in_lower(name: str) -> None:
    assert identifiers.checked("DBInstanceIdentifier", name.upper()) == name


@given(st.text("aA1-_ é", max_size=70))
def test_an_identifier_is_taken_exactly_if_it_keeps_the_rules(name: str) -> None:
    lower = name.lower()
    keeps = (
        re.fullmatch(r"[a-z0-9-]{1,63}", lower) is not None
        and lower[0].isalpha()
        and not lower.endswith("-")
        and "--" not in lower
    )
    assert is_taken(name) == keeps


def is_taken(name: str) -> bool:
    try:
        identifiers.checked("DBInstanceIdentifier", name)
    except Fault:
        return False
    return True


def test_a_lookup_goes_by_name_or_arn() -> None:
    arn = "arn:aws:rds:us-east-1:000000000000:db:xy-0146-dev"
    assert identifiers.name_of("DBInstanceIdentifier", arn) == "xy-0146-dev"
    assert identifiers.name_of("DBSnapshotIdentifier", arn) == arn.lower()


@pytest.mark.parametrize("wanted", [None, "10.11", "10.11.6"])
def test_the_installed_version_goes_by_its_series_and_in_full(wanted: str | None) -> None:
    assert Versions("10.11.6").resolve("mariadb", wanted) == "10.11.6"


def test_a_version_that_is_not_offered_is_refused() -> None:
    with pytest.raises(Fault, match=r"Cannot find version 5\.5"):
        Versions("10.11.6").resolve("mariadb", "5.5")


def test_versions_are_compared_as_numbers() -> None:
    assert is_older("10.6.23", "10.11.6")
    assert Versions("10.11.6").all() == sorted(Versions("10.11.6").all(), key=lambda one: [*map(int, one.split("."))])


def test_settings_that_could_lead_out_of_the_server_do_not_reach_it() -> None:
    settings = {"sql_mode": "ANSI", "plugin_dir": "/tmp", "secure_file_priv": "", "max_connections": "{formula}"}
    assert parameters.server_options(settings) == {"sql_mode": "ANSI"}


@pytest.mark.parametrize("value", ["ANSI\nplugin-dir=/tmp", 'a"b', "a;b", "$(id)"])
def test_a_value_cannot_become_a_second_setting(value: str) -> None:
    with pytest.raises(Fault, match="not valid"):
        parameters.check_value("sql_mode", value)


def test_static_settings_wait_for_a_start() -> None:
    settings = {"lower_case_table_names": "1", "transaction_isolation": "READ-COMMITTED"}
    assert parameters.changed_while_running(settings) == {"tx_isolation": "READ-COMMITTED"}
    assert set(parameters.server_options(settings)) == {"lower_case_table_names", "transaction_isolation"}


@given(st.sets(IDENTIFIERS, max_size=90), st.integers(20, 100))
def test_pages_together_are_everything_once_in_order(names: set[str], size: int) -> None:
    everything = [{"Name": name} for name in names]
    listed: list[str] = []
    request: dict[str, Any] = {"MaxRecords": size}
    while True:
        page, marker = paging.page(everything, "Name", request)
        assert len(page) <= size
        listed += [one["Name"] for one in page]
        if marker is None:
            break
        request["Marker"] = marker
    assert listed == sorted(names)


def test_a_marker_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Fault, match="marker"):
        paging.page([], "Name", {"Marker": "é"})


def test_every_filter_has_to_match_by_any_of_its_values() -> None:
    everything = [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "3", "b": "y"}]
    fields = {"a": lambda one: [one["a"]], "b": lambda one: [one["b"]]}
    found = paging.filtered(everything, [{"Name": "a", "Values": ["1", "3"]}, {"Name": "b", "Values": ["X"]}], fields)
    assert found == [{"a": "1", "b": "x"}]


def test_a_generated_password_is_one_that_rds_takes() -> None:
    passwords = {master.new_password() for _ in range(50)}
    assert len(passwords) == 50
    for password in passwords:
        master.check({"MasterUserPassword": password}, required=True)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"MasterUserPassword": "short"},
        {"MasterUserPassword": "with space 1"},
        {"MasterUserPassword": "with/slash1"},
        {"MasterUserPassword": "long-enough-1", "ManageMasterUserPassword": True},
    ],
)
def test_a_new_instance_says_one_password_that_rds_takes(request_: dict[str, Any]) -> None:
    with pytest.raises(Fault):
        master.check(request_, required=True)


def test_resource_ids_tell_incarnations_apart() -> None:
    assert len({records.new_resource_id() for _ in range(100)}) == 100
    assert re.fullmatch(r"db-[A-Z2-7]{26}", records.new_resource_id())
