"""The sample sites' images: what their commands do to a real database, and what the site then shows."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local.demo.visitors import PATHS
from local.images.build import build

from snaplift.aws.hooks import mysql
from snaplift.config.loading import load_platforms, load_tenant_named
from snaplift.config.tenant import AdaptSql
from snaplift.promotion.fingerprint import changes
from tests.support.sample_site import DEV, QA, Database, Task

POSTS = 120

PLANTED = {
    "widget_planted": "serialize([2 => ['title' => 'ä', 'text' => '<a href=\"URL/a\">']])",
    "theme_mods_x": "serialize((function () { $o = new ArrayIterator(['URL']); $p = new stdClass;"
    " $p->url = 'URL'; return ['object' => $p, 'nested' => serialize(['URL/ü'])]; })())",
    "builder": "json_encode(['link' => 'URL/page', 'size' => 1.0])",
    "URL/as-a-name": "'plain'",
}
LEFT_BEHIND = """SELECT
  (SELECT COUNT(*) FROM wp_usermeta WHERE meta_key IN ('session_tokens', '_application_passwords')),
  (SELECT COUNT(*) FROM wp_options WHERE option_name LIKE '%transient\\_%' OR option_name IN ('cron', 'auth_key')),
  (SELECT COUNT(*) FROM wp_users WHERE user_activation_key <> ''),
  (SELECT COUNT(*) FROM wp_jobs)"""


def php(expression: str, address: str) -> str:
    """What PHP makes of an expression: the oracle for what is stored."""
    code = f"echo {expression.replace('URL', address)};"
    return subprocess.run(["php", "-r", code], check=True, capture_output=True, text=True).stdout


def plant(dev: Task) -> None:
    """Put into dev what a copy of it must not keep."""
    database = dev.database
    with database.connect(dev.schema) as connection, connection.cursor() as cursor:
        for name, expression in PLANTED.items():
            values = (name.replace("URL", DEV), php(expression, DEV))
            cursor.execute("INSERT INTO wp_options (option_name, option_value) VALUES (%s, %s)", values)
    database.rows(
        "INSERT INTO wp_options (option_name, option_value) VALUES ('_transient_x', '1'), ('auth_key', 'k')",
        "INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (1, 'session_tokens', 'a:0:{}'),"
        f" (1, '_application_passwords', 'a:0:{{}}'), (1, 'feed', '{DEV}/feed')",
        f"UPDATE wp_users SET user_activation_key = 'key', user_url = '{DEV}'",
        f"INSERT INTO wp_comments (comment_author, comment_content, comment_author_url)"
        f" VALUES ('', 'see {DEV}/x', '{DEV}')",
        "CREATE TABLE wp_plugin (a INT, b VARCHAR(20), seen TEXT, PRIMARY KEY (b, a))",
        *(f"INSERT INTO wp_plugin VALUES ({n}, 'é{n % 3}', '{DEV}/{n}')" for n in range(450)),
        "CREATE TABLE wp_jobs (job TEXT)",
        f"INSERT INTO wp_jobs VALUES ('mail from {DEV}')",
        schema=dev.schema,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def dev(place: Path) -> Iterator[Task]:
    """A WordPress with its posts."""
    database = Database(place / "dev").install().start()
    database.give("site", "dev")
    task = Task(build("wordpress", place / "wordpress"), database, DEV)
    assert task.report("setup", WP_ADMIN_PASSWORD="known")["installed"] is True
    assert task.report("posts", str(POSTS)) == {"ok": True, "new": POSTS, "published": POSTS}
    yield task
    database.stop()


@pytest.fixture(scope="module")
def planted(dev: Task) -> Task:
    plant(dev)
    return dev


@pytest.fixture(scope="module")
def qa(planted: Task, place: Path) -> Iterator[Task]:
    """The site in a copy of dev's database."""
    planted.database.stop()
    shutil.copytree(planted.database.data, place / "qa")
    planted.database.start()
    database = Database(place / "qa").start()
    database.give("site", "qa")
    yield Task(planted.image, database, QA, user="qa")
    database.stop()


@pytest.fixture(scope="module")
def adapted(qa: Task) -> dict[str, Any]:
    return qa.report("adapt", SOURCE_URLS=f"http://another.example.com {DEV}", QUEUE_TABLES="wp_jobs wp_none")


def test_setup_and_posts_may_be_repeated(dev: Task) -> None:
    assert dev.report("setup")["installed"] is False
    assert dev.report("posts", str(POSTS)) == {"ok": True, "new": 0, "published": POSTS}


def test_setup_begins_anew_after_an_interrupted_one(dev: Task) -> None:
    dev.database.give("half", "dev")
    task = Task(dev.image, dev.database, DEV, schema="half")
    task.report("setup")
    tables = [name for (name,) in dev.database.rows("SHOW TABLES", schema="half")]
    dev.database.rows(*(f"TRUNCATE {name}" for name in tables), schema="half")  # rows go, tables stay
    assert task.report("setup")["installed"] is True
    assert task.report("posts", "1")["published"] == 1


def test_a_site_serves_its_posts_at_its_own_address(dev: Task) -> None:
    with dev.serving():
        page = dev.get("/")
        assert (page.status_code, page.headers["X-Build"]) == (200, "v1")
        assert f'href="{DEV}/post-{POSTS:04d}/"' in page.text
        assert dev.get("/wp-json/wp/v2/posts?per_page=1").headers["X-WP-Total"] == str(POSTS)
        assert dev.get("/wp-admin/install.php").status_code == 403
        assert dev.get("/wp-content/mu-plugins/site.php").status_code == 404


def test_a_visitor_comments_as_often_as_he_likes(dev: Task) -> None:
    with dev.serving():
        post = dev.get("/wp-json/wp/v2/posts?per_page=1&_fields=id,slug").json()[0]
        for number in (1, 2):
            form = {"author": "A", "email": "a@example.com", "comment": f"remark {number}"}
            answer = dev.get("/wp-comments-post.php", "POST", data=form | {"comment_post_ID": post["id"]})
            assert answer.status_code == 302, answer.text
        page = dev.get(f"/{post['slug']}/").text
        assert "remark 1" in page
        assert "remark 2" in page


def test_data_that_is_not_adapted_fails_the_check(planted: Task) -> None:
    checked = planted.run("check", SITE_URL=QA, SOURCE_URLS=DEV)
    assert checked.returncode == 1
    assert json.loads(checked.stdout)["failed"] == ["home", "siteurl", "links"]


def test_adapt_leaves_no_address_of_the_source(qa: Task, adapted: dict[str, Any]) -> None:
    assert adapted["rows_rewritten"]["wp_plugin"] == 450
    assert "xy-0146-dev" not in qa.database.dump(qa.schema)
    values = dict(qa.database.rows("SELECT option_name, option_value FROM wp_options", schema=qa.schema))
    assert (values["home"], values["siteurl"]) == (QA, QA)
    for name, expression in PLANTED.items():
        assert values[name.replace("URL", QA)] == php(expression, QA)


def test_adapt_takes_what_belonged_to_the_source(planted: Task, qa: Task, adapted: dict[str, Any]) -> None:
    assert adapted["removed"]["sessions"] == 1
    assert all(planted.database.rows(LEFT_BEHIND, schema="site")[0])
    assert qa.database.rows(LEFT_BEHIND, schema="site") == [(0, 0, 0, 0)]


def test_adapt_keeps_the_passwords_of_the_sites_own_users(planted: Task, qa: Task, adapted: dict[str, Any]) -> None:
    users = "SELECT user_login, user_pass FROM wp_users"
    assert qa.database.rows(users, schema="site") == planted.database.rows(users, schema="site")


def test_adapt_again_changes_nothing(qa: Task, adapted: dict[str, Any]) -> None:
    before = qa.database.dump(qa.schema)
    again = qa.report("adapt", SOURCE_URLS=DEV)
    assert again["rows_rewritten"] == {}
    assert set(again["removed"].values()) == {0}
    assert comparable(qa.database.dump(qa.schema)) == comparable(before)


def comparable(dump: str) -> str:
    return re.sub(r"^-- Dump completed on .*$", "", dump, flags=re.MULTILINE)


def test_the_adapted_copy_is_a_site(qa: Task, adapted: dict[str, Any]) -> None:
    assert qa.report("check", SOURCE_URLS=DEV, CHECK_MIN_POSTS=str(POSTS))["failed"] == []
    with qa.serving():
        assert "xy-0146-dev" not in qa.get("/").text
        assert qa.get("/wp-json/wp/v2/posts?per_page=1").headers["X-WP-Total"] == str(POSTS)


def test_readers_write_to_the_tables_that_the_configuration_calls_scratch_and_to_no_other(
    qa: Task, adapted: dict[str, Any]
) -> None:
    root = Path(__file__).parents[2] / "config"
    scratch = load_tenant_named(root, "xy-0146", load_platforms(root)).database.scratch_tables
    server = mysql.Server("127.0.0.1", qa.database.port, qa.schema)
    account = mysql.Credentials(qa.user, f"{qa.user}-password")
    before = mysql.fingerprint(server, account)
    with qa.serving():
        qa.get("/")
        qa.database.rows(  # as after some hours
            "UPDATE wp_options SET option_value = 1 WHERE option_name LIKE '%transient_timeout_%'", schema=qa.schema
        )
        for path in (*PATHS, "/?s=post", "/feed/", "/nothing-here", "/wp-login.php"):
            qa.get(path)
    written = changes(before, mysql.fingerprint(server, account))
    assert {change.table for change in written} == set(scratch)


def test_what_cannot_be_changed_safely_stops_adapt_and_nothing_is_changed(planted: Task) -> None:
    body = f"x:{DEV}"
    value = f'C:6:\\"Custom\\":{len(body)}:{{{body}}}'  # only its class knows how to read it
    planted.database.rows(f"INSERT INTO wp_postmeta (meta_value) VALUES ('{value}')", schema="site")
    before = comparable(planted.database.dump("site"))
    stopped = planted.run("adapt", SITE_URL=QA, QUEUE_TABLES="wp_jobs")
    assert (stopped.returncode, "wp_postmeta" in stopped.stderr) == (1, True)
    assert comparable(planted.database.dump("site")) == before
    planted.database.rows("DELETE FROM wp_postmeta WHERE meta_key IS NULL", schema="site")


def test_a_table_without_a_key_that_names_the_source_stops_adapt(planted: Task) -> None:
    stopped = planted.run("adapt", SITE_URL=QA)
    assert (stopped.returncode, "wp_jobs has no primary key" in stopped.stderr) == (1, True)


def test_adapt_refuses_a_database_without_a_site(dev: Task) -> None:
    dev.database.give("nothing", "dev")
    task = Task(dev.image, dev.database, DEV, schema="nothing")
    stopped = task.run("adapt")
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "wp_options" in stopped.stderr


@pytest.fixture(scope="module")
def records(dev: Task, place: Path) -> Task:
    dev.database.give("catalogue", "dev")
    task = Task(build("records", place / "records"), dev.database, DEV, schema="catalogue")
    assert task.report("setup", "50") == {"ok": True, "new": 50, "records": 50}
    return task


def test_setup_of_the_catalogue_may_be_repeated(records: Task) -> None:
    assert records.report("setup", "50")["new"] == 0


def test_a_record_is_added_read_changed_and_removed(records: Task) -> None:
    with records.serving():
        count = records.get("/api/records?count").json()["count"]
        added = records.get("/api/records", "POST", json={"code": "X-1", "title": "Tëst"})
        assert added.status_code == 201
        assert records.get("/api/records", "POST", data={"code": "X-1", "title": "Again"}).status_code == 409
        assert records.get("/api/records", "POST", json={"title": " "}).status_code == 400
        assert records.get("/api/records?count").json()["count"] == count + 1
        path = f"/api/records/{added.json()['id']}"
        assert records.get(path, "PUT", json={"title": "<new>"}).json()["title"] == "<new>"
        assert "&lt;new&gt;" in records.get(path.removeprefix("/api")).text
        assert records.get(path, "DELETE").status_code == 200
        assert records.get(path).status_code == 404
        assert records.get("/").text.count("<li>") == 20


def test_adapt_of_the_catalogue_takes_what_is_queued(records: Task) -> None:
    records.database.rows("INSERT INTO outbox (record_id, event) VALUES (1, 'added')", schema="catalogue")
    assert records.run("check").returncode == 1
    assert records.report("adapt")["rows"] >= 1
    assert records.report("adapt")["rows"] == 0
    assert records.report("check", CHECK_MIN_RECORDS="50")["failed"] == []


PEOPLE = ("anna@people.test", "bo@people.test", "198.51.100.7")
PLANTED_PEOPLE = (
    "UPDATE wp_users SET user_email = 'anna@people.test'",
    "UPDATE wp_options SET option_value = 'anna@people.test' WHERE option_name = 'admin_email'",
    "INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (1, '_new_email', 'bo@people.test')",
    "INSERT INTO wp_comments (comment_author, comment_author_email, comment_author_IP, comment_content)"
    " VALUES ('Bo', 'bo@people.test', '198.51.100.7', 'write to bo@people.test')",
    "INSERT INTO wp_posts (post_title, post_type, post_content, post_excerpt, to_ping, pinged, post_content_filtered)"
    " VALUES ('bo@people.test', 'user_request', '', '', '', '', '')",
)


def test_s24_the_samples_masking_leaves_no_address_in_any_table(dev: Task) -> None:
    root = Path(__file__).parents[2] / "config"
    masking = load_tenant_named(root, "xy-0146", load_platforms(root)).masking
    assert masking is not None
    with dev.database.connect(dev.schema) as connection, connection.cursor() as cursor:
        connection.begin()  # to be rolled back: the other tests look at this database too
        for statement in PLANTED_PEOPLE:
            cursor.execute(statement)
        assert [cursor.execute(check.sql, {}) and cursor.fetchone() for check in masking.checks].count((0,)) == 0
        for step in masking.steps:
            assert isinstance(step, AdaptSql)
            for statement in step.sql:
                cursor.execute(statement, {"environment": "qa"})
        found = []
        for check in masking.checks:
            cursor.execute(check.sql, {"environment": "qa"})
            found.append(cursor.fetchone())
        assert found == [(check.equals,) for check in masking.checks]
        cursor.execute("SHOW TABLES")
        for (table,) in list(cursor.fetchall()):
            cursor.execute(f"SELECT * FROM `{table}`")
            assert not [each for each in PEOPLE if each in str(cursor.fetchall())], table
        connection.rollback()
