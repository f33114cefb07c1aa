"""DynamoDB: since when nothing refers to a thing, in the lock table, beside the locks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.exceptions import ClientError

from snaplift.aws.errors import absent_is_none, code
from snaplift.aws.hooks.base import PlaceMixin

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SINCE: Final = "orphan_since"


class MarkHook(PlaceMixin, AwsGenericHook["DynamoDBClient"]):
    """One item an orphan, keyed by its namespace and identity. What tells it from a lock: it has no ``token``.

    A tag would be at hand for most things, but a stack's can only be set by updating it, and a database's is copied to
    its final snapshot, which would then be taken for an orphan of old.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "dynamodb"})

    @property
    def client(self) -> DynamoDBClient:
        return self.get_conn()

    def all(self, table: str) -> dict[str, datetime]:
        """List the marks, consistently and to the last page; none: no such table."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=table,
            ConsistentRead=True,
            FilterExpression=f"attribute_exists({_SINCE})",
            ProjectionExpression=f"#namespace, {_SINCE}",
            ExpressionAttributeNames={"#namespace": "namespace"},
        )
        with absent_is_none("ResourceNotFoundException"):
            items = [item for page in pages for item in page["Items"]]
            return {item["namespace"]["S"]: datetime.fromtimestamp(int(item[_SINCE]["N"]), UTC) for item in items}
        return {}

    def find(self, table: str, key: str) -> datetime | None:
        """Read a mark, consistently. None: there is none."""
        item = self.client.get_item(TableName=table, Key={"namespace": {"S": key}}, ConsistentRead=True).get("Item")
        return datetime.fromtimestamp(int(item[_SINCE]["N"]), UTC) if item else None

    def put(self, table: str, key: str, since: datetime) -> bool:
        """Mark a thing. False: it is marked already, and since when stays."""
        try:
            self.client.put_item(
                TableName=table,
                Item={"namespace": {"S": key}, _SINCE: {"N": str(int(since.timestamp()))}},
                ConditionExpression="attribute_not_exists(#namespace)",
                ExpressionAttributeNames={"#namespace": "namespace"},
            )
        except ClientError as error:
            if code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def remove(self, table: str, key: str) -> None:
        """Take a mark away: the thing is referred to again, or gone. That there is none is no error."""
        self.client.delete_item(TableName=table, Key={"namespace": {"S": key}})
