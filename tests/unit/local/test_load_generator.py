"""The load generator, against a small server of the test's own."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from local.load import Load, Request, SiteError, comment, count_posts, count_records, new_record, newest_post
from local.load.__main__ import main
from local.load.counters import Counters

SITE = "http://xy-0146-qa.localhost:8088"


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hosts: ClassVar[set[str]] = set()
    bodies: ClassVar[list[str]] = []
    connections: ClassVar[set[tuple[str, int]]] = set()
    new_connections: ClassVar[set[str]] = set()
    """What was asked over a connection that was not to be kept."""
    answering: ClassVar[threading.Event] = threading.Event()

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed and self.headers["Connection"] == "close":
            self.new_connections.add(self.command)
        return parsed

    def do_GET(self) -> None:
        self.hosts.add(self.headers["Host"])
        self.connections.add(self.client_address)
        name = self.path.split("?")[0]
        if name == "/hung":
            self.answering.wait()
        if name == "/reset":
            self.close_connection = True  # without an answer
            return
        status = {"/500": 500, "/404": 404, "/moved": 302}.get(name, 200)
        body = {"/wp-json/wp/v2/posts": b'[{"id": 7}]', "/api/records": b'{"count": 50}'}.get(name, b"page")
        self.answer(status, body, 20 if name == "/short" else len(body))

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.answer(302 if self.path == "/wp-comments-post.php" else 201, b"", 0)

    def answer(self, status: int, body: bytes, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("X-WP-Total", "120")
        if length != len(body):
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # /reset is meant


@pytest.fixture
def at() -> Iterator[str]:
    """Where the server answers."""
    for seen in (Site.hosts, Site.bodies, Site.connections, Site.new_connections):
        seen.clear()
    Site.answering.clear()
    with QuietServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        Site.answering.set()
        server.shutdown()
        thread.join()


def site(at: str) -> str:
    return f"http://xy-0146-qa.localhost:{at.rpartition(':')[2]}"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def load_of(at: str, *paths: str) -> Load:
    return Load(site(at), [Request(path) for path in paths], rate=200, timeout=5)


def test_requests_are_counted_by_path_and_reach_the_site_by_its_name(at: str) -> None:
    with load_of(at, "/", "/page") as load:
        until(lambda: load.snapshot().requests >= 20)
    seen = load.snapshot()
    assert seen.failed == 0
    assert seen.paths.keys() == {"/", "/page"}
    assert seen.requests == sum(seen.paths.values())
    assert Site.hosts == {site(at).removeprefix("http://")}


def test_most_connections_are_kept_and_some_are_new(at: str) -> None:
    with load_of(at, "/") as load:
        until(lambda: load.snapshot().requests >= 60)
    assert load.snapshot().requests / 5 <= len(Site.connections) < load.snapshot().requests / 2


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/500", "status 500"),
        ("/404", "status 404"),
        ("/moved", "status 302"),
        ("/reset", "RemoteProtocolError"),
        ("/short", "RemoteProtocolError"),
    ],
)
def test_whatever_is_not_the_expected_answer_is_a_failure(at: str, path: str, reason: str) -> None:
    with load_of(at, path, "/") as load:
        until(lambda: load.snapshot().failed >= 3)
    seen = load.snapshot()
    assert seen.failed_paths == {path: seen.failed}
    assert seen.failed == seen.paths[path]
    assert seen.reasons == {reason: seen.failed}
    assert (seen.last_failures[-1].request, seen.last_failures[-1].reason) == (path, reason)


def test_nobody_there_is_a_failure(at: str) -> None:
    load = Load("http://localhost:1", rate=200)
    with load:
        until(lambda: load.snapshot().failed >= 3)
    assert load.snapshot().reasons.keys() == {"ConnectError"}


def test_a_site_that_hangs_is_noticed_and_what_waits_is_bounded(at: str) -> None:
    load = Load(site(at), [Request("/hung")], rate=200, timeout=0.2, max_waiting=3)
    with load:
        until(lambda: load.snapshot().failed >= 3)
    seen = load.snapshot()
    assert seen.reasons == {"timeout": seen.failed}
    assert seen.held_back > 0


def test_what_is_written_is_never_the_same_twice(at: str) -> None:
    with Load(site(at), [comment(7), new_record()], rate=200) as load:
        until(lambda: load.snapshot().requests >= 10)
    assert load.snapshot().failed == 0
    assert len(set(Site.bodies)) == len(Site.bodies) >= 10
    assert any("comment_post_ID=7" in body for body in Site.bodies)
    assert any(body.startswith('{"title"') for body in Site.bodies)


def test_what_was_written_is_in_the_ledger_by_the_id_that_the_site_got(at: str) -> None:
    refused = Request("/other", "POST", form={"title": "Added {unique}"}, expected=frozenset({204}))
    with Load(site(at), [new_record(), refused, Request("/")], rate=200) as load:
        until(lambda: load.snapshot().requests >= 30)
    acknowledged, failed = load.ledger.acknowledged(), load.ledger.failed()
    got = {json.loads(body)["title"].split()[-1] for body in Site.bodies if body.startswith("{")}
    assert {write.id for write in acknowledged} == got
    assert {write.failure for write in failed} == {"status 201"}
    assert len(acknowledged) + len(failed) == load.snapshot().requests - load.snapshot().paths["/"]


def test_each_kind_of_request_is_also_sent_over_new_connections(at: str) -> None:
    with Load(site(at), [Request("/"), new_record()], rate=200, new_connection_every=2) as load:
        until(lambda: load.snapshot().requests >= 40)
    assert Site.new_connections == {"GET", "POST"}


def test_intervals_are_counted_apart() -> None:
    time_now = 0.0
    counters = Counters(clock=lambda: time_now)
    time_now = 2.0
    counters.answered("/", 0.5)
    counters.answered("/", 0.7, "timeout")
    first = counters.take()
    assert (first.requests, first.failed, first.longest_gap, first.slowest) == (2, 1, 2.0, 0.7)
    time_now = 7.0
    second = counters.snapshot()
    assert (second.requests, second.failed, second.longest_gap, second.seconds) == (0, 0, 5.0, 5.0)


def test_a_gap_that_spans_two_intervals_is_seen_whole_in_the_second() -> None:
    time_now = 0.0
    counters = Counters(clock=lambda: time_now)
    counters.answered("/", 0.1)
    time_now = 3.0
    counters.take()
    time_now = 4.0
    counters.answered("/", 0.1)
    assert counters.snapshot().longest_gap == 4.0


@pytest.mark.parametrize(
    "address", ["http://example.com", "http://localhost.example.com", "http://10.0.0.1", "https://localhost"]
)
def test_only_this_machine_is_loaded(address: str) -> None:
    with pytest.raises(ValueError, match=r"not on this machine|expected http"):
        Load(address)


def test_only_this_machine_is_connected_to(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([SITE, "--connect-to", "192.0.2.1:80"])
    assert "not on this machine" in capsys.readouterr().err


def test_the_command_line_says_what_it_saw(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [SITE, "--connect-to", at, "--rate", "100", "--seconds", "0.2"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["paths"].keys() == {"/"}
    assert main([*arguments, "--path", "/500"]) == 1
    capsys.readouterr()
    assert main([*arguments, "--post", "/api/records"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert len(seen["acknowledged"]) == seen["paths"]["POST /api/records"]


def test_posts_and_records_are_counted(at: str) -> None:
    assert count_posts(site(at)) == 120
    assert newest_post(site(at)) == 7
    assert count_records(site(at)) == 50


def test_a_site_that_does_not_answer_is_named() -> None:
    with pytest.raises(SiteError, match="http://localhost:1/"):
        count_posts("http://localhost:1")
