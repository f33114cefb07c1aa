"""Names: parsing undoes formatting, AWS accepts them, and no namespace's pattern takes in another's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from fnmatch import fnmatchcase
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from snaplift import naming
from snaplift.naming import (
    DatabaseName,
    FinalSnapshotName,
    InvalidName,
    Namespace,
    Release,
    SecretName,
    SnapshotName,
    Tenant,
)

customers = st.from_regex(naming.CUSTOMER, fullmatch=True).filter(lambda text: text not in naming.RESERVED_CUSTOMERS)
tenants = st.builds(Tenant, customers, st.from_regex(naming.PROJECT, fullmatch=True))
environments = st.from_regex(naming.ENVIRONMENT, fullmatch=True)
namespaces = st.builds(Namespace, tenants, environments)
seconds_of_two_centuries = st.integers(0, 7_258_118_399)
releases = seconds_of_two_centuries.map(lambda second: Release.at(datetime.fromtimestamp(second, UTC)))
runs = st.builds(naming.run_hash, st.text(), st.text())
platforms = st.from_regex(naming.PLATFORM, fullmatch=True)
variables = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,127}", fullmatch=True)

# The longest that the grammar allows.
LONGEST = Namespace(Tenant("abcdefghij", "0146"), "abcdefghijk")


# -- parsing and formatting ------------------------------------------------------------------------------------


@given(tenants)
def test_a_tenant_reads_back(tenant: Tenant) -> None:
    assert Tenant.parse(str(tenant)) == tenant


@given(namespaces)
def test_a_namespace_reads_back(namespace: Namespace) -> None:
    assert Namespace.parse(str(namespace)) == namespace


@given(releases)
def test_a_release_reads_back_as_the_second_it_was_begun_at(release: Release) -> None:
    assert Release.at(release.moment) == release


@given(namespaces, st.none() | releases)
def test_a_database_reads_back(namespace: Namespace, release: Release | None) -> None:
    assert DatabaseName.parse(namespace.database(release)) == DatabaseName(namespace, release)


@given(namespaces, releases)
def test_a_snapshot_reads_back(namespace: Namespace, release: Release) -> None:
    assert SnapshotName.parse(namespace.snapshot(release)) == SnapshotName(namespace, release)


@given(namespaces, releases, runs)
def test_a_final_snapshot_reads_back(namespace: Namespace, release: Release, run: str) -> None:
    assert FinalSnapshotName.parse(namespace.final_snapshot(release, run)) == FinalSnapshotName(namespace, release, run)


@given(namespaces, st.none() | releases, runs, st.uuids())
def test_a_secret_reads_back(namespace: Namespace, release: Release | None, run: str, stack: UUID) -> None:
    found = SecretName.parse(f"{namespace.application_secret(release, run)}/{stack}")
    assert found == SecretName(namespace, release, str(stack), of_database=True)


@given(namespaces, st.uuids(), variables)
def test_a_generated_value_reads_back(namespace: Namespace, stack: UUID, variable: str) -> None:
    found = SecretName.parse(f"{namespace.environment_secrets}{stack}/{variable}")
    assert found == SecretName(namespace, None, str(stack), of_database=False)


@given(namespaces)
def test_a_pointer_a_log_group_and_a_services_stack_read_back(namespace: Namespace) -> None:
    assert Namespace.of_pointer(namespace.pointer) == namespace
    assert Namespace.of_log_group(namespace.log_group) == namespace
    assert Namespace.of_service_stack(namespace.service_stack) == namespace


@pytest.mark.parametrize("name", ["/snaplift/xy-0146/qa", "/snaplift/xy-0146/qa/pointers", "/x/xy-0146/qa/pointer"])
def test_what_is_no_pointer_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        Namespace.of_pointer(name)


@pytest.mark.parametrize("parse", [Tenant.parse, Namespace.parse, DatabaseName.parse, SnapshotName.parse, Release])
@given(text=st.text() | st.from_regex(r"[a-z0-9-]{1,40}"))
def test_what_is_read_is_written_the_same_or_refused(parse: Callable[[str], object], text: str) -> None:
    try:
        name = parse(text)
    except InvalidName:
        return
    assert str(name) == text


@given(namespaces, releases, runs)
def test_no_name_is_of_two_kinds(namespace: Namespace, release: Release, run: str) -> None:
    names = {
        DatabaseName.parse: namespace.database(release),
        SnapshotName.parse: namespace.snapshot(release),
        FinalSnapshotName.parse: namespace.final_snapshot(release, run),
        Namespace.parse: str(namespace),
    }
    for parse in names:
        for other, name in names.items():
            if other is not parse:
                with pytest.raises(InvalidName):
                    parse(name)


@pytest.mark.parametrize(
    "text",
    ["", "xy", "xy-146", "xy-01466", "XY-0146", "x-0146", "xy_0146", "xy-0146 ", "xy-0146\n", "xy-٠١٤٦", "1y-0146"],
)
def test_what_is_no_tenant_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(InvalidName, match=re.escape("four digits, like 'xy-0146'")):
        Tenant.parse(text)


@pytest.mark.parametrize("customer", sorted(naming.RESERVED_CUSTOMERS))
def test_a_customer_that_aws_reserves_is_refused(customer: str) -> None:
    with pytest.raises(InvalidName, match=f"'{customer}' cannot be a customer"):
        Tenant.parse(f"{customer}-0146")


@pytest.mark.parametrize("text", ["20261323t020000z", "20260230t020000z", "20261123t250000z", "00000101t000000z"])
def test_a_release_at_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="is no release"):
        Release(text)


def test_s33_a_release_is_named_in_utc_wherever_it_is_begun() -> None:
    berlin = timezone(timedelta(hours=1))
    assert str(Release.at(datetime(2026, 11, 23, 3, 0, 0, 999, berlin))) == "20261123t020000z"


def test_s33_a_moment_without_a_zone_names_no_release() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Release.at(datetime(2026, 11, 23, 2))  # noqa: DTZ001  # what is tested


@given(releases, releases)
def test_releases_sort_by_time(one: Release, other: Release) -> None:
    assert (one < other) == (one.moment < other.moment) == (str(one) < str(other))


# -- what AWS accepts ------------------------------------------------------------------------------------------

# Lengths and characters as the API references of the services have them.
RDS_INSTANCE = re.compile(r"(?!.*--)(?!.*-$)[a-z][a-z0-9-]{0,62}")
RDS_SNAPSHOT = re.compile(r"(?!.*--)(?!.*-$)[a-z][a-z0-9-]{0,254}")
STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
ECS = re.compile(r"[A-Za-z0-9_-]{1,255}")
ROLE = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
ROLE_PATH = re.compile(r"/([!-~]{1,510}/)?")
PARAMETER = re.compile(r"(?!/(aws|ssm))(/[A-Za-z0-9_.-]+){1,15}", re.I)
SECRET = re.compile(r"(?!.*-[^/]{6}$)[A-Za-z0-9/_+=.@-]{1,512}")
LOG_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
KEY_ALIAS = re.compile(r"alias/(?!aws/)[A-Za-z0-9/_-]{1,250}")
MYSQL_USER = re.compile(r"[a-z][a-z0-9_]{0,31}")
HOST_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
TAG_KEY = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}", re.ASCII)
TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}", re.ASCII)


@given(st.just(LONGEST) | namespaces, releases, runs, variables)
def test_aws_accepts_every_name(namespace: Namespace, release: Release, run: str, variable: str) -> None:
    for database in (namespace.database(release), namespace.database(None)):
        assert RDS_INSTANCE.fullmatch(database)
        assert STACK.fullmatch(database)
    for snapshot in (namespace.snapshot(release), namespace.final_snapshot(release, run)):
        assert RDS_SNAPSHOT.fullmatch(snapshot)
    assert STACK.fullmatch(namespace.stack)
    assert STACK.fullmatch(namespace.service_stack)
    assert ECS.fullmatch(namespace.service)
    assert ECS.fullmatch(namespace.family)
    assert ROLE.fullmatch(namespace.role("execution"))
    assert ROLE_PATH.fullmatch(namespace.role_path)
    assert PARAMETER.fullmatch(namespace.pointer)
    assert len(namespace.pointer) <= 1011  # less what an ARN puts before it
    assert LOG_GROUP.fullmatch(namespace.log_group)
    for secret in (namespace.application_secret(release, run), namespace.application_secret(None, run)):
        assert SECRET.fullmatch(secret)
    assert SECRET.fullmatch(namespace.environment_secrets + variable)
    assert MYSQL_USER.fullmatch(namespace.database_user(run))
    assert HOST_LABEL.fullmatch(namespace.host("example.com").removesuffix(".example.com"))


@given(platforms)
def test_aws_accepts_what_a_platform_s_things_are_called(platform: str) -> None:
    assert STACK.fullmatch(platform)
    assert TABLE.fullmatch(naming.lock_table(platform))
    assert KEY_ALIAS.fullmatch(naming.key_alias(platform))
    assert ROLE_PATH.fullmatch(naming.platform_role_path(platform))
    assert ROLE.fullmatch(naming.role_boundary(platform))


@given(namespaces, releases, runs)
def test_aws_accepts_every_tag(namespace: Namespace, release: Release, run: str) -> None:
    found = naming.tags("acme", namespace, release=release, run=run)
    assert len(found) <= 50
    for key, value in found.items():
        assert TAG_KEY.fullmatch(key)
        assert TAG_VALUE.fullmatch(value)


# -- whose a thing is ------------------------------------------------------------------------------------------


def names_of(namespace: Namespace, release: Release, run: str) -> dict[str, list[str]]:
    """Every kind of thing that a namespace has, and names of each kind."""
    return {
        "database": [namespace.database(release), namespace.database(None)],
        "snapshot": [namespace.snapshot(release), namespace.final_snapshot(release, run)],
        "stack": [namespace.stack, namespace.service_stack, namespace.database(release), namespace.database(None)],
        "role": [namespace.role_path + namespace.role("execution")],
        "parameter": [namespace.pointer],
        "secret": [
            namespace.application_secret(release, run) + "-AbCdEf",
            namespace.environment_secrets + "SALT-AbCdEf",
        ],
        "s3": [namespace.s3_prefix + "export.sql"],
        "log_group": [namespace.log_group + ":log-stream:web/1"],
    }


def patterns_of(namespace: Namespace) -> dict[str, tuple[str, ...]]:
    return {
        "database": namespace.database_patterns,
        "snapshot": namespace.snapshot_patterns,
        "stack": namespace.stack_patterns,
        "role": (namespace.role_pattern,),
        "parameter": (namespace.parameter_pattern,),
        "secret": (namespace.secret_pattern,),
        "s3": (namespace.s3_pattern,),
        "log_group": (namespace.log_group_pattern,),
    }


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@given(namespaces, releases, runs)
def test_a_namespace_s_patterns_take_in_all_that_is_its_own(namespace: Namespace, release: Release, run: str) -> None:
    for kind, names in names_of(namespace, release, run).items():
        for name in names:
            assert _matches(patterns_of(namespace)[kind], name), (kind, name)


def _assert_apart(one: Namespace, other: Namespace, release: Release, run: str) -> None:
    for kind, names in names_of(other, release, run).items():
        for name in names:
            assert not _matches(patterns_of(one)[kind], name), (kind, name)


@given(namespaces, st.text("abcz019", min_size=1, max_size=6), releases, runs)
def test_s13_a_namespace_s_patterns_take_in_none_that_begins_like_it(
    namespace: Namespace, more: str, release: Release, run: str
) -> None:
    assume(len(namespace.environment + more) <= 11)
    longer = Namespace(namespace.tenant, namespace.environment + more)
    _assert_apart(namespace, longer, release, run)
    _assert_apart(longer, namespace, release, run)


@given(namespaces, namespaces, releases, runs)
def test_s13_a_namespace_s_patterns_take_in_no_other_s(
    one: Namespace, other: Namespace, release: Release, run: str
) -> None:
    assume(one != other)
    _assert_apart(one, other, release, run)


def test_s13_prod_and_prod2_of_one_tenant_are_apart() -> None:
    prod, prod2 = Namespace.parse("xy-0146-prod"), Namespace.parse("xy-0146-prod2")
    release, run = Release("20261123t020000z"), "0a1b2c3d"
    _assert_apart(prod, prod2, release, run)
    for prefix in (prod.s3_prefix, prod.parameter_prefix, prod.secret_prefix, prod.role_path):
        assert prefix.endswith("/")
    assert not prod2.pointer.startswith(prod.parameter_prefix)
    assert not prod2.application_secret(release, run).startswith(prod.secret_prefix)


@given(namespaces, releases, runs)
def test_the_patterns_for_any_namespace_take_in_this_one(namespace: Namespace, release: Release, run: str) -> None:
    names = names_of(namespace, release, run)
    assert all(_matches(naming.ANY_DATABASE, name) for name in names["database"])
    assert all(_matches(naming.ANY_SNAPSHOT, name) for name in names["snapshot"])
    assert fnmatchcase(namespace.application_secret(release, run), naming.ANY_APPLICATION_SECRET[1])
    assert fnmatchcase(namespace.application_secret(None, run), naming.ANY_APPLICATION_SECRET[0])


@given(platforms)
def test_the_pattern_for_any_namespace_takes_in_no_platform(platform: str) -> None:
    assert not fnmatchcase(platform, naming.ANY_NAMESPACE)


@given(namespaces, variables)
def test_the_patterns_of_databases_secrets_take_in_no_generated_value(namespace: Namespace, variable: str) -> None:
    assert not _matches(naming.ANY_APPLICATION_SECRET, namespace.environment_secrets + variable)


@given(namespaces, namespaces)
def test_only_the_tag_itself_makes_a_thing_ours(one: Namespace, other: Namespace) -> None:
    found = naming.tags("acme", one)
    assert naming.is_ours(found, "acme")
    assert naming.is_ours(found, "acme", one)
    assert naming.is_ours(found, "acme", other) == (one == other)
    assert not naming.is_ours(found, "acme2", one)
    assert not naming.is_ours({}, "acme")


def test_a_run_has_the_same_hash_at_every_retry_and_another_run_another_one() -> None:
    first = naming.run_hash("xy-0146.promote", "manual__2026-11-23T02:00:00+00:00")
    assert first == naming.run_hash("xy-0146.promote", "manual__2026-11-23T02:00:00+00:00")
    assert re.fullmatch(naming.RUN, first)
    assert first != naming.run_hash("ab-0200.promote", "manual__2026-11-23T02:00:00+00:00")


def test_two_tenants_never_share_a_database_user() -> None:
    users = {
        Namespace(Tenant(customer, project), "qa").database_user("0a1b2c3d")
        for customer, project in (("ab1", "0146"), ("ab", "1014"), ("ab10", "1460"))
    }
    assert len(users) == 3
