"""The sample images' entrypoint as a server: health, draining, what it leaves behind, whom it runs as."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from local.images.build import build

from tests.support.sample_site import DEV, PATH, Database, Task, wait_until

NOBODY = 65534


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def database(place: Path) -> Iterator[Database]:
    database = Database(place / "data").install().start()
    database.give("catalogue", "dev")
    yield database
    database.stop()


@pytest.fixture(scope="module")
def installed(place: Path, database: Database) -> Path:
    image = build("records", place / "image")
    Task(image, database, DEV, schema="catalogue").report("setup", "5")
    return image


@pytest.fixture
def task(installed: Path, database: Database) -> Task:
    return Task(installed, database, DEV, schema="catalogue")


def processes_in(folder: str) -> list[str]:
    """Names of the processes, workers included, that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((entry / "cwd").readlink()).startswith(folder):
                found.append((entry / "comm").read_text().strip())
    return sorted(found)


def servers(task: Task) -> dict[str, int]:
    """The processes that the entrypoint started, by name."""
    assert task.process
    children = Path(f"/proc/{task.process.pid}/task/{task.process.pid}/children").read_text().split()
    return {Path(f"/proc/{child}/comm").read_text().strip()[:7]: int(child) for child in children}


def folder_of(task: Task) -> str:
    """The folder that a task made to serve from."""
    return str(Path(f"/proc/{servers(task)['nginx']}/cwd").readlink())


def test_health_follows_the_database(task: Task, database: Database) -> None:
    with task.serving():
        assert database.process
        database.process.send_signal(signal.SIGSTOP)  # hung: it takes connections and does not answer
        assert task.status("/healthz") == 503
        database.process.send_signal(signal.SIGCONT)
        assert task.status("/healthz") == 200
        database.stop()
        assert task.status("/healthz") == 503
        database.start()
        assert task.status("/healthz") == 200


def test_a_database_without_the_sites_data_is_not_healthy(task: Task, database: Database) -> None:
    database.give("nothing", "dev")
    task.schema = "nothing"
    with task.serving(healthy=False):
        wait_until(lambda: task.status("/healthz") == 503, "an unhealthy task")


def test_a_request_in_flight_is_answered_before_the_task_ends(task: Task, database: Database) -> None:
    answers: list[httpx.Response] = []
    with task.serving(), database.connect("catalogue") as other, other.cursor() as cursor:
        folder = folder_of(task)
        cursor.execute("LOCK TABLES records WRITE")
        request = threading.Thread(target=lambda: answers.append(task.get("/api/records?count")))
        request.start()
        waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"
        wait_until(lambda: database.rows(waiting) == [(1,)], "a request that waits for the lock")
        assert task.process
        task.process.terminate()
        wait_until(lambda: task.status("/healthz") is None, "a task that takes no more requests")
        cursor.execute("UNLOCK TABLES")
        request.join(20)
        assert task.process.wait(20) == 0
    assert [answer.status_code for answer in answers] == [200]
    assert not Path(folder).exists()


@pytest.mark.parametrize("server", ["nginx", "php-fpm"])
def test_when_a_server_dies_the_task_ends_and_leaves_nothing(task: Task, server: str) -> None:
    with task.serving():
        task.get("/")
        folder = folder_of(task)
        os.kill(servers(task)[server], signal.SIGKILL)
        assert task.process
        assert task.process.wait(20) == 1
        wait_until(lambda: processes_in(folder) == [], "no process left")


def test_when_the_entrypoint_is_killed_its_servers_end_and_the_next_tidies_up(task: Task) -> None:
    with task.serving():
        folder = folder_of(task)
        assert task.process
        task.process.kill()
        wait_until(lambda: processes_in(folder) == [], "no process left")
    assert Path(folder).exists()
    task.report("check")
    assert not Path(folder).exists()


def test_a_port_that_is_taken_ends_the_task(task: Task, installed: Path, database: Database) -> None:
    with task.serving():
        second = Task(installed, database, DEV, schema="catalogue", port=task.port)
        assert second.run().returncode == 1


def test_an_image_below_a_private_folder_is_served(task: Task, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    task.image = Path(shutil.copytree(task.image, tmp_path / "image"))
    with task.serving():
        assert task.status("/") == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else; all other tests ran as you")
def test_it_runs_as_an_ordinary_user(task: Task) -> None:
    task.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with task.serving():
        assert task.status("/") == 200
        folder = Path(folder_of(task))
        assert folder.stat().st_uid == NOBODY
    assert not folder.exists()


def test_the_healthless_build_serves_and_is_never_healthy(task: Task, place: Path) -> None:
    task.image = build("records", place / "healthless", "broken-health")
    with task.serving(healthy=False):
        wait_until(lambda: task.status("/") == 200, "a page")
        assert task.status("/healthz") == 503


def test_the_crashing_build_ends_at_its_start_and_still_adapts(task: Task, place: Path) -> None:
    task.image = build("records", place / "crashing", "crashing")
    assert task.run().returncode == 1
    assert task.report("adapt")["ok"] is True


def test_the_second_build_shows_its_version(task: Task, place: Path) -> None:
    task.image = build("records", place / "second", "v2")
    with task.serving():
        page = task.get("/")
        assert (page.headers["X-Build"], 'content="v2"' in page.text) == ("v2", True)


@pytest.mark.parametrize(("variant", "command"), [("broken-check", "check"), ("broken-adapt", "adapt")])
def test_a_build_broken_on_purpose_fails_in_its_command(task: Task, place: Path, variant: str, command: str) -> None:
    task.image = build("records", place / variant, variant)
    assert task.run(command).returncode == 1
    with task.serving():
        assert task.status("/") == 200


def test_a_missing_setting_is_named(installed: Path) -> None:
    command = [str(installed / "entrypoint"), "check"]
    done = subprocess.run(command, env={"PATH": PATH, "DB_HOST": "x"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "DB_NAME, DB_USER, DB_PASSWORD, SITE_URL" in done.stderr


def test_any_other_command_is_run_instead(task: Task) -> None:
    assert task.run("sh", "-c", "echo $SITE_URL; exit 7").stdout == f"{DEV}\n"
    assert task.run("sh", "-c", "exit 7").returncode == 7
    unknown = task.run("no-such-command")
    assert (unknown.returncode, "adapt, check, setup" in unknown.stderr) == (127, True)


def test_a_command_that_is_told_to_end_ends(task: Task, database: Database) -> None:
    with database.connect("catalogue") as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES outbox WRITE")
        command = subprocess.Popen(task.command("adapt"), cwd=task.image, env=task.environment())
        waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"
        wait_until(lambda: database.rows(waiting) == [(1,)], "an adapt that waits for the lock")
        command.terminate()
        assert command.wait(20) == 128 + signal.SIGTERM
