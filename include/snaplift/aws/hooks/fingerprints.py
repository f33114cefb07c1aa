"""DynamoDB: what databases held when they were activated, in the lock table, beside the locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.base import PlaceMixin
from snaplift.promotion.fingerprint import Fingerprint

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class FingerprintHook(PlaceMixin, AwsGenericHook["DynamoDBClient"]):
    """One item an incarnation of a database, keyed by namespace and resource id.

    What tells it from a lock: it has no ``token``. Parameter Store would be too small for it, and a bucket one more
    thing that has to stand.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "dynamodb"})

    @property
    def client(self) -> DynamoDBClient:
        return self.get_conn()

    def find(self, table: str, key: str) -> Fingerprint | None:
        """Read a database's fingerprint, consistently. None: there is none.

        :raises UnreadableFingerprint: what is there is something else.
        :raises ClientError: AWS did not say; that is never "there is none".
        """
        item = self.client.get_item(TableName=table, Key={"namespace": {"S": key}}, ConsistentRead=True).get("Item")
        if item is None:
            return None
        return Fingerprint.unpack(bytes(item.get("fingerprint", {}).get("B", b"")), f"{key} in {table}")

    def keys(self, table: str, prefix: str) -> list[str]:
        """List the fingerprints whose key begins so, consistently and to the last page."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=table,
            ConsistentRead=True,
            FilterExpression="begins_with(#namespace, :prefix) AND attribute_exists(fingerprint)",
            ProjectionExpression="#namespace",
            ExpressionAttributeNames={"#namespace": "namespace"},
            ExpressionAttributeValues={":prefix": {"S": prefix}},
        )
        return sorted(item["namespace"]["S"] for page in pages for item in page["Items"])

    def keep(self, table: str, key: str, fingerprint: Fingerprint) -> None:
        """Write a database's fingerprint, over one that was taken before.

        :raises StepFailed: it is larger than an item may be.
        """
        try:
            packed = fingerprint.pack()
        except ValueError as error:
            raise StepFailed(f"{error}: the database of {key} has too many tables to be watched") from None
        self.client.put_item(TableName=table, Item={"namespace": {"S": key}, "fingerprint": {"B": packed}})

    def forget(self, table: str, key: str) -> None:
        """Take away the fingerprint of a database that is gone. That there is none is no error."""
        self.client.delete_item(TableName=table, Key={"namespace": {"S": key}})
