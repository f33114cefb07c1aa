"""DynamoDB: the locks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.exceptions import ClientError

from snaplift.aws.errors import code
from snaplift.aws.hooks.base import PlaceMixin
from snaplift.promotion.lock import Lock, LockHeld, LockLost, Phase, Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE = timedelta(hours=6)
"""Longer than any single wait of a step: nothing of a deferred run executes that could renew it."""


def _seconds(moment: datetime) -> dict[str, str]:
    return {"N": str(int(moment.timestamp()))}


class LockHook(PlaceMixin, AwsGenericHook["DynamoDBClient"]):
    """One promotion at a time per namespace, also across two Airflows.

    An item per namespace, never deleted, so that its fencing number grows for ever. (The provider's DynamoDBHook
    has only boto's resource and its batch writer.)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "dynamodb"})

    @property
    def client(self) -> DynamoDBClient:
        return self.get_conn()

    def find(self, table: str, namespace: str) -> Lock | None:
        """Read a namespace's lock, consistently. None: it was never held, or its platform does not stand.

        :raises ClientError: it could not be read; that never means that nobody holds it.
        """
        try:
            item = self.client.get_item(TableName=table, Key={"namespace": {"S": namespace}}, ConsistentRead=True)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return None
            raise
        return self._lock(item["Item"]) if "Item" in item else None

    @staticmethod
    def _lock(item: Any) -> Lock:
        return Lock(
            namespace=item["namespace"]["S"],
            token=item["token"]["S"],
            phase=Phase(item["phase"]["S"]),
            fence=int(item["fence"]["N"]),
            lease_until=datetime.fromtimestamp(int(item["lease_until"]["N"]), UTC),
            record=Record.model_validate_json(item["record"]["S"]),
            failure=item.get("failure", {}).get("S", ""),
        )

    def acquire(self, table: str, record: Record) -> Lock:
        """Take the lock of the record's plan's namespace; if the same run holds it, its lock is returned unchanged.

        :raises LockHeld: another run holds it; the message says which.
        :raises LockLost: this run held it and its promotion is being aborted.
        """
        plan = record.plan
        namespace, token = str(plan.name), plan.run.token
        try:
            answer = self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": namespace}},
                UpdateExpression="SET #token = :token, #phase = :promoting, #record = :record, lease_until = :until, "
                "fence = if_not_exists(fence, :zero) + :one REMOVE failure",
                ConditionExpression="attribute_not_exists(#token) OR #phase = :free",
                ExpressionAttributeNames={"#token": "token", "#phase": "phase", "#record": "record"},
                ExpressionAttributeValues={
                    ":token": {"S": token},
                    ":promoting": {"S": Phase.PROMOTING},
                    ":free": {"S": Phase.FREE},
                    ":record": {"S": record.model_dump_json(by_alias=True)},
                    ":until": _seconds(record.acquired_at + LEASE),
                    ":zero": {"N": "0"},
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise
            return self._own(table, namespace, token)
        return self._lock(answer["Attributes"])

    def _own(self, table: str, namespace: str, token: str) -> Lock:
        """The lock that could not be taken, where that is because this run has it."""
        found = self.find(table, namespace)
        if found is None:
            raise LockHeld(f"the lock of {namespace} is changing hands: try again")
        if not found.held_by(token):
            raise LockHeld(
                f"{namespace} is locked by run {found.record.plan.run} since {found.record.acquired_at:%Y-%m-%d %H:%M}"
                f" UTC ({found.phase}). Wait for it to end, or end it in Airflow"
            )
        if found.phase is not Phase.PROMOTING:
            raise LockLost(f"the promotion of {namespace} by this run is {found.phase}")
        return found

    def renew(self, table: str, namespace: str, token: str, phase: Phase, now: datetime) -> Lock:
        """Extend the lease, if the lock is ours and in this phase; what failed before is being tried again.

        :raises LockLost: it is not.
        """
        return self._change(table, namespace, token, (phase,), phase, now)

    def note_failure(self, table: str, namespace: str, token: str, failure: str) -> None:
        """Write down why a step failed, for the abort to tell. Not ours any more: then it is nobody's business."""
        try:
            self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": namespace}},
                UpdateExpression="SET failure = :failure",
                ConditionExpression="#token = :token AND #phase = :promoting",
                ExpressionAttributeNames={"#token": "token", "#phase": "phase"},
                ExpressionAttributeValues={
                    ":failure": {"S": failure},
                    ":token": {"S": token},
                    ":promoting": {"S": Phase.PROMOTING},
                },
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise

    def enter(self, table: str, namespace: str, token: str, phase: Phase, now: datetime) -> Lock:
        """Go over to another phase; being in it already is no error.

        :raises LockLost: the lock is not ours.
        """
        return self._change(table, namespace, token, (Phase.PROMOTING, phase), phase, now)

    def _change(
        self, table: str, namespace: str, token: str, expected: tuple[Phase, ...], phase: Phase, now: datetime
    ) -> Lock:
        names = [f":p{number}" for number in range(len(expected))]
        try:
            answer = self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": namespace}},
                UpdateExpression="SET #phase = :phase, lease_until = :until"
                + (" REMOVE failure" if phase is Phase.PROMOTING else ""),
                ConditionExpression=f"#token = :token AND #phase IN ({', '.join(names)})",
                ExpressionAttributeNames={"#token": "token", "#phase": "phase"},
                ExpressionAttributeValues={
                    ":token": {"S": token},
                    ":phase": {"S": phase},
                    ":until": _seconds(now + LEASE),
                    **{name: {"S": one} for name, one in zip(names, expected, strict=True)},
                },
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise
            raise LockLost(f"the lock of {namespace} is no longer this run's in phase {phase}") from None
        return self._lock(answer["Attributes"])

    def release(self, table: str, namespace: str, token: str) -> None:
        """Give the lock back. What is not ours is left alone: it was given back before."""
        try:
            self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": namespace}},
                UpdateExpression="SET #phase = :free",
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={"#token": "token", "#phase": "phase"},
                ExpressionAttributeValues={":token": {"S": token}, ":free": {"S": Phase.FREE}},
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise
