"""Two processes that reach for one lock at the same instant, again and again; whoever gets it goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
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
from tests.support.laptop import REPOSITORY

_ANSWERS: Final = 120.0
"""Seconds in which a process that takes part has to say what it is asked for."""


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

    :raises EOFError: a process that took part has died.
    """
    runners = [_Runner(platforms, plan) for plan in plans]
    try:
        for _ in range(rounds):
            _together(runners)  # all are ready
            found = _together(runners)  # all know how they fared
            for runner in runners:
                runner.hear()  # and are done with it
            yield found
    finally:
        for runner in runners:
            runner.stop()


def _together(runners: Sequence[_Runner]) -> tuple[Any, ...]:
    """Hear what each says, and only then let all go on."""
    said = tuple(runner.hear() for runner in runners)
    for runner in runners:
        runner.end.send(None)
    return said


class _Runner:
    """A process that takes part. It ends with its end of the pipe.

    (multiprocessing's own would leave a process that looks after its semaphores.)
    """

    def __init__(self, platforms: Platforms, plan: Plan) -> None:
        self.end, theirs = Pipe()
        number = theirs.fileno()
        code = f"from tests.support.racing import take_part; take_part({number})"
        self._process = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, pass_fds=[number])
        theirs.close()  # so that the end of a process that dies is seen
        self.end.send((platforms, plan))

    def hear(self) -> Any:
        if not self.end.poll(_ANSWERS):
            raise TimeoutError(f"one that takes part in a race has said nothing for {_ANSWERS:.0f} s")
        return self.end.recv()

    def stop(self) -> None:
        self.end.close()
        try:
            self._process.wait(_ANSWERS)
        finally:
            self._process.kill()
            self._process.wait()


def take_part(number: int) -> None:
    """Race, for as long as somebody is at the other end of a pipe.

    :param number: of the file descriptor of this end.
    """
    end, rounds = Connection(number), 0
    with pytest.MonkeyPatch.context() as patch, suppress(EOFError, ConnectionError):
        make_sessions_cheap(patch)
        platforms, plan = end.recv()
        while True:
            rounds += 1
            mine = plan.model_copy(
                update={"run": plan.run.model_copy(update={"run_id": f"{plan.run.run_id}-{rounds}"})}
            )
            end.send("ready")
            end.recv()
            fared = _reach(mine)
            end.send(fared)
            end.recv()
            if fared.release:
                _go_on(platforms, mine)
            end.send("done")


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
