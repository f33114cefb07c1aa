"""The settable delays and failures of the laptop's AWS."""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local.aws.control import Control
from local.aws.delays import Delays, UnknownName
from local.aws.failures import Failures


@pytest.fixture
def delays() -> Delays:
    delays = Delays()
    delays.declare("rds.create", 600)
    delays.declare("rds.delete", 1)
    return delays


@pytest.fixture
def failures() -> Failures:
    failures = Failures()
    failures.declare("rds.restore", "failed", "storage-full")
    return failures


def test_several_delays_are_set_at_once(delays: Delays) -> None:
    delays.update({"rds.create": 0, "rds.delete": 2.5})
    assert delays.as_dict() == {"rds.create": 0, "rds.delete": 2.5}


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "1", True, None])
def test_what_is_no_duration_is_refused_and_changes_nothing(delays: Delays, value: object) -> None:
    with pytest.raises(ValueError, match=r"rds\.delete"):
        delays.update({"rds.create": 0, "rds.delete": value})
    assert delays["rds.create"] == 600


def test_an_unknown_delay_is_refused_with_those_there_are(delays: Delays) -> None:
    with pytest.raises(UnknownName, match=r"rds\.create, rds\.delete"):
        delays.update({"rds.crate": 0})


def test_a_wait_ends_when_its_delay_is_set_to_nothing(delays: Delays) -> None:
    interrupted = []
    waiting = threading.Thread(target=lambda: interrupted.append(delays.wait("rds.create", threading.Event())))
    waiting.start()
    delays.update({"rds.create": 0})
    waiting.join(60)
    assert interrupted == [False]


def test_a_wait_ends_when_it_is_interrupted(delays: Delays) -> None:
    stop = threading.Event()
    stop.set()
    assert delays.wait("rds.create", stop)


def test_a_failure_lasts_until_it_is_lifted(failures: Failures) -> None:
    failures.update({"rds.restore": "storage-full"})
    assert failures.get("rds.restore") == "storage-full"
    failures.update({"rds.restore": None})
    assert failures.as_dict() == {"rds.restore": None}


@pytest.mark.parametrize("changes", [{"rds.restore": "no-such"}, {"rds.restore": 1}, {"rds.create": "failed"}])
def test_a_failure_that_the_step_does_not_know_is_refused(failures: Failures, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"rds\."):
        failures.update(changes)
    assert failures.get("rds.restore") is None


def test_the_control_endpoint_reads_writes_and_takes_other_routes(delays: Delays, failures: Failures) -> None:
    control = Control(delays, failures)
    control.route("GET", "quotas", lambda _: {"instances": 40})
    assert control.answer("PUT", "/_local/delays", b'{"rds.create": 3}')[0] == 200
    assert json.loads(control.answer("GET", "/_local/delays", b"")[1])["rds.create"] == 3
    assert json.loads(control.answer("GET", "/_local/quotas", b"")[1]) == {"instances": 40}
    assert control.answer("DELETE", "/_local/quotas", b"")[0] == 404


@given(st.binary())
def test_whatever_is_sent_to_it_the_control_endpoint_answers(body: bytes) -> None:
    delays = Delays()
    delays.declare("rds.create", 1)
    status, answer = Control(delays, Failures()).answer("PUT", "/_local/delays", body)
    assert status in (200, 400)
    assert json.loads(answer)
