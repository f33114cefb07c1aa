"""Two processes that reach for one lock at the same instant, again and again; whoever gets it goes on."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import BrokenBarrierError
from typing import Any, Final

import pytest

from snaplift.aws.aws import Aws
from snaplift.aws.steps import finish, lock, snapshot
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import resume
from snaplift.config.platform import Platforms
from snaplift.naming import RUN_TAG
from snaplift.promotion.lock import Lock, LockHeld
from snaplift.promotion.plan import Plan
from snaplift.promotion.run import Run
from tests.support.driving import drive
from tests.support.installed import make_sessions_cheap

_TOGETHER: Final = 120.0
"""Seconds after which one that waits for the others gives up: one has died."""


@dataclass(frozen=True)
class Fared:
    """How one of a round's runs fared."""

    run: Run
    release: str = ""
    """Which it named; empty: it did not get the lock."""
    fence: int = 0
    refusal: str = ""
    """What it was told instead."""


Round = tuple[Fared, ...]


def race(platforms: Platforms, plans: Sequence[Plan], rounds: int) -> Iterator[Round]:
    """Let each plan's promotion reach for the lock in a process of its own.

    Once all know how they fared, whoever got it makes the snapshot, and is then ended, which gives the lock back. Each
    round is of other runs, and the next begins when the caller has looked at this one.
    """
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(len(plans) + 1, timeout=_TOGETHER)
    told = context.Barrier(len(plans), timeout=_TOGETHER)
    ends, processes = [], []
    for plan in plans:
        ours, theirs = context.Pipe(duplex=False)
        processes.append(context.Process(target=_enter, args=(platforms, plan, rounds, start, told, theirs)))
        processes[-1].start()
        theirs.close()  # so that the end of a process that dies is seen
        ends.append(ours)
    try:
        for _ in range(rounds):
            start.wait()
            yield tuple(end.recv() for end in ends)
    finally:
        start.abort()  # where not all of the rounds were asked for
        for process in processes:
            process.join(_TOGETHER)
            process.kill()


def _enter(platforms: Platforms, plan: Plan, rounds: int, start: Any, told: Any, end: Connection) -> None:
    with pytest.MonkeyPatch.context() as patch, suppress(BrokenBarrierError):  # the other says what is wrong
        make_sessions_cheap(patch)
        for number in range(rounds):
            mine = plan.model_copy(
                update={"run": plan.run.model_copy(update={"run_id": f"{plan.run.run_id}-{number}"})}
            )
            start.wait()
            fared = _reach(mine)
            told.wait()
            if fared.release:
                _go_on(platforms, mine)
            end.send(fared)


def _reach(plan: Plan) -> Fared:
    try:
        found = drive(lambda: lock.advance(plan)).result
    except LockHeld as held:
        return Fared(plan.run, refusal=str(held))
    return Fared(plan.run, found["release"], found["fence"])


def _go_on(platforms: Platforms, plan: Plan) -> None:
    """Take the snapshot; then the run is ended, as by a person."""
    name = str(plan.name)
    drive(lambda: snapshot.advance(resume(platforms, name, plan.run)))
    with suppress(Aborted):
        drive(lambda: finish.advance(platforms, name, plan.run))


def check(found: Round, plan: Plan, rds: Any, before: Lock | None) -> Lock:
    """Look at AWS: one got the lock, the other was told who has it, and only the one has made anything.

    The winner's snapshot is taken away, which no abort does.

    :param before: the lock before this round.
    :return: the lock after it.
    """
    [winner], [loser] = [one for one in found if one.release], [one for one in found if not one.release]
    assert loser.refusal.startswith(f"{plan.name} is locked by run {winner.run} since "), loser.refusal
    after = Aws.at(plan.place).locks.find(plan.place.lock_table, str(plan.name))
    assert after is not None
    assert (after.record.run, after.fence, after.held) == (winner.run, winner.fence, False)
    assert after.fence == (before.fence if before else 0) + 1
    made = snapshots_made(rds)
    [snapshot_made] = made[winner.run.hash]
    assert snapshot_made.rpartition("-")[2] == winner.release
    assert loser.run.hash not in made
    rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot_made)
    return after


def snapshots_made(rds: Any) -> dict[str, list[str]]:
    """The snapshots that there are, by the hash of the run that has made them."""
    made: dict[str, list[str]] = {}
    for page in rds.get_paginator("describe_db_snapshots").paginate():
        for each in page["DBSnapshots"]:
            for tag in each["TagList"]:
                if tag["Key"] == RUN_TAG:
                    made.setdefault(tag["Value"], []).append(each["DBSnapshotIdentifier"])
    return made
