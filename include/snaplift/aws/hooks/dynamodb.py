"""DynamoDB: the locks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.exceptions import ClientError

from snaplift.aws.errors import absent_is_none, code
from snaplift.aws.hooks.base import PlaceMixin
from snaplift.promotion.lock import LEASE, Lock, LockHeld, LockLost, Phase, Record, UnreadableLock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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
        :raises UnreadableLock: it is not as this version writes it.
        """
        try:
            item = self.client.get_item(TableName=table, Key={"namespace": {"S": namespace}}, ConsistentRead=True)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return None
            raise
        return self._lock(item["Item"]) if "Item" in item else None

    def held(self, table: str) -> list[str]:
        """List the namespaces whose lock somebody holds, consistently and to the last page; none: no such table.

        :raises ClientError: they could not be listed; that never means that nobody holds one.
        """
        pages = self.client.get_paginator("scan").paginate(
            TableName=table,
            ConsistentRead=True,
            # What is kept of databases, beside the locks, has no token.
            FilterExpression="attribute_exists(#token) AND #phase <> :free",
            ProjectionExpression="#namespace",
            ExpressionAttributeNames={"#phase": "phase", "#namespace": "namespace", "#token": "token"},
            ExpressionAttributeValues={":free": {"S": Phase.FREE}},
        )
        with absent_is_none("ResourceNotFoundException"):
            return sorted(item["namespace"]["S"] for page in pages for item in page["Items"])
        return []

    @classmethod
    def _lock(cls, item: Any) -> Lock:
        try:
            return cls._parse(item)
        except (KeyError, ValueError) as error:
            name = item.get("namespace", {}).get("S", "a namespace")
            raise UnreadableLock(
                f"the lock of {name} cannot be read, so it counts as held: {type(error).__name__}: {error}. "
                "Was it written by another version of snaplift?"
            ) from error

    @staticmethod
    def _parse(item: Any) -> Lock:
        return Lock(
            namespace=item["namespace"]["S"],
            token=item["token"]["S"],
            phase=Phase(item["phase"]["S"]),
            fence=int(item["fence"]["N"]),
            lease_until=datetime.fromtimestamp(int(item["lease_until"]["N"]), UTC),
            record=Record.parse(item["record"]["S"]),
            airflow=item.get("airflow", {}).get("S", ""),
            failure=item.get("failure", {}).get("S", ""),
            written=item.get("written", {}).get("S", ""),
            afresh=int(item.get("afresh", {}).get("N", "0")),
        )

    def acquire(self, table: str, record: Record, airflow: str = "") -> Lock:
        """Take the lock of what the record names; if its holder has it already, its lock is returned unchanged.

        :param airflow: the metadata database that the run is in.
        :raises LockHeld: another run holds it; the message says which.
        :raises LockLost: this run held it, and what it did is being aborted.
        """
        try:
            answer = self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": record.name}},
                UpdateExpression="SET #token = :token, #phase = :phase, #record = :record, lease_until = :until, "
                "airflow = :airflow, fence = if_not_exists(fence, :zero) + :one REMOVE failure, written, afresh",
                ConditionExpression="attribute_not_exists(#token) OR #phase = :free",
                ExpressionAttributeNames={"#token": "token", "#phase": "phase", "#record": "record"},
                ExpressionAttributeValues={
                    ":token": {"S": record.token},
                    ":phase": {"S": record.phase},
                    ":free": {"S": Phase.FREE},
                    ":record": {"S": record.model_dump_json(by_alias=True)},
                    ":until": _seconds(record.acquired_at + LEASE),
                    ":airflow": {"S": airflow},
                    ":zero": {"N": "0"},
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise
            return self._own(table, record)
        return self._lock(answer["Attributes"])

    def _own(self, table: str, record: Record) -> Lock:
        """The lock that could not be taken, where that is because its holder has it."""
        found = self.find(table, record.name)
        if found is None or not found.held:
            raise LockHeld(f"the lock of {record.name} is changing hands: try again")
        if not found.held_by(record.token):
            raise LockHeld(str(found))
        if found.phase is not record.phase:
            raise LockLost(f"what this run does with {record.name} is {found.phase}")
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

    def note_written(self, table: str, lock: Lock, written: str) -> None:
        """Write down what visitors wrote to the candidate, before it goes.

        :raises LockLost: the lock is not as it was read.
        """
        self._note(table, lock, "written", {"S": written})

    def note_afresh(self, table: str, lock: Lock) -> Lock:
        """Write down that the candidate is given up and made once more.

        :raises LockLost: the lock is not as it was read.
        """
        self._note(table, lock, "afresh", {"N": str(lock.afresh + 1)})
        return lock.model_copy(update={"afresh": lock.afresh + 1})

    def _note(self, table: str, lock: Lock, name: str, value: Any) -> None:
        try:
            self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": lock.namespace}},
                UpdateExpression="SET #noted = :noted",
                ConditionExpression="#token = :token AND fence = :fence AND #phase = :phase",
                ExpressionAttributeNames={"#token": "token", "#phase": "phase", "#noted": name},
                ExpressionAttributeValues={
                    ":noted": value,
                    ":token": {"S": lock.token},
                    ":fence": {"N": str(lock.fence)},
                    ":phase": {"S": lock.phase},
                },
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise
            raise LockLost(f"the lock of {lock.namespace} is no longer as it was read") from None

    def enter(self, table: str, lock: Lock, phase: Phase, now: datetime | None) -> Lock:
        """Go over to another phase; being in it already is no error.

        :param lock: as it was read: held meanwhile by another run, or by the same run once more, it is not changed.
        :param now: None: the lease is not extended, since it is not the holder who asks.
        :raises LockLost: the lock is not as it was read.
        """
        return self._change(table, lock.namespace, lock.token, (Phase.PROMOTING, phase), phase, now, lock.fence)

    def _change(
        self,
        table: str,
        namespace: str,
        token: str,
        expected: tuple[Phase, ...],
        phase: Phase,
        now: datetime | None,
        fence: int | None = None,
    ) -> Lock:
        names = [f":p{number}" for number in range(len(expected))]
        values: Any = {
            ":token": {"S": token},
            ":phase": {"S": phase},
            **{name: {"S": one} for name, one in zip(names, expected, strict=True)},
        }
        if now is not None:
            values[":until"] = _seconds(now + LEASE)
        if fence is not None:
            values[":fence"] = {"N": str(fence)}
        try:
            answer = self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": namespace}},
                UpdateExpression="SET #phase = :phase"
                + (", lease_until = :until" if now is not None else "")
                + (" REMOVE failure, written" if phase is Phase.PROMOTING else ""),
                ConditionExpression=f"#token = :token AND #phase IN ({', '.join(names)})"
                + (" AND fence = :fence" if fence is not None else ""),
                ExpressionAttributeNames={"#token": "token", "#phase": "phase"},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise
            raise LockLost(f"the lock of {namespace} is no longer this run's in phase {phase}") from None
        return self._lock(answer["Attributes"])

    def release(self, table: str, lock: Lock) -> None:
        """Give the lock back. What is not ours is left alone: it was given back before, and perhaps taken again."""
        try:
            self.client.update_item(
                TableName=table,
                Key={"namespace": {"S": lock.namespace}},
                UpdateExpression="SET #phase = :free",
                ConditionExpression="#token = :token AND fence = :fence",
                ExpressionAttributeNames={"#token": "token", "#phase": "phase"},
                ExpressionAttributeValues={
                    ":token": {"S": lock.token},
                    ":fence": {"N": str(lock.fence)},
                    ":free": {"S": Phase.FREE},
                },
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise
