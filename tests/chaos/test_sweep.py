"""A short part of the sweep: a worker that dies right after any write of the most dangerous steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from snaplift.aws.steps import finish
from tests.chaos.ground import SCENARIOS, Ground, open_ground
from tests.chaos.points import Call, Fault, Point
from tests.chaos.trial import attempt, record

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
    struck = [Point("promote", call.task, f"{call.name}#{call.nth}", Fault.KILLED_AFTER) for call in dangerous(calls)]
    assert {point.task for point in struck} == set(DANGEROUS)
    trials = [attempt(ground, point) for point in struck]
    assert {trial.point: trial.problems for trial in trials if trial.problems} == {}
    assert [trial.point for trial in trials if not trial.struck] == []


def test_s40_replies_that_are_lost_are_no_errors(ground: Ground) -> None:
    trial = attempt(ground, Point("promote", "database", "cloudformation:CreateStack#1", Fault.LOST))
    assert (trial.struck, trial.problems) == (1, [])


def test_a_refusal_is_undone(ground: Ground) -> None:
    trial = attempt(ground, Point("promote", "deploy", "ecs:UpdateService#1", Fault.DENIED))
    assert (trial.struck, trial.problems) == (1, [])
    assert "deploy failed: An error occurred (AccessDeniedException)" in trial.story


def test_the_sweep_sees_what_an_abort_leaves(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "_remove_candidate", lambda _: None)
    trial = attempt(ground, Point("promote", "register", "ecs:RegisterTaskDefinition#1", Fault.DENIED))
    assert trial.struck == 1
    assert any("databases was" in problem for problem in trial.problems)
