"""DynamoDB: the lock rests on conditional writes and consistent reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.probes.asking import fresh, refusal
from tests.probes.conftest import Clients


@pytest.fixture(scope="module")
def dynamodb(aws: Clients) -> Any:
    return aws("dynamodb")


@pytest.fixture(scope="module")
def table(dynamodb: Any) -> Iterator[str]:
    name = fresh("locks")
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def key() -> dict[str, dict[str, str]]:
    return {"id": {"S": fresh("lock")}}


def take(dynamodb: Any, table: str, key: dict[str, Any], token: str, **extra: Any) -> Any:
    """Put a lock, unless one stands that is still valid at time 5."""
    return dynamodb.put_item(
        TableName=table,
        Item={**key, "token": {"S": token}, "fence": {"N": "1"}, "valid_until": {"N": "9"}},
        ConditionExpression="attribute_not_exists(id) OR valid_until < :now",
        ExpressionAttributeValues={":now": {"N": "5"}},
        **extra,
    )


def if_token(token: str) -> dict[str, Any]:
    return {
        "ConditionExpression": "#token = :token",
        "ExpressionAttributeNames": {"#token": "token"},
        "ExpressionAttributeValues": {":token": {"S": token}},
    }


def test_a_second_holder_is_refused_by_the_condition(dynamodb: Any, table: str, key: Any) -> None:
    take(dynamodb, table, key, "first")
    with pytest.raises(ClientError) as refused:
        take(dynamodb, table, key, "second")
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"


def test_a_refusal_can_return_the_item_that_stood_in_the_way(dynamodb: Any, table: str, key: Any) -> None:
    take(dynamodb, table, key, "first")
    with pytest.raises(ClientError) as refused:
        take(dynamodb, table, key, "second", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    answer: Any = refused.value.response
    assert answer["Item"]["token"] == {"S": "first"}


def test_a_lock_that_ran_out_is_taken_over(dynamodb: Any, table: str, key: Any) -> None:
    dynamodb.put_item(TableName=table, Item={**key, "valid_until": {"N": "4"}})
    take(dynamodb, table, key, "next")
    assert dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["token"] == {"S": "next"}


def test_an_update_counts_up_only_for_the_holder_of_the_token(dynamodb: Any, table: str, key: Any) -> None:
    take(dynamodb, table, key, "mine")

    def count_up(token: str) -> Any:
        condition = if_token(token)
        condition["ExpressionAttributeValues"][":one"] = {"N": "1"}
        return dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET fence = fence + :one",
            ReturnValues="ALL_NEW",
            **condition,
        )

    assert count_up("mine")["Attributes"]["fence"] == {"N": "2"}
    assert refusal(count_up, token="other") == "ConditionalCheckFailedException"


def test_a_delete_needs_the_token(dynamodb: Any, table: str, key: Any) -> None:
    take(dynamodb, table, key, "mine")
    code = refusal(dynamodb.delete_item, TableName=table, Key=key, **if_token("other"))
    assert code == "ConditionalCheckFailedException"
    dynamodb.delete_item(TableName=table, Key=key, **if_token("mine"))
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)


def test_an_update_of_an_absent_item_makes_it_unless_a_condition_forbids(dynamodb: Any, table: str, key: Any) -> None:
    update = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "SET fence = if_not_exists(fence, :zero) + :one",
        "ExpressionAttributeValues": {":zero": {"N": "0"}, ":one": {"N": "1"}},
    }
    code = refusal(dynamodb.update_item, **update, ConditionExpression="attribute_exists(id)")
    assert code == "ConditionalCheckFailedException"
    made = dynamodb.update_item(**update, ReturnValues="ALL_NEW")
    assert made["Attributes"]["fence"] == {"N": "1"}


def test_a_transaction_writes_all_or_nothing(dynamodb: Any, table: str, key: Any) -> None:
    other = {"id": {"S": fresh("lock")}}
    take(dynamodb, table, key, "first")
    put_other = {"Put": {"TableName": table, "Item": other}}
    put_held = {
        "Put": {"TableName": table, "Item": key, "ConditionExpression": "attribute_not_exists(id)"},
    }
    code = refusal(dynamodb.transact_write_items, TransactItems=[put_other, put_held])
    assert code == "TransactionCanceledException"
    assert "Item" not in dynamodb.get_item(TableName=table, Key=other, ConsistentRead=True)


def test_a_reserved_word_must_be_escaped(dynamodb: Any, table: str, key: Any) -> None:
    code = refusal(
        dynamodb.update_item,
        TableName=table,
        Key=key,
        UpdateExpression="SET token = :value",
        ExpressionAttributeValues={":value": {"S": "x"}},
    )
    assert code == "ValidationException"


def test_an_unknown_table_is_not_found(dynamodb: Any, key: Any) -> None:
    assert refusal(dynamodb.get_item, TableName=fresh("no"), Key=key) == "ResourceNotFoundException"


def test_s14_a_scan_goes_on_behind_a_page_that_its_filter_left_empty(dynamodb: Any, table: str) -> None:
    names = sorted(fresh("lock") for _ in range(4))
    for name in names:
        take(dynamodb, table, {"id": {"S": name}}, "held" if name == names[-1] else "free")
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression="#token <> :free AND #id IN (:a, :b, :c, :d)",
        ProjectionExpression="#id",
        ExpressionAttributeNames={"#token": "token", "#id": "id"},
        ExpressionAttributeValues={
            ":free": {"S": "free"},
            **{f":{letter}": {"S": name} for letter, name in zip("abcd", names, strict=True)},
        },
        PaginationConfig={"PageSize": 1},
    )
    found = [page["Items"] for page in pages]
    assert len(found) >= len(names)
    assert [item for items in found for item in items] == [{"id": {"S": names[-1]}}]
