"""Where a run is struck: what is tried, and what is not because something else is the same."""

from __future__ import annotations

import pytest

from tests.chaos.points import EVERY_READ, Call, Fault, Point, points
from tests.chaos.sweep import ordered

READ = Call("database", "cloudformation:DescribeStacks", 1)
WRITE = Call("database", "cloudformation:CreateStack", 1)
AGAIN = Call("database", "cloudformation:DescribeStacks", 2)
LOOK = Call("database.wait", "cloudformation:DescribeStacks", 1)
DROP = Call("credentials", "sql:DROP-USER", 1)
SELECT = Call("credentials", "sql:SELECT", 1)


def found(*calls: Call) -> dict[str, list[str]]:
    """The faults by call."""
    faults: dict[str, list[str]] = {}
    for point in points("promote", calls):
        faults.setdefault(f"{point.task}/{point.call}", []).append(point.fault)
    return faults


def test_a_write_is_struck_in_every_way() -> None:
    assert found(READ, WRITE)[str(WRITE)] == list(Fault)


def test_a_statement_is_struck_in_every_way_that_it_can_be() -> None:
    faults = found(DROP, SELECT)
    assert faults[str(DROP)] == list(Fault)
    assert faults[str(SELECT)] == [fault for fault in Fault if fault is not Fault.KILLED_AFTER]


def test_a_read_is_killed_at_a_tasks_start_and_after_a_wait_and_refused_everywhere() -> None:
    faults = found(READ, WRITE, AGAIN, LOOK, Call("database", "cloudformation:DescribeStacks", 3))
    assert faults[str(READ)] == [Fault.KILLED_BEFORE, Fault.DENIED]
    assert faults[str(AGAIN)] == [Fault.DENIED]
    assert faults[str(LOOK)] == [Fault.KILLED_BEFORE, Fault.DENIED]
    assert faults["database/cloudformation:DescribeStacks#3"] == [Fault.KILLED_BEFORE, Fault.DENIED]


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


def test_a_seed_gives_the_same_order_and_refusals_that_repeat_themselves_come_last() -> None:
    all_points = points("promote", [READ, WRITE, AGAIN, LOOK])
    order = ordered(all_points, 7)
    assert order == ordered(reversed(all_points), 7)
    assert order != ordered(all_points, 8)
    assert set(order) == set(all_points)
    assert order[-1].fault is Fault.DENIED
    assert order[-1].call.startswith("cloudformation:DescribeStacks")
