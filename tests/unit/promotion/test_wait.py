"""What an observation means for a wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snaplift.promotion.wait import Observation, Verdict, Wait, judge


def wait(**changes: Any) -> Wait:
    given = {
        "connection": "aws_default",
        "region": "eu-central-1",
        "kind": "db_instance",
        "name": "xy-0146-qa-db",
        "identity": "db-OURS",
        "done": ("available",),
        "failed": ("failed",),
        "timeout": 60,
    }
    return Wait.model_validate({**given, **changes})


def seen(state: str, identity: str | None = "db-OURS") -> Observation:
    return Observation(state=state, identity=identity)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("available", Verdict.DONE), ("failed", Verdict.FAILED), ("creating", Verdict.PENDING), ("x", Verdict.PENDING)],
)
def test_a_state_is_done_failed_or_waited_out(state: str, verdict: Verdict) -> None:
    assert judge(wait(), seen(state)) is verdict


@pytest.mark.parametrize(("absent", "verdict"), [("failed", Verdict.ABSENT), ("done", Verdict.DONE)])
def test_an_absence_is_what_the_wait_says(absent: str, verdict: Verdict) -> None:
    assert judge(wait(absent=absent), None) is verdict


@pytest.mark.parametrize("state", ["available", "failed", "creating"])
@pytest.mark.parametrize(("absent", "verdict"), [("failed", Verdict.ABSENT), ("done", Verdict.DONE)])
def test_s54_a_namesake_is_not_what_is_waited_for_in_whatever_state_it_is(
    state: str, absent: str, verdict: Verdict
) -> None:
    assert judge(wait(absent=absent), seen(state, "db-ANOTHER")) is verdict


def test_a_wait_without_an_identity_takes_the_thing_of_that_name() -> None:
    assert judge(wait(identity=None), seen("available", "db-ANOTHER")) is Verdict.DONE
    assert judge(wait(), seen("available", None)) is Verdict.DONE


def test_a_wait_for_an_absence_is_not_done_while_the_thing_is_there() -> None:
    gone = wait(done=(), failed=(), absent="done")
    assert judge(gone, seen("deleting")) is Verdict.PENDING


@given(
    st.builds(
        Wait,
        connection=st.text(),
        region=st.text(),
        kind=st.sampled_from(["stack", "task", "http"]),
        name=st.text(),
        scope=st.none() | st.text(),
        identity=st.none() | st.text(),
        done=st.lists(st.text()).map(tuple),
        failed=st.lists(st.text()).map(tuple),
        absent=st.sampled_from(["done", "failed"]),
        interval=st.floats(0, 1000),
        timeout=st.floats(0, 100_000),
    )
)
def test_a_wait_is_the_same_after_a_round_trip_through_the_triggers_table(each: Wait) -> None:
    assert Wait.model_validate_json(each.model_dump_json()) == each


def test_a_wait_is_called_by_its_kind_and_name() -> None:
    assert str(wait()) == "db instance xy-0146-qa-db"
