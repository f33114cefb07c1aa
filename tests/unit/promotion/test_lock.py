"""What a plan rests on is compared, and a lock as a value."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.dismantling import Dismantling
from snaplift.promotion.lock import Errand, LockLost, Phase, PlanOutdated, Record, check_unchanged
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


def test_a_promotions_record_is_read_as_it_was_written() -> None:
    record = lock().record
    assert '"plan":{' in record.model_dump_json(by_alias=True)
    assert Record.model_validate_json(record.model_dump_json(by_alias=True)) == record
    assert record.plan == record.work


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


# -- what is no promotion ------------------------------------------------------------------------------------------

REAP = Run(installation="acme", dag_id="fleet.reap", run_id="r1")
ERRAND = Errand(run=REAP, namespace="xy-0146-qa", what="reap instance x", thing="db-X")
DISMANTLING = Dismantling(
    run=REAP.model_copy(update={"dag_id": "xy-0146.preview_remove"}),
    namespace="xy-0146-qa",
    place=lock().record.plan.place,
    cluster="c",
    final_snapshots=False,
)
OTHERS = {
    ERRAND: "xy-0146-qa is held to reap instance x by run fleet.reap r1: nothing is promoted",
    DISMANTLING: "xy-0146-qa is being removed by run xy-0146.preview_remove r1: nothing is promoted",
}


@pytest.mark.parametrize("work", OTHERS, ids=lambda work: type(work).__name__)
def test_what_is_no_promotion_is_read_as_it_was_written_and_has_no_plan(work: Errand | Dismantling) -> None:
    record = Record(work=work, acquired_at=NOW)
    assert Record.model_validate_json(record.model_dump_json(by_alias=True)) == record
    assert (record.run, record.name) == (work.run, "xy-0146-qa")
    with pytest.raises(LockLost) as lost:
        _ = record.plan
    assert str(lost.value) == OTHERS[work]


def test_a_lock_that_is_held_for_moments_says_so_and_each_thing_of_a_run_has_its_own() -> None:
    record = Record(work=ERRAND, acquired_at=NOW)
    held = lock(record.phase, token=record.token, record=record)
    assert str(held) == "xy-0146-qa is locked by run fleet.reap r1 since 2026-11-23 02:00 UTC (reaping)"
    other = Record(work=ERRAND.model_copy(update={"thing": "db-Y"}), acquired_at=NOW)
    assert held.held_by(record.token)
    assert not held.held_by(other.token)


def test_a_run_says_whose_dag_it_is_of() -> None:
    assert RUN.tenant == "xy-0146"
    assert {REAP.model_copy(update={"dag_id": each}).tenant for each in ("fleet.reap", "platform.change", "x")} == {
        None
    }
