"""The names that RDS takes for instances, snapshots and parameter groups."""

import re

from local.aws.query import Fault

_LENGTHS = {"DBInstanceIdentifier": 63, "DBSnapshotIdentifier": 255, "DBParameterGroupName": 255}
_GRAMMAR = re.compile(r"[a-z](?:-?[a-z0-9])*")


def checked(kind: str, value: str) -> str:
    """``value`` as RDS keeps it: in lower case.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html: letters, digits and hyphens, first a
    letter, no hyphen at the end, no two in a row.

    :param kind: the request's parameter that it was given in
    :raises Fault: InvalidParameterValue
    """
    lower = value.lower()
    if len(lower) > _LENGTHS[kind] or not _GRAMMAR.fullmatch(lower):
        raise Fault(
            "InvalidParameterValue",
            f"The parameter {kind} is not a valid identifier. Identifiers must begin with a letter; must contain "
            f"only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive "
            f"hyphens; and have at most {_LENGTHS[kind]} characters.",
        )
    return lower


def name_of(kind: str, value: str) -> str:
    """The identifier that a lookup means: ``value`` itself in lower case, or the end of its ARN."""
    prefix = {"DBInstanceIdentifier": "db", "DBSnapshotIdentifier": "snapshot"}.get(kind, "pg")
    match = re.fullmatch(rf"arn:aws:rds:[^:]*:[^:]*:{prefix}:(.+)", value)
    return (match[1] if match else value).lower()
