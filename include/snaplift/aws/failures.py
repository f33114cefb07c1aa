"""Which errors end a task, and which are worth another try."""

from __future__ import annotations

import pymysql
from botocore.exceptions import ClientError

from snaplift.aws.errors import StepFailed, is_transient
from snaplift.config.errors import InvalidConfiguration
from snaplift.naming import InvalidName
from snaplift.promotion.lock import LockHeld, LockLost, PlanOutdated, UnreadableLock
from snaplift.promotion.planning import PlanRefused
from snaplift.promotion.pointer import UnreadablePointer
from snaplift.stacks.outputs import MissingOutput

PERMANENT = (
    InvalidConfiguration,
    InvalidName,
    LockHeld,
    LockLost,
    MissingOutput,
    PlanOutdated,
    PlanRefused,
    StepFailed,
    UnreadableLock,
    UnreadablePointer,
)

# What a MySQL server answers and what passes: too many connections, shutting down, waiting for a lock, a deadlock, and
# a login with a password that is just being changed. (From 2000 on it did not answer.)
_PASSING = frozenset({1040, 1045, 1053, 1205, 1213, 1698})


def is_permanent(error: Exception) -> bool:
    """Say whether the same try would fail again."""
    if isinstance(error, ClientError):
        return not is_transient(error)
    if isinstance(error, pymysql.err.MySQLError):
        number = error.args[0] if error.args else 0
        return isinstance(number, int) and 1000 <= number < 2000 and number not in _PASSING
    return isinstance(error, PERMANENT)
