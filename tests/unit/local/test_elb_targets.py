"""A target's health: so many checks in a row change it, and only healthy ones get requests."""

from __future__ import annotations

import pytest
from local.aws.elb.health import Finding, Settings, is_loopback, matches
from local.aws.elb.requests import RequestCounts
from local.aws.elb.targets import Health, Key, Registry, Target, receiving

SETTINGS = Settings(
    enabled=True,
    path="/",
    port=None,
    matcher="200",
    interval=5,
    timeout=2,
    healthy_threshold=2,
    unhealthy_threshold=2,
)
GOOD = Finding(passed=True, answered=True)
SICK = Finding(passed=False, reason="Target.ResponseCodeMismatch", answered=True)
SILENT = Finding(passed=False, reason="Target.FailedHealthChecks")


def target(*findings: tuple[float, Finding], address: str = "127.0.3.1") -> Target:
    made = Target(Key("group", address, 80))
    for now, finding in findings:
        made.found(finding, SETTINGS, now)
        made.routed()
    return made


def test_a_target_is_initial_until_it_passed_often_enough() -> None:
    assert target().health is Health.INITIAL
    assert target((0, GOOD)).health is Health.INITIAL
    assert target((0, GOOD), (1, SICK), (2, GOOD)).health is Health.INITIAL
    assert target((0, GOOD), (1, GOOD)).health is Health.HEALTHY


def test_a_program_that_does_not_answer_yet_has_longer_to_start_than_one_that_answers_wrongly() -> None:
    assert target((0, SICK), (1, SICK)).health is Health.INITIAL
    assert target((0, SICK), (2, SICK)).health is Health.UNHEALTHY
    assert target((0, SILENT), (2, SILENT)).health is Health.INITIAL
    assert target((0, SILENT), (2, SILENT), (5, SILENT)).health is Health.UNHEALTHY


def test_a_single_failure_does_not_make_a_healthy_target_unhealthy() -> None:
    healthy = target((0, GOOD), (1, GOOD), (2, SICK), (3, GOOD), (9, SICK))
    assert healthy.health is Health.HEALTHY


def test_why_it_is_unhealthy_is_said_and_forgotten() -> None:
    sick = target((0, SICK), (9, SICK))
    assert sick.reason == "Target.ResponseCodeMismatch"
    for now in (10, 11):
        sick.found(GOOD, SETTINGS, now)
        sick.routed()
    assert (sick.health, sick.reason) == (Health.HEALTHY, "")


def test_a_target_is_healthy_when_requests_reach_it_and_not_before() -> None:
    passed = target((0, GOOD))
    passed.found(GOOD, SETTINGS, 1)
    assert receiving([passed]) == {passed}
    before = passed.health
    passed.routed()
    assert (before, passed.health) == (Health.INITIAL, Health.HEALTHY)


def test_a_target_that_gets_requests_because_all_are_unhealthy_is_not_healthy() -> None:
    sick = target((0, SICK), (9, SICK))
    assert receiving([sick]) == {sick}
    sick.routed()
    assert sick.health is Health.UNHEALTHY


def test_only_healthy_targets_get_requests() -> None:
    healthy, sick = target((0, GOOD), (1, GOOD)), target((0, SICK), (9, SICK))
    assert receiving([healthy, sick, target()]) == {healthy}


def test_where_none_is_healthy_the_unhealthy_get_requests_and_none_that_is_initial() -> None:
    sick = [target((0, SICK), (9, SICK)) for _ in range(2)]
    assert receiving(sick) == set(sick)
    assert receiving([*sick, target()]) == set(sick)
    assert receiving([target()]) == set()


def test_what_is_drained_or_not_of_this_machine_gets_none() -> None:
    drained = target((0, GOOD), (1, GOOD))
    drained.drain(until=100)
    assert receiving([drained, target((0, GOOD), (1, GOOD), address="10.0.0.1")]) == set()


def test_a_target_registered_again_while_it_is_drained_begins_anew() -> None:
    registry = Registry(changed=lambda: None)
    key = Key("group", "127.0.3.1", 80)
    first = registry.register(key)
    assert first is not None
    assert registry.register(key) is None
    registry.deregister(key, delay=300)
    second = registry.register(key)
    assert second is not None
    assert first.gone.is_set()
    registry.drop(first)
    assert registry.get(key) is second


def test_checks_after_the_deregistration_change_nothing() -> None:
    registry = Registry(changed=lambda: None)
    registered = registry.register(Key("group", "127.0.3.1", 80))
    assert registered is not None
    registry.deregister(registered.key, delay=300)
    registry.record(registered, GOOD, SETTINGS)
    registry.record(registered, GOOD, SETTINGS)
    assert registered.health is Health.DRAINING


@pytest.mark.parametrize(
    ("status", "matcher", "matched"),
    [(200, "200", True), (302, "200,302", True), (250, "200-299", True), (300, "200-299", False), (404, "200", False)],
)
def test_matchers(status: int, matcher: str, *, matched: bool) -> None:
    assert matches(status, matcher) is matched


@pytest.mark.parametrize(("address", "own"), [("127.9.9.9", True), ("10.0.0.1", False), ("i-0a1b2c3d", False)])
def test_what_is_of_this_machine(address: str, *, own: bool) -> None:
    assert is_loopback(address) is own


def test_requests_are_counted_from_the_log() -> None:
    counts = RequestCounts()
    counts.read([b"request a 200\n", b"request a 503\n", b"request b -1\n", b"Server group0/s1 is UP\n"])
    assert counts.as_dict() == {"a": {"requests": 2, "failed": 1}, "b": {"requests": 1, "failed": 1}}
