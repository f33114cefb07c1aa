"""The laptop's AWS as a process: how it starts, what it answers beside AWS's APIs, and that it leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.probes.asking import eventually
from tests.support.databases import create_instance, instance, sql, wait_available
from tests.support.laptop import REPOSITORY, Laptop, LaptopError, aws_client, start_laptop

PYTHON = Path(os.environ.get("SNAPLIFT_AWS_PYTHON", REPOSITORY / ".venv-aws" / "bin" / "python"))
NOBODY = 65534
WITHOUT_A_TABLE = """
import pathlib, sys
import ministack.services.rds
from local.aws import server
del ministack.services.rds._snapshots
sys.exit(server.serve(server.Settings(0, pathlib.Path(sys.argv[1]))))
"""
WITHOUT_PROGRAMS = """
import pathlib, sys
from local.aws import server
server._SYSTEM_FOLDERS = ""
sys.exit(server.serve(server.Settings(0, pathlib.Path(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with start_laptop(tmp_path_factory.mktemp("laptop"), delays={"*": 0}) as laptop:
        yield laptop


def serve(port: int, state_dir: Path) -> subprocess.CompletedProcess[str]:
    """A server that is expected to end by itself."""
    command = [str(PYTHON), "-m", "local.aws", "serve", "--port", str(port), "--state-dir", str(state_dir)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)


def sweep(state_dir: Path) -> str:
    command = [str(PYTHON), "-m", "local.aws", "sweep", "--state-dir", str(state_dir)]
    return subprocess.check_output(command, cwd=REPOSITORY, text=True, timeout=60)


def recorded_processes(laptop: Laptop) -> list[int]:
    return [int(file.name.partition("-")[0]) for file in (laptop.state_dir / "processes").glob("*.json")]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_port_that_is_taken_is_told_with_who_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = serve(port, tmp_path)
    assert ended.returncode == 1
    assert f"port {port} is taken by process {os.getpid()}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_programs_that_are_missing_are_told_with_their_packages(tmp_path: Path) -> None:
    told = subprocess.run(
        ["sh", "-c", f"PATH= exec {PYTHON} -c '{WITHOUT_PROGRAMS}' {tmp_path}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 1
    assert "install the packages" in told.stderr
    assert "haproxy" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_ministack_that_lacks_what_is_built_on_is_refused(tmp_path: Path) -> None:
    told = subprocess.run(
        [str(PYTHON), "-c", WITHOUT_A_TABLE, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 1
    assert "has no _snapshots in ministack.services.rds" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_state_folder_has_one_server(laptop: Laptop) -> None:
    ended = serve(0, laptop.state_dir)
    assert ended.returncode == 1
    assert f"in use by another server (process {laptop.pid})" in ended.stderr


def test_it_listens_on_loopback_only(laptop: Laptop) -> None:
    rds = laptop.client("rds")
    name = create_instance(rds)
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = {laptop.pid, *recorded_processes(laptop)}
    addresses = [line.split()[3] for line in listening if any(f"pid={pid}," in line for pid in ours)]
    assert len(addresses) >= 2, "the server and the database"
    assert all(address.startswith("127.") for address in addresses), addresses
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("delays", {"rds.no-such": 1}, "no delay 'rds.no-such'"),
        ("delays", {"rds.create": -1}, "expected 0 or more seconds"),
        ("delays", {"rds.create": "soon"}, "expected a number of seconds"),
        ("delays", ["rds.create"], "expected a JSON object"),
        ("failures", {"rds.restore": "no-such"}, "expected null or one of"),
        ("failures", {"no.such": "failed"}, "no step 'no.such'"),
        ("no-such-path", {}, "no PUT /_local/no-such-path"),
    ],
)
def test_a_wrong_control_call_is_refused_with_what_there_is(laptop: Laptop, path: str, body: Any, told: str) -> None:
    with pytest.raises(LaptopError, match="answered 40") as refused:
        laptop.control("PUT", path, body)
    assert told in str(refused.value)


def test_a_refused_control_call_changes_nothing(laptop: Laptop) -> None:
    before = laptop.delays()
    with pytest.raises(LaptopError):
        laptop.set_delays({"rds.create": 9, "rds.no-such": 1})
    assert laptop.delays() == before


def test_it_ends_with_everything_it_started(tmp_path: Path) -> None:
    with start_laptop(tmp_path, delays={"*": 0}) as laptop:
        create_instance(laptop.client("rds"))
        started = recorded_processes(laptop)
        files = Path((tmp_path / "scratch").read_text())
        assert started
        assert files.is_dir()
    assert not [pid for pid in started if is_running(pid)]
    assert not files.exists()
    assert recorded_processes(laptop) == []


def test_what_it_started_ends_when_it_is_killed_and_the_next_start_is_fresh(tmp_path: Path) -> None:
    first = start_laptop(tmp_path, delays={"*": 0})
    name = create_instance(first.client("rds"))
    started, files = recorded_processes(first), Path((tmp_path / "scratch").read_text())
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(LaptopError, match="status -9"):
        first.stop()
    eventually(lambda: not [pid for pid in started if is_running(pid)], "the databases end with their server")
    assert files.is_dir()
    with start_laptop(tmp_path, first.port, delays={"*": 0}) as second:
        assert not files.exists()
        assert second.client("rds").describe_db_instances()["DBInstances"] == []
        create_instance(second.client("rds"), DBInstanceIdentifier=name)


def test_a_killed_servers_leftovers_can_be_swept_without_a_start(tmp_path: Path) -> None:
    laptop = start_laptop(tmp_path, delays={"*": 0})
    create_instance(laptop.client("rds"))
    files = Path((tmp_path / "scratch").read_text())
    os.kill(laptop.pid, signal.SIGKILL)
    with pytest.raises(LaptopError):
        laptop.stop()
    assert "of an earlier run" in sweep(tmp_path)
    assert not files.exists()
    assert not (tmp_path / "scratch").exists()


def test_two_servers_share_a_machine(laptop: Laptop, tmp_path: Path) -> None:
    with start_laptop(tmp_path, delays={"*": 0}) as other:
        endpoints = []
        for one in (laptop, other):
            rds = one.client("rds")
            endpoints.append(instance(rds, create_instance(rds, DBInstanceIdentifier="same-name"))["Endpoint"])
        assert endpoints[0]["Address"] != endpoints[1]["Address"]
        sql(endpoints[0], "CREATE TABLE only_here (n INT)")
        assert sql(endpoints[1], "SHOW TABLES") == ()
    laptop.client("rds").delete_db_instance(DBInstanceIdentifier="same-name", SkipFinalSnapshot=True)


def test_a_database_server_that_is_killed_comes_back_with_its_data(laptop: Laptop) -> None:
    rds = laptop.client("rds")
    name = create_instance(rds)
    endpoint = instance(rds, name)["Endpoint"]
    sql(endpoint, "CREATE TABLE kept AS SELECT 7 AS n")
    (killed,) = [pid for pid in recorded_processes(laptop) if listens(pid, endpoint["Address"])]
    os.kill(killed, signal.SIGKILL)

    def came_back() -> bool:
        return any(listens(pid, endpoint["Address"]) for pid in recorded_processes(laptop) if pid != killed)

    eventually(came_back, "a new server listens")
    wait_available(rds, name)
    assert sql(endpoint, "SELECT n FROM kept") == ((7,),)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def listens(pid: int, address: str) -> bool:
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    return any(f"pid={pid}," in line and line.split()[3].startswith(f"{address}:") for line in listening)


def test_it_runs_as_an_ordinary_user(nobodys_folder: Path) -> None:
    python, packages = interpreter_of_all()
    command = f"exec {python} -m local.aws serve --port 0 --state-dir {nobodys_folder}/aws"
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", "sh", "-c", command]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
    server = subprocess.Popen(user, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        rds = aws_client("rds", server.stdout.readline().split()[3].rstrip(","))
        name = create_instance(rds)
        assert sql(instance(rds, name)["Endpoint"], "SELECT DATABASE()") == (("app",),)
        server.terminate()
        assert server.wait(30) == 0
    finally:
        server.kill()
        server.communicate()


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("this run is an ordinary user's already, so every other test here shows it")
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="snaplift-test-"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def interpreter_of_all() -> tuple[str, str]:
    """A Python that every user may run, and the folder of the laptop's packages."""
    probe = "import site, sys; print(site.getsitepackages()[0], '%d.%d' % sys.version_info[:2])"
    packages, version = subprocess.check_output([PYTHON, "-c", probe], text=True).split()
    system = shutil.which(f"python{version}", path="/usr/bin")
    for python in (str(PYTHON), system):
        if python and open_to_all(Path(python)) and open_to_all(Path(packages)):
            return python, packages
    pytest.skip(f"no other user can read {PYTHON} and {packages}")


def open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in path.resolve().parents)
