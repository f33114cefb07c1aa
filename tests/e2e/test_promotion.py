"""A tenant's data goes dev → qa → prod through a real scheduler and triggerer."""

from __future__ import annotations

import hashlib
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie

import httpx
import pymysql
import pytest
from local.demo.following import Followed
from local.load import Target

from tests.e2e.conftest import POSTS
from tests.e2e.tenant import Rows, TenantUnderTest, ask

# What dev's rows are known by: everything of a post but the addresses in its text, which adapt changes.
POSTS_QUERY = (
    "SELECT ID, post_name, post_title, post_date, post_status FROM wp_posts WHERE post_type = 'post' ORDER BY ID"
)
SESSIONS_QUERY = "SELECT COUNT(*) FROM wp_usermeta WHERE meta_key = 'session_tokens'"
LATER = POSTS + 7
# How long the copy would take: dev is changed meanwhile, then it is let go.
RESTORE_SECONDS = 600.0


@dataclass(frozen=True)
class Promoted:
    """A promotion to qa during which dev went on changing."""

    run: Followed
    rows_at_snapshot: Rows
    rows_later: Rows
    sessions_in_dev: int
    database_while_dev_changed: str
    """The state of qa's new database then."""


@pytest.fixture(scope="module")
def promoted(tenant: TenantUnderTest) -> Promoted:
    """dev → qa; dev is changed after the snapshot stands and before it is restored."""
    airflow, installation = tenant.installation.airflow, tenant.installation
    log_in(tenant, "dev")
    at_snapshot = tenant.rows("dev", POSTS_QUERY)
    sessions = int(tenant.rows("dev", SESSIONS_QUERY)[0][0])
    usual = installation.control("GET", "delays")["rds.restore"]
    installation.control("PUT", "delays", {"rds.restore": RESTORE_SECONDS})
    try:
        run = tenant.start_promotion("qa", "new")
        airflow.wait_for_task(run, "snapshot", ["success"], 120)
        tenant.site("dev").run("posts", str(LATER))
        [instance] = [
            one["DBInstanceStatus"]
            for name, one in tenant.world().instances.items()
            if name.startswith("xy-0146-qa-db-")
        ] or ["not made yet"]
    finally:
        installation.control("PUT", "delays", {"rds.restore": usual})
    ended = tenant.end({"qa": run})["qa"]
    return Promoted(ended, at_snapshot, tenant.rows("dev", POSTS_QUERY), sessions, instance)


@pytest.fixture(scope="module")
def promoted_to_prod(tenant: TenantUnderTest, promoted: Promoted) -> Followed:
    return tenant.promote("prod", "tested")


def test_the_rows_in_qa_are_devs_as_of_the_snapshot_and_not_as_of_later(
    tenant: TenantUnderTest, promoted: Promoted
) -> None:
    assert (promoted.run.state, promoted.run.failures) == ("success", {})
    assert promoted.database_while_dev_changed in {"not made yet", "creating"}
    assert len(promoted.rows_at_snapshot) == POSTS
    assert len(promoted.rows_later) == LATER
    assert tenant.rows("qa", POSTS_QUERY) == promoted.rows_at_snapshot


def test_qa_answers_with_its_own_address_and_names_dev_nowhere(tenant: TenantUnderTest, promoted: Promoted) -> None:
    site, dev = tenant.site("qa"), tenant.site("dev")
    page = get(site.address, "/").text
    assert site.posts() == POSTS
    assert f'href="{site.address}/' in page
    assert dev.address not in page
    [texts] = tenant.rows("qa", f"SELECT COUNT(*) FROM wp_posts WHERE post_content LIKE '%{dev.address}%'")
    assert texts == (0,)


def test_devs_database_user_does_not_open_qa(tenant: TenantUnderTest, promoted: Promoted) -> None:
    dev, qa = tenant.account("dev"), tenant.account("qa")
    assert ask(dev, "SELECT 1") == ((1,),)
    with pytest.raises(pymysql.err.OperationalError) as refused:
        ask(replace(qa, user=dev.user, password=dev.password), "SELECT 1")
    assert refused.value.args[0] in {1045, 1698}


def test_a_session_of_dev_does_not_open_qa(tenant: TenantUnderTest, promoted: Promoted) -> None:
    assert promoted.sessions_in_dev > 0
    assert tenant.rows("qa", SESSIONS_QUERY) == ((0,),)
    cookies = log_in(tenant, "dev")
    assert get(tenant.site("dev").address, "/wp-admin/profile.php", cookies).status_code == 200
    # WordPress puts a hash of the site's address into the cookies' names: dev's would not even be looked at.
    devs, qas = (hashlib.md5(tenant.site(one).address.encode()).hexdigest() for one in ("dev", "qa"))
    renamed = {name.replace(devs, qas): value for name, value in cookies.items()}
    assert renamed.keys() != cookies.keys()
    answer = get(tenant.site("qa").address, "/wp-admin/profile.php", renamed)
    assert answer.status_code == 302
    assert "wp-login.php" in answer.headers["location"]


def test_prod_gets_what_was_tested_in_qa(
    tenant: TenantUnderTest, promoted: Promoted, promoted_to_prod: Followed
) -> None:
    assert (promoted_to_prod.state, promoted_to_prod.failures) == ("success", {})
    qa, prod = (tenant.site(environment).pointer().active for environment in ("qa", "prod"))
    assert qa is not None
    assert prod is not None
    assert (prod.release, prod.build, prod.snapshot) == (qa.release, qa.build, qa.snapshot)
    assert tenant.rows("prod", POSTS_QUERY) == promoted.rows_at_snapshot
    assert tenant.site("prod").posts() == POSTS


def test_airflows_assets_say_which_data_run_where_and_how_they_got_there(
    tenant: TenantUnderTest, promoted: Promoted, promoted_to_prod: Followed
) -> None:
    airflow = tenant.installation.airflow
    told = {name: airflow.asset_events(tenant.site(name).namespace.asset) for name in ("dev", "qa", "prod")}
    sources = {name: [event["extra"]["source"] for event in events] for name, events in told.items()}
    assert sources == {"dev": [None], "qa": ["xy-0146-dev"], "prod": ["xy-0146-qa"]}
    [qa], [prod] = told["qa"], told["prod"]
    active = tenant.site("prod").pointer().active
    assert active is not None
    assert (qa["source_run_id"], prod["source_run_id"]) == (promoted.run.run.run_id, promoted_to_prod.run.run_id)
    assert {qa["extra"]["release"], prod["extra"]["release"]} == {active.release}
    assert qa["extra"]["build"] == prod["extra"]["build"]


def test_afterwards_every_pointer_is_true_and_nothing_is_left_over(
    tenant: TenantUnderTest, promoted_to_prod: Followed
) -> None:
    assert tenant.untrue() == []


def test_everything_listens_on_loopback_only(tenant: TenantUnderTest) -> None:
    programs = tenant.installation.programs
    # What renames itself, as Airflow's API server does, loses the mark; it stays in its program's session.
    ours = {*programs.strays(), *(pid for pid in processes() if session(pid) in programs.sessions())}
    lines = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    addresses = {line.split()[3] for line in lines if any(f"pid={pid}," in line for pid in ours)}
    ports = tenant.installation.ports
    assert {f"127.0.0.1:{port}" for port in (ports.aws, ports.airflow, ports.sites)} <= addresses
    assert any(address.endswith(":3306") for address in addresses), "the databases"
    assert {address for address in addresses if not address.startswith("127.")} == set()


def processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def session(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return 0


def log_in(tenant: TenantUnderTest, environment: str) -> dict[str, str]:
    """The cookies of a session of the site's administrator."""
    password = tenant.environment_secret(environment, "WP_ADMIN_PASSWORD")
    target = Target(tenant.site(environment).address)
    form = {"log": "admin", "pwd": password, "testcookie": "1"}
    with httpx.Client(trust_env=False, timeout=30) as client:
        headers = {"Host": target.host, "Cookie": "wordpress_test_cookie=WP%20Cookie%20check"}
        answer = client.post(target.url("/wp-login.php"), data=form, headers=headers)
    cookies: dict[str, str] = {}
    for line in answer.headers.get_list("set-cookie"):
        cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items() if morsel.value.strip()}
    assert any(name.startswith("wordpress_logged_in_") for name in cookies), answer.status_code
    return cookies


def get(address: str, path: str, cookies: dict[str, str] | None = None) -> httpx.Response:
    target = Target(address)
    cookie = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.get(target.url(path), headers={"Host": target.host, **({"Cookie": cookie} if cookie else {})})
