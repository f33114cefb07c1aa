"""What a plan rests on is compared, and a lock as a value."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.lock import Errand, Lock, LockLost, Phase, PlanOutdated, Record, check_unchanged
from snaplift.promotion.run import Run
from tests.unit.promotion.examples import NOW, OLD, RUN, before, lock, revision, task_definition

ACTIVE = revision(OLD)


def test_nothing_has_changed() -> None:
    check_unchanged(before(ACTIVE), before(ACTIVE))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pointer_version": 4}, "the pointer was version 3 and is 4"),
        (
            {"task_definition": task_definition(number=9)},
            f"the service ran {task_definition()} and runs {task_definition(number=9)}",
        ),
    ],
)
def test_s51_what_changed_since_the_plan_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanOutdated) as outdated:
        check_unchanged(before(ACTIVE), before(ACTIVE, **change))
    assert str(outdated.value) == f"since the plan was made, {said}. Nothing was changed: plan again"


def test_s51_everything_that_changed_is_named_at_once() -> None:
    with pytest.raises(PlanOutdated, match=r"pointer was version 3 and is 4; the service ran nothing and runs arn:"):
        check_unchanged(before(None), before(ACTIVE, pointer_version=4))


def test_s51_a_service_that_is_gone_is_said_in_words() -> None:
    with pytest.raises(PlanOutdated, match=r"and runs nothing\. "):
        check_unchanged(before(ACTIVE), before(ACTIVE, task_definition=None))


def test_a_lock_is_its_runs_until_it_is_free() -> None:
    assert lock().held_by(RUN.token)
    assert lock(Phase.ABORTING).held_by(RUN.token)
    assert not lock(Phase.FREE).held_by(RUN.token)
    assert not lock().held_by(RUN.model_copy(update={"run_id": "other"}).token)
    assert not lock().held_by(RUN.model_copy(update={"installation": "other"}).token)


def test_a_lock_says_who_holds_it_since_when_and_in_which_phase() -> None:
    assert str(lock(Phase.ABORTING)) == (
        "xy-0146-qa is locked by run xy-0146.promote manual__2026-11-23 since 2026-11-23 02:00 UTC (aborting)"
    )


def test_its_holders_last_sign_of_life_is_when_the_lease_was_extended() -> None:
    assert lock().last_sign == NOW


def test_the_record_is_the_same_after_it_was_written_and_read() -> None:
    record = lock().record
    assert Record.model_validate_json(record.model_dump_json(by_alias=True)) == record


def test_a_lock_that_is_no_promotions_says_what_it_is_held_for_and_has_no_record() -> None:
    run = Run(installation="acme", dag_id="fleet.reap", run_id="r1")
    errand = Errand(run=run, what="reap instance x", acquired_at=NOW)
    held = lock(Phase.REAPING, token="t", record=errand)
    assert held.errand == errand
    assert held.run == run
    assert str(held) == "xy-0146-qa is locked by run fleet.reap r1 since 2026-11-23 02:00 UTC (reaping)"
    with pytest.raises(LockLost, match=r"no promotion's"):
        _ = held.record
    assert Lock.model_validate_json(held.model_dump_json(by_alias=True)) == held
    assert lock().errand is None
