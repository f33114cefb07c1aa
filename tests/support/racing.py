"""Two processes that reach for one lock at the same instant, again and again."""

from __future__ import annotations

import multiprocessing
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import BrokenBarrierError
from typing import Any, Literal

import pytest

from snaplift.aws.aws import Aws
from snaplift.aws.steps import lock
from snaplift.promotion.lock import LockHeld
from snaplift.promotion.plan import Plan
from tests.support.installed import make_sessions_cheap

Outcome = Literal["won", "held"]
_TOGETHER = 120.0
"""Seconds after which one that waits for the other gives up: it has died."""


def race(plans: list[str], rounds: int) -> list[tuple[Outcome, ...]]:
    """Let each plan's promotion take the lock in a process of its own; whoever gets it gives it back.

    :returns: for each round how each of them fared.
    """
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(len(plans), timeout=_TOGETHER)
    ends, processes = [], []
    for plan in plans:
        ours, theirs = context.Pipe(duplex=False)
        processes.append(context.Process(target=_reach, args=(plan, rounds, start, theirs)))
        processes[-1].start()
        theirs.close()  # so that the end of a process that dies is seen
        ends.append(ours)
    try:
        outcomes = [end.recv() for end in ends]
    finally:
        for process in processes:
            process.join(_TOGETHER)
            process.kill()
    return list(zip(*outcomes, strict=True))


def _reach(text: str, rounds: int, start: Any, end: Connection) -> None:
    plan = Plan.model_validate_json(text)
    outcomes: list[Outcome] = []
    with pytest.MonkeyPatch.context() as patch, suppress(BrokenBarrierError):  # the other says what is wrong
        make_sessions_cheap(patch)
        for _ in range(rounds):
            start.wait()
            outcomes.append(_take(plan))
            start.wait()
            _give_back(plan)
    end.send(outcomes)


def _take(plan: Plan) -> Outcome:
    try:
        lock.advance(plan)
    except LockHeld:
        return "held"
    return "won"


def _give_back(plan: Plan) -> None:
    locks, table = Aws.at(plan.place).locks, plan.place.lock_table
    found = locks.find(table, str(plan.name))
    if found is not None and found.held_by(plan.run.token):
        locks.release(table, found)
