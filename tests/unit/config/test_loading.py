"""The configuration is found, and loaded as a whole or a tenant alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from snaplift.config import checks
from snaplift.config.document import parse
from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import (
    find_configuration,
    load_configuration,
    load_platforms,
    load_tenant,
    load_tenant_named,
    merge,
    tenant_names,
    tenant_path,
)
from tests.unit.config.conftest import PLATFORMS, TENANT

SAMPLES = Path(__file__).parents[3] / "config"
Change = Callable[[str, str, str], None]
Errors = Callable[[], list[str]]


def _add(root: Path, name: str) -> None:
    tenant_path(root, name).write_text(TENANT.replace("xy-0146", name))


# -- the whole -------------------------------------------------------------------------------------------------


def test_the_samples_have_no_error() -> None:
    found = load_configuration(SAMPLES)
    assert found.errors == ()
    assert list(found.tenants) == ["ab-0200", "xy-0146"]


def test_the_samples_promote_by_night_to_lower_environments_only() -> None:
    tenants = load_configuration(SAMPLES).tenants
    nightly = {name: tenant.nightly.environments for name, tenant in tenants.items() if tenant.nightly}
    assert nightly == {"ab-0200": ("staging", "uat"), "xy-0146": ("qa",)}


def test_tenants_are_sorted_by_name(root: Path) -> None:
    for name in ("zz-0001", "ab-0200"):
        _add(root, name)
    assert list(load_configuration(root).tenants) == ["ab-0200", "xy-0146", "zz-0001"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x01\xff", b"[" * 10_000, b"tenant: [", b"- a", b"a: &a [*a]", b"tenant: ab-0200\n\tx: 1"],
    ids=["empty", "binary", "deep", "broken", "a list", "an alias of itself", "a tab"],
)
def test_s37_a_broken_file_hides_no_other_tenant(content: bytes, root: Path) -> None:
    tenant_path(root, "ab-0200").write_bytes(content)
    found = load_configuration(root)
    assert list(found.tenants) == ["xy-0146"]
    assert {error.file for error in found.errors} == {"config/tenants/ab-0200.yaml"}


def test_an_empty_file_is_told_from_a_section(root: Path, errors: Errors) -> None:
    tenant_path(root, "xy-0146").write_text("")
    assert errors() == ["config/tenants/xy-0146.yaml:1: is empty: expected a section with fields"]


def test_files_that_would_be_passed_over_are_errors(root: Path, errors: Errors) -> None:
    for name in ("ab-0200.yml", "AB-0200.YAML", "shop.yaml", "README.md", ".hidden.yaml", "xy-0146.yaml~"):
        (root / "tenants" / name).write_text(TENANT)
    assert errors() == [
        "config/tenants/AB-0200.YAML: is not read: rename it to AB-0200.yaml",
        "config/tenants/ab-0200.yml: is not read: rename it to ab-0200.yaml",
        "config/tenants/shop.yaml: the file's name: 'shop' is no tenant: expected a customer (a letter, then 1 to 9 "
        "lower-case letters or digits), a hyphen, four digits, like 'xy-0146'",
    ]


def test_no_folder_of_tenants_is_an_error(root: Path, errors: Errors) -> None:
    tenant_path(root, "xy-0146").unlink()
    assert errors() == []
    (root / "tenants").rmdir()
    assert errors() == ["config/tenants: is no folder: expected one file for each tenant in it"]


def test_a_project_number_used_twice_is_an_error_that_stops_neither(root: Path) -> None:
    _add(root, "ab-0146")
    found = load_configuration(root)
    assert list(found.tenants) == ["ab-0146", "xy-0146"]
    assert [str(error) for error in found.errors] == [
        "config/tenants/ab-0146.yaml: tenant: project number 0146 is also xy-0146's: expected one that no other "
        "tenant has",
        "config/tenants/xy-0146.yaml: tenant: project number 0146 is also ab-0146's: expected one that no other "
        "tenant has",
    ]


# -- one tenant ------------------------------------------------------------------------------------------------


def test_a_tenant_is_loaded_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(root, "ab-0200")
    tenant_path(root, "ab-0201").write_text("broken: [")
    read: list[str] = []
    original = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        read.append(path.name)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert load_tenant_named(root, "xy-0146").tenant == "xy-0146"
    assert read == ["platforms.yaml", "xy-0146.yaml"]


def test_a_tenant_alone_is_as_among_all(root: Path) -> None:
    platforms = load_platforms(root)
    assert load_tenant_named(root, "xy-0146", platforms) == load_configuration(root).tenants["xy-0146"]


def test_a_tenant_that_there_is_not_is_an_error_with_its_file(root: Path) -> None:
    with pytest.raises(
        InvalidConfiguration, match=r"^config/tenants/zz-0001\.yaml: cannot be read: No such file or directory$"
    ):
        load_tenant_named(root, "zz-0001")


def test_tenants_are_named_without_reading_a_file(root: Path) -> None:
    tenant_path(root, "ab-0200").write_bytes(b"\xff")
    (root / "tenants" / "notes.txt").write_text("")
    assert tenant_names(root) == ["ab-0200", "xy-0146"]


def test_a_tenant_s_file_is_shown_from_the_configuration_s_folder_wherever_it_is(
    root: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    change("tenants/xy-0146.yaml", "cpu: 256", "cpu: 1")
    monkeypatch.chdir(root)
    with pytest.raises(InvalidConfiguration, match=r"^config/tenants/xy-0146\.yaml:29: service\.cpu: 1 is not"):
        load_tenant_named(Path(), "xy-0146")


def test_the_column_is_known(root: Path, change: Change) -> None:
    change("tenants/xy-0146.yaml", "cpu: 256", "cpu: 1")
    (error,) = load_configuration(root).errors
    assert (error.line, error.column, error.field) == (29, 3, "service.cpu")


# -- defaults --------------------------------------------------------------------------------------------------


def test_a_default_is_put_under_a_section_field_by_field(root: Path, change: Change) -> None:
    change("tenants/xy-0146.yaml", "tags: [wordpress]", "retention: {snapshots: 7}")
    retention = load_tenant_named(root, "xy-0146").retention
    assert (retention.snapshots, retention.log_days) == (7, 30)


def test_merging_replaces_lists_and_takes_nothing_for_a_value() -> None:
    assert merge({"a": {"b": [1], "c": 1, "d": 1}}, {"a": {"b": [2], "d": None}}) == {
        "a": {"b": [2], "c": 1, "d": None}
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner)
)


@given(*[st.dictionaries(st.sampled_from("abc"), JSON)] * 2)
def test_merging_changes_neither_side_and_every_own_plain_value_wins(
    defaults: dict[str, object], own: dict[str, object]
) -> None:
    before = repr((defaults, own))
    merged = merge(defaults, own)
    assert repr((defaults, own)) == before
    assert merged.keys() == defaults.keys() | own.keys()
    assert all(merged[name] == value for name, value in own.items() if not isinstance(value, dict))
    assert merge(merged, own) == merged


# -- finding ---------------------------------------------------------------------------------------------------


def test_the_environment_s_configuration_comes_first(root: Path, tmp_path: Path) -> None:
    assert find_configuration(tmp_path / "dags", {"SNAPLIFT_CONFIG": str(root)}) == root


@pytest.mark.parametrize("place", ["dags/config", "config"])
def test_the_configuration_is_in_or_beside_the_dags_folder(place: str, tmp_path: Path) -> None:
    folder = tmp_path / "airflow" / place
    folder.mkdir(parents=True)
    (folder / "platforms.yaml").write_text(PLATFORMS)
    assert find_configuration(tmp_path / "airflow" / "dags", {}).resolve() == folder


def test_no_configuration_is_an_error_that_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        find_configuration(tmp_path / "dags", {})
    assert str(caught.value) == (
        f"{tmp_path}/dags/config/platforms.yaml or {tmp_path}/config/platforms.yaml: is no file: "
        "set SNAPLIFT_CONFIG to the folder it is in"
    )


# -- anything at all -------------------------------------------------------------------------------------------


def _paths(value: object, location: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [location, *(path for key, inner in items for path in _paths(inner, (*location, key)))]


def _replaced(value: object, location: tuple[str | int, ...], new: object) -> object:
    if not location:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value
    copy[location[0]] = _replaced(copy[location[0]], location[1:], new)  # type: ignore[index]
    return copy


SAMPLE = parse(TENANT.encode()).value
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["$", "%", "${x}"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("sql"), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.sampled_from(_paths(SAMPLE)), ANYTHING)
@example((), {"\n": None})
def test_s37_no_value_anywhere_raises_anything_else(root: Path, location: tuple[str | int, ...], value: object) -> None:
    platforms = load_platforms(root)
    path = tenant_path(root, "xy-0146")
    path.write_text(json.dumps(_replaced(SAMPLE, location, value)))
    try:
        load_tenant(path, platforms)
    except InvalidConfiguration as error:
        found = error.errors
    else:
        return
    assert found
    for each in found:
        assert each.file == "config/tenants/xy-0146.yaml"
        assert "\n" not in str(each)
        assert "Input should" not in each.message  # pydantic's words: every kind of error has its own here


@given(
    st.text(st.characters(max_codepoint=127), max_size=30)
    | st.from_regex(r"([0-9A-Za-z*/,#?LRH-]{1,4} ){4}[0-9A-Z*/,#-]{1,4}")
)
def test_s37_no_schedule_raises_anything(schedule: str) -> None:
    message = checks.cron_problem(schedule)
    assert message is None or "schedule" in message or "never run" in message
