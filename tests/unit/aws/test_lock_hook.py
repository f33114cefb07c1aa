"""Locks are listed to the last page, read as they were written, and changed by their holder alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from snaplift.aws.failures import is_permanent
from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.promotion.lock import LEASE, Lock, LockHeld, LockLost, Phase, UnreadableLock
from tests.unit.aws.conftest import Stubbed
from tests.unit.promotion.examples import NOW, RUN, lock

TABLE = "platform-nonprod-locks"
WHOLE = NOW.replace(microsecond=0)
"""A lease is stored in whole seconds."""
Hook = tuple[LockHook, Stubber]


@pytest.fixture
def hook(stubbed: Stubbed) -> Hook:
    made, script = stubbed(LockHook, "dynamodb")
    return made, script


def item(of: Lock, **changes: Any) -> dict[str, Any]:
    """A lock as it is stored."""
    return {
        "namespace": {"S": of.namespace},
        "token": {"S": of.token},
        "phase": {"S": of.phase},
        "fence": {"N": str(of.fence)},
        "lease_until": {"N": str(int(of.lease_until.timestamp()))},
        "record": {"S": of.record.model_dump_json(by_alias=True)},
        "airflow": {"S": of.airflow},
        **changes,
    }


def updates(script: Stubber, answer: Lock | None, **asked: Any) -> None:
    """Expect a change: its condition and values; no answer: the condition did not hold."""
    expected = dict.fromkeys(("UpdateExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"), ANY)
    given = {"TableName": TABLE, "Key": {"namespace": {"S": "xy-0146-qa"}}, **expected, **asked}
    if answer is None:
        script.add_client_error("update_item", "ConditionalCheckFailedException", expected_params=given)
    else:
        script.add_response("update_item", {"Attributes": item(answer)}, given)


HELD = lock(lease_until=WHOLE + LEASE, fence=7, airflow="a1")


# -- the listing -------------------------------------------------------------------------------------------------


def lists(script: Stubber, names: list[str], start: str | None = None, more: str | None = None) -> None:
    asked: dict[str, Any] = {
        "TableName": TABLE,
        "ConsistentRead": True,
        "FilterExpression": "attribute_exists(#token) AND #phase <> :free",
        "ProjectionExpression": "#namespace",
        "ExpressionAttributeNames": ANY,
        "ExpressionAttributeValues": {":free": {"S": "free"}},
    }
    if start:
        asked["ExclusiveStartKey"] = {"namespace": {"S": start}}
    answer: dict[str, Any] = {"Items": [{"namespace": {"S": name}} for name in names]}
    if more:
        answer["LastEvaluatedKey"] = {"namespace": {"S": more}}
    script.add_response("scan", answer, asked)


def test_s14_every_page_is_listed_also_behind_an_empty_one(hook: Hook) -> None:
    locks, script = hook
    lists(script, ["xy-0146-qa"], more="k1")
    lists(script, [], start="k1", more="k2")
    lists(script, ["ab-0200-uat"], start="k2")
    assert locks.held(TABLE) == ["ab-0200-uat", "xy-0146-qa"]


def test_s14_a_page_that_is_refused_is_an_error_and_never_the_end(hook: Hook) -> None:
    locks, script = hook
    lists(script, ["xy-0146-qa"], more="k1")
    script.add_client_error("scan", "AccessDeniedException")
    with pytest.raises(ClientError):
        locks.held(TABLE)


def test_a_platform_that_does_not_stand_has_no_locks(hook: Hook) -> None:
    locks, script = hook
    script.add_client_error("scan", "ResourceNotFoundException")
    assert locks.held(TABLE) == []


# -- reading -------------------------------------------------------------------------------------------------------


def reads(script: Stubber, stored: dict[str, Any]) -> None:
    asked = {"TableName": TABLE, "Key": {"namespace": {"S": "xy-0146-qa"}}, "ConsistentRead": True}
    script.add_response("get_item", {"Item": stored}, asked)


def test_a_lock_is_read_as_it_was_written(hook: Hook) -> None:
    locks, script = hook
    reads(script, item(HELD))
    assert locks.find(TABLE, "xy-0146-qa") == HELD


def test_a_lock_of_before_airflows_had_ids_is_nobodys(hook: Hook) -> None:
    locks, script = hook
    stored = item(HELD)
    del stored["airflow"]
    reads(script, stored)
    found = locks.find(TABLE, "xy-0146-qa")
    assert found is not None
    assert found.airflow == ""


@pytest.mark.parametrize("change", [{"record": {"S": "{}"}}, {"phase": {"S": "odd"}}, {"fence": {"N": "one"}}])
def test_a_lock_that_cannot_be_read_counts_as_held(hook: Hook, change: Any) -> None:
    locks, script = hook
    reads(script, item(HELD, **change))
    with pytest.raises(UnreadableLock, match="the lock of xy-0146-qa cannot be read, so it counts as held") as found:
        locks.find(TABLE, "xy-0146-qa")
    assert is_permanent(found.value)


# -- taking, changing, giving back ---------------------------------------------------------------------------------


def test_the_airflow_is_written_when_the_lock_is_taken(hook: Hook) -> None:
    locks, script = hook
    values: dict[str, Any] = {
        ":token": {"S": RUN.token},
        ":phase": {"S": "promoting"},
        ":record": {"S": HELD.record.model_dump_json(by_alias=True)},
        ":until": {"N": str(int((NOW + LEASE).timestamp()))},
        ":airflow": {"S": "a1"},
        ":free": {"S": "free"},
        ":zero": {"N": "0"},
        ":one": {"N": "1"},
    }
    condition = "attribute_not_exists(#token) OR #phase = :free"
    updates(script, HELD, ConditionExpression=condition, ExpressionAttributeValues=values, ReturnValues="ALL_NEW")
    assert locks.acquire(TABLE, HELD.record, "a1") == HELD


def test_s16_a_lock_that_another_run_holds_says_who(hook: Hook) -> None:
    locks, script = hook
    other = lock(token="acme|xy-0146.promote|other")
    updates(script, None, ConditionExpression=ANY, ReturnValues="ALL_NEW")
    reads(script, item(other))
    with pytest.raises(LockHeld, match=r"xy-0146-qa is locked by run .* since 2026-11-23 02:00 UTC \(promoting\)"):
        locks.acquire(TABLE, HELD.record)


def test_s16_a_lock_that_is_given_back_just_then_is_asked_for_again(hook: Hook) -> None:
    locks, script = hook
    updates(script, None, ConditionExpression=ANY, ReturnValues="ALL_NEW")
    reads(script, item(lock(Phase.FREE, token="acme|xy-0146.promote|other")))
    with pytest.raises(LockHeld, match="changing hands"):
        locks.acquire(TABLE, HELD.record)


def test_s17_a_lock_that_was_taken_anew_since_it_was_read_is_not_changed(hook: Hook) -> None:
    locks, script = hook
    condition = "#token = :token AND #phase IN (:p0, :p1) AND fence = :fence"
    updates(script, None, ConditionExpression=condition, ReturnValues="ALL_NEW")
    with pytest.raises(LockLost):
        locks.enter(TABLE, HELD, Phase.ABORTING, NOW)


@pytest.mark.parametrize(
    ("now", "change"), [(NOW, "SET #phase = :phase, lease_until = :until"), (None, "SET #phase = :phase")]
)
def test_only_the_holder_extends_the_lease(hook: Hook, now: datetime | None, change: str) -> None:
    locks, script = hook
    after = HELD.model_copy(update={"phase": Phase.ABORTING})
    updates(script, after, UpdateExpression=change, ConditionExpression=ANY, ReturnValues="ALL_NEW")
    assert locks.enter(TABLE, HELD, Phase.ABORTING, now) == after


def test_a_lock_is_given_back_only_as_it_was_taken(hook: Hook) -> None:
    locks, script = hook
    values = {":token": {"S": RUN.token}, ":fence": {"N": "7"}, ":free": {"S": "free"}}
    condition = "#token = :token AND fence = :fence"
    updates(script, HELD, ConditionExpression=condition, ExpressionAttributeValues=values)
    locks.release(TABLE, HELD)
    updates(script, None, ConditionExpression=condition)
    locks.release(TABLE, HELD)


def test_a_step_that_goes_on_extends_the_lease(hook: Hook) -> None:
    locks, script = hook
    later = datetime(2026, 11, 23, 5, tzinfo=UTC)
    after = HELD.model_copy(update={"lease_until": later + LEASE})
    updates(script, after, ConditionExpression="#token = :token AND #phase IN (:p0)", ReturnValues="ALL_NEW")
    renewed = locks.renew(TABLE, "xy-0146-qa", RUN.token, Phase.PROMOTING, later)
    assert renewed.last_sign - WHOLE == timedelta(hours=3)
