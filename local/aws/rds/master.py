"""The master user's password, and the secret in which RDS keeps it where it manages it."""

import json
import secrets
import string
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from local.aws.query import Fault
from local.aws.rds.patches import Ministack
from local.aws.rds.records import Record

_ALPHABET = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"
_LENGTH = 28


def check(request: Mapping[str, Any], *, required: bool) -> None:
    """Refuse a request that says neither or both, what the password is and that RDS manages it.

    :param required: whether it must say one of the two
    :raises Fault: InvalidParameterCombination, InvalidParameterValue
    """
    password, managed = request.get("MasterUserPassword"), request.get("ManageMasterUserPassword", False)
    if managed and password is not None:
        raise Fault(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword while ManageMasterUserPassword is true.",
        )
    if required and not managed and password is None:
        raise Fault("InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank.")
    if password is not None and not (8 <= len(password) <= 41 and password.isprintable()):
        raise Fault(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password: it needs 8 to 41 printable characters.",
        )
    if password is not None and set(password) & set('/@" '):
        raise Fault(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
            "'/', '@', '\"', ' ' may be used.",
        )


def new_password() -> str:
    """A password that RDS itself would take."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def manage(ministack: Ministack, record: Record, password: str, key: str | None) -> None:
    """Put ``password`` in the instance's secret: a new one, whose status is ``creating``, or the one it has."""
    value = json.dumps({"username": record["MasterUsername"], "password": password})
    if secret := record.get("MasterUserSecret"):
        ministack.put_secret(secret["SecretArn"], value)
        return
    key = ministack.usable_key(key) if key else ministack.service_key("secretsmanager")
    arn = ministack.create_secret(
        f"rds!db-{uuid4()}",
        value,
        f"Secret associated with primary RDS DB instance: {record['DBInstanceArn']}",
        key,
        [
            {"Key": "aws:rds:primaryDBInstanceArn", "Value": record["DBInstanceArn"]},
            {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
        ],
    )
    record["MasterUserSecret"] = {"SecretArn": arn, "SecretStatus": "creating", "KmsKeyId": key}


def unmanage(ministack: Ministack, record: Record) -> None:
    """Delete the instance's secret, if it has one."""
    if secret := record.pop("MasterUserSecret", None):
        ministack.delete_secret(secret["SecretArn"])
