"""A short part of the sweep: a worker that dies right after any write of the most dangerous steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.retries.quota import RetryQuota

from snaplift.aws.steps import finish, plan, recover
from tests.chaos.ground import SCENARIOS, Ground, open_ground
from tests.chaos.grouping import grouped
from tests.chaos.points import Call, Fault, Point
from tests.chaos.sweep import Result
from tests.chaos.trial import Trial, attempt, record

DANGEROUS = ("database", "deploy", "activate", "retire", "finish")
LEASE = "dynamodb:UpdateItem"
"""What every step begins with."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with open_ground(tmp_path_factory.mktemp("ground")) as opened:
        yield opened


@pytest.fixture(scope="module")
def calls(ground: Ground) -> list[Call]:
    """What a promotion calls that is not struck."""
    return record(ground, SCENARIOS["promote"])


def dangerous(calls: list[Call]) -> list[Call]:
    return [
        call
        for call in calls
        if call.task in DANGEROUS and call.writes and (call.name != LEASE or call.task == "finish")
    ]


def test_s18_a_worker_that_dies_after_any_write_is_followed_by_one_that_ends_the_promotion(
    ground: Ground, calls: list[Call]
) -> None:
    struck = [Point("promote", call.task, call.numbered, Fault.KILLED_AFTER) for call in dangerous(calls)]
    assert {point.task for point in struck} == set(DANGEROUS)
    trials = [attempt(ground, *run) for run in grouped(struck, 7)]
    # After some strikes a task need not wait where it would have, and so misses later points of it.
    trials += [attempt(ground, point) for trial in trials for point in trial.missed]
    assert {trial.points: trial.problems for trial in trials if trial.problems} == {}
    assert {point for trial in trials for point in trial.struck} == set(struck)


def test_s40_replies_that_are_lost_are_no_errors(ground: Ground) -> None:
    trial = attempt(ground, point := Point("promote", "database", "cloudformation:CreateStack#1", Fault.LOST))
    assert (trial.struck, trial.problems) == ({point: 1}, [])


def test_a_refusal_is_undone(ground: Ground) -> None:
    trial = attempt(ground, point := Point("promote", "deploy", "ecs:UpdateService#1", Fault.DENIED))
    assert (trial.struck, trial.problems) == ({point: 1}, [])
    assert "deploy failed: An error occurred (AccessDeniedException)" in trial.story


def test_the_sweep_sees_what_an_abort_leaves(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "_remove_candidate", lambda _: None)
    trial = attempt(ground, Point("promote", "register", "ecs:RegisterTaskDefinition#1", Fault.DENIED))
    assert not trial.missed
    assert any("databases was" in problem for problem in trial.problems)


def test_a_run_that_is_struck_again_and_again_goes_on(ground: Ground) -> None:
    riders = (
        Point("promote", "snapshot", "rds:CreateDBSnapshot#1", Fault.LOST),
        Point("promote", "database", "cloudformation:CreateStack#1", Fault.KILLED_AFTER),
        Point("promote", "register", "ecs:RegisterTaskDefinition#1", Fault.THROTTLED),
        Point("promote", "deploy", "ssm:GetParameter#1", Fault.CLEARED),
        Point("promote", "deploy", "ssm:GetParameter#2", Fault.CLEARED),
        Point("promote", "finish", "ssm:GetParameter#1", Fault.CLEARED),
    )
    trial = attempt(ground, *riders)
    assert (trial.missed, trial.problems) == ([], [])
    assert trial.story.count("AccessDenied") == 2, "deploy's and finish's last error"


@pytest.mark.usefixtures("calls")
def test_each_process_may_repeat_as_often_as_if_none_had_been_before_it(ground: Ground) -> None:
    """In the sweep all of them are one process, whose clients they share."""
    for quota in ground.wire.quotas:
        quota.acquire(quota.available_capacity)
    with ground.wire.within("plan"):
        assert {quota.available_capacity for quota in ground.wire.quotas} == {RetryQuota.INITIAL_CAPACITY}


def test_s48_what_a_refused_finish_leaves_is_ended_by_the_recovery(ground: Ground) -> None:
    trial = attempt(ground, Point("check-fails", "finish", "cloudformation:DeleteStack#2.1", Fault.DENIED))
    assert (trial.missed, trial.problems) == ([], [])
    assert "finish failed: " in trial.story


def test_the_sweep_sees_a_recovery_that_ends_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "find", lambda *_: [])
    trial = attempt(ground, Point("check-fails", "finish", "cloudformation:DeleteStack#2.1", Fault.DENIED))
    assert any("the lock is aborting" in problem for problem in trial.problems)


def test_s09_the_sweep_sees_writes_that_no_plan_told_of(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "find_writes", lambda *_: None)
    trial = attempt(ground, Point("promote", "snapshot", "rds:CreateDBSnapshot#1", Fault.LOST))
    assert trial.lost_writes == 1


def test_of_a_run_that_broke_the_point_that_breaks_alone_is_told() -> None:
    bad, good = (Point("promote", task, "a:B#1", Fault.LOST) for task in ("plan", "lock"))
    result = Result(7, planned=[bad, good])
    assert result.add(Trial((bad, good), {bad: 1, good: 1}, ["it broke"])) == [bad, good]
    assert (result.tried, result.held, result.good) == (2, 0, False)
    result.add(Trial((bad,), {bad: 1}, ["I5: it broke"]))
    result.add(Trial((good,), {good: 1}, []))
    result.told_apart()
    assert (result.tried, result.held, result.orphans, result.good) == (2, 1, 1, False)


def test_what_breaks_only_together_broke() -> None:
    one, other = (Point("promote", task, "a:B#1", Fault.LOST) for task in ("plan", "lock"))
    result = Result(7, planned=[one, other])
    result.add(Trial((one, other), {one: 1, other: 1}, ["it broke"]))
    for point in (one, other):
        result.add(Trial((point,), {point: 1}, []))
    result.told_apart()
    assert (result.held, result.good) == (0, False)


def test_a_point_that_no_call_met_among_others_is_tried_alone_and_then_is_none() -> None:
    met, missed = (Point("promote", task, "a:B#1", Fault.LOST) for task in ("plan", "lock"))
    result = Result(7, planned=[met, missed] * 50)
    assert result.add(Trial((met, missed), {met: 1}, [])) == [missed]
    assert (result.total, result.missed) == (100, set())
    result.add(Trial((missed,), {}, []))
    assert (result.total, result.tried, result.good) == (99, 1, True)
