"""Where a run is struck: what is tried, and what is not because something else is the same."""

from __future__ import annotations

import pytest

from tests.chaos.grouping import grouped
from tests.chaos.points import EVERY_READ, KILLS, REFUSALS, Call, Fault, Point, points

READ = Call("database", "cloudformation:DescribeStacks", 1)
WRITE = Call("database", "cloudformation:CreateStack", 1)
AGAIN = Call("database", "cloudformation:DescribeStacks", 2)
LOOK = Call("database.wait", "cloudformation:DescribeStacks", 1)
LATER = Call("database", "cloudformation:DescribeStacks", 1, part=2)
DROP = Call("credentials", "sql:DROP-USER", 1)
SELECT = Call("credentials", "sql:SELECT", 1)


IN_EVERY_WAY = [fault for fault in Fault if fault is not Fault.CLEARED]


def found(*calls: Call) -> dict[str, list[str]]:
    """The faults by call."""
    faults: dict[str, list[str]] = {}
    for point in points("promote", calls):
        faults.setdefault(f"{point.task}/{point.call}", []).append(point.fault)
    return faults


def test_a_write_is_struck_in_every_way() -> None:
    assert found(WRITE, READ)[str(WRITE)] == IN_EVERY_WAY


def test_a_statement_is_struck_in_every_way_that_it_can_be() -> None:
    faults = found(DROP, SELECT)
    assert faults[str(DROP)] == IN_EVERY_WAY
    assert faults[str(SELECT)] == [fault for fault in IN_EVERY_WAY if fault is not Fault.KILLED_AFTER]


def test_a_read_is_killed_at_a_tasks_start_and_after_a_wait_and_refused_everywhere() -> None:
    faults = found(READ, WRITE, AGAIN, LOOK, LATER)
    assert faults[str(READ)] == [Fault.KILLED_BEFORE, Fault.DENIED]
    assert faults[str(AGAIN)] == [Fault.DENIED]
    assert faults[str(LOOK)] == [Fault.KILLED_BEFORE, Fault.DENIED]
    assert faults["database/cloudformation:DescribeStacks#2.1"][0] == Fault.KILLED_BEFORE


def test_of_calls_with_nothing_written_between_them_one_is_followed_by_the_abort_and_the_others_are_cleared() -> None:
    alike = [Call("database", "cloudformation:DescribeStacks", number) for number in range(1, 6)]
    alike += [Call("database", "rds:DescribeDBInstances", 1), WRITE]
    other = Call("database", "sql:SELECT", 1)
    after = Call("database", "cloudformation:DescribeStacks", 6)
    calls = [other, *alike, after]
    aborted = set()
    for seed in range(40):
        refused = {point.call: point.fault for point in points("promote", calls, seed) if point.fault in REFUSALS}
        assert refused.keys() == {call.numbered for call in calls}
        chosen = [call for call in alike if refused[call.numbered] is Fault.DENIED]
        assert len(chosen) == 1
        aborted.update(chosen)
        assert {refused[call.numbered] for call in (other, after)} == {Fault.DENIED}
    assert aborted == set(alike)


def test_that_a_lease_is_made_longer_and_a_transaction_that_reads_leave_all_as_it_was() -> None:
    renewal, again = (Call("smoke", "dynamodb:UpdateItem", number) for number in (1, 2))
    look = Call("smoke", "rds:DescribeDBInstances", 1)
    assert Fault.KILLED_AFTER in found(renewal)[str(renewal)]
    assert [faults[-1] for faults in found(renewal, look).values()].count(Fault.DENIED) == 1
    assert [faults[-1] for faults in found(again, look).values()].count(Fault.DENIED) == 2, "it wrote something else"
    taken, holds = Call("lock", "dynamodb:UpdateItem", 1), Call("lock", "dynamodb:GetItem", 1)
    assert [faults[-1] for faults in found(taken, holds).values()].count(Fault.DENIED) == 2, "the lock is taken"
    assert Fault.KILLED_AFTER not in found(began := Call("smoke", "sql:START-TRANSACTION", 1))[str(began)]


def test_what_is_refused_in_finish_is_left_to_the_recovery_or_cleared() -> None:
    calls = [Call("finish", "ssm:PutParameter", number) for number in range(1, 101)]
    faults = [point.fault for point in points("check-fails", calls, 7) if point.fault in REFUSALS]
    assert 30 < faults.count(Fault.DENIED) < 70
    assert faults.count(Fault.CLEARED) == 100 - faults.count(Fault.DENIED)


def test_what_botocore_repeats_is_struck_at_every_read_of_a_task_at_once() -> None:
    batches = {
        (point.task, point.fault, point.count)
        for point in points("first", [READ, WRITE, AGAIN, LOOK])
        if point.count > 1
    }
    assert batches == {("database", Fault.LOST, 2), ("database", Fault.THROTTLED, 2)}
    every = Point("first", "database", EVERY_READ, Fault.LOST)
    assert [every.meets(call) for call in (READ, AGAIN, WRITE, LOOK)] == [True, True, False, False]
    assert not Point("first", "credentials", EVERY_READ, Fault.LOST).meets(SELECT)


@pytest.mark.parametrize("point", points("promote", [READ, WRITE, LOOK, DROP]), ids=str)
def test_a_point_is_read_as_it_is_printed(point: Point) -> None:
    assert Point.parse(str(point)) == Point(point.scenario, point.task, point.call, point.fault)


@pytest.mark.parametrize("text", ["", "promote/plan/ssm:GetParameter#1", "promote/plan/ssm:GetParameter#1/burnt"])
def test_what_is_no_point_is_refused_with_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected scenario/task/call/fault; faults are killed-before, killed-after"):
        Point.parse(text)


EVERYTHING = points("promote", [READ, WRITE, AGAIN, LOOK, LATER, DROP, SELECT], 7)


def test_every_point_is_struck_in_one_run() -> None:
    runs = grouped(EVERYTHING, 7)
    struck = [point for run in runs for point in run]
    assert len(struck) == len(set(struck))
    assert set(struck) == set(EVERYTHING)
    assert len(runs) < len(EVERYTHING)


def test_a_refusal_that_ends_a_run_is_its_last_and_the_others_are_in_tasks_before_it() -> None:
    for run in grouped(EVERYTHING, 7):
        assert Fault.DENIED not in {point.fault for point in run[:-1]}
        tasks = [point.task.removesuffix(".wait") for point in run]
        assert tasks == sorted(tasks, key=["database", "credentials"].index)
        assert run[-1].fault is not Fault.DENIED or tasks[-1] not in tasks[:-1]


def test_a_seed_gives_the_same_runs() -> None:
    assert grouped(EVERYTHING, 7) == grouped(list(EVERYTHING), 7)
    assert grouped(EVERYTHING, 7) != grouped(EVERYTHING, 8)


@pytest.mark.parametrize(("name", "killed", "failed"), [("ecs:Stop", 7, 10), ("sql:DROP-USER", 7, 4)])
def test_where_runs_are_few_one_is_struck_at_several_calls_of_a_task_in_their_order(
    name: str, killed: int, failed: int
) -> None:
    """No more than after which the task would give up: what botocore repeats fails no task, an error of SQL does."""
    calls = [Call("finish", name, number) for number in range(1, 11)]
    found = [point for point in points("check-fails", calls, 7) if point.fault not in REFUSALS]
    runs = grouped(found, 7)
    kills = [sum(point.fault in KILLS for point in run) for run in runs]
    assert max(kills) == killed
    assert max(len(run) - killed for run, killed in zip(runs, kills, strict=True)) == failed
    assert all(list(run) == sorted(run, key=found.index) for run in runs)
    assert all(len({point.call for point in run}) == len(run) for run in runs)
