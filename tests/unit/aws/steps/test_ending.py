"""Whatever a lock is held for, somebody can end it in place of a run that is dead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from snaplift.aws.steps.ending import ENDINGS, take_over
from snaplift.aws.steps.outlook import outlook
from snaplift.aws.steps.promotion import Done, HeldLock, Promotion
from snaplift.promotion.lock import Errand, Lock, Record, Work
from snaplift.promotion.run import Run
from tests.unit.promotion.estates import PLACES

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
RUN = Run(installation="acme", dag_id="fleet.reap", run_id="r1")
ERRAND = Errand(run=RUN, namespace="xy-0146-qa", what="reap instance x", thing="db-X")


class Locks:
    """One lock, as it is found when it is looked at again."""

    def __init__(self, found: Lock) -> None:
        self.found = found
        self.released: list[Lock] = []

    def find(self, table: str, namespace: str) -> Lock:
        assert (table, namespace) == (PLACES[0].lock_table, "xy-0146-qa")
        return self.found

    def release(self, table: str, lock: Lock) -> None:
        assert table == PLACES[0].lock_table
        self.released.append(lock)


def held() -> tuple[HeldLock, Locks]:
    record = Record(work=ERRAND, acquired_at=NOW)
    given: dict[str, Any] = {"phase": record.phase, "fence": 7, "lease_until": NOW + timedelta(hours=8)}
    lock = Lock(namespace="xy-0146-qa", token=record.token, record=record, **given)
    locks: Any = Locks(lock)
    return HeldLock(lock, PLACES[0], locks), locks


def test_every_kind_of_work_has_its_ending() -> None:
    assert set(ENDINGS) == set(get_args(Work))


def test_s17_a_dead_reaps_lock_is_given_back_and_nothing_is_undone() -> None:
    found, locks = held()
    assert outlook(Promotion(*found)) == [
        "the lock of xy-0146-qa, which is held to reap instance x, is given back: there is nothing to undo"
    ]
    ended = "xy-0146-qa was held to reap instance x, which the next reap looks at again"
    assert take_over(found, lambda: NOW) == Done({"ended": ended})
    assert locks.released == [found.lock]


def test_s17_a_reaps_lock_that_changed_hands_is_left_alone() -> None:
    found, locks = held()
    locks.found = found.lock.model_copy(update={"fence": 8})
    assert take_over(found, lambda: NOW) == Done(skipped="the lock of xy-0146-qa was given back")
    assert locks.released == []
