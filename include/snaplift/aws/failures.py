"""Which errors end a task, and which are worth another try."""

from __future__ import annotations

import pymysql
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError, ParamValidationError

from snaplift.aws.errors import WRONG_HERE, StepFailed, code, is_transient, sentence
from snaplift.config.errors import InvalidConfiguration
from snaplift.config.previews import InvalidPreview
from snaplift.naming import InvalidName
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.lock import LockHeld, LockLost, PlanOutdated, UnreadableLock
from snaplift.promotion.offboarding import OffboardingRefused
from snaplift.promotion.pointer import UnreadablePointer
from snaplift.stacks.outputs import MissingOutput

# "You may not", in the words of AWS's services.
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "KMSAccessDeniedFault",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)
_INVALID = ("InvalidParameter", "Validation")
PERMANENT = (
    InvalidConfiguration,
    InvalidName,
    InvalidPreview,
    LockHeld,
    LockLost,
    MissingOutput,
    OffboardingRefused,
    PlanOutdated,
    PlanRefused,
    StepFailed,
    UnreadableLock,
    UnreadablePointer,
)

# What a MySQL server answers and what passes: too many connections, shutting down, waiting for a lock, a deadlock, and
# a login with a password that is just being changed. (From 2000 on it did not answer.)
PASSING = frozenset({1040, 1045, 1053, 1205, 1213, 1698})


def is_passing(error: Exception) -> bool:
    """Say whether a service, the network or a database is busy or away, so that the same try may succeed later."""
    if isinstance(error, pymysql.err.MySQLError):
        return not is_permanent(error)
    return is_transient(error)


def explain(error: Exception) -> str:
    """Say what went wrong and, where AWS or botocore only says what it is, what to do."""
    said = sentence(error)
    if isinstance(error, ClientError) and code(error) in DENIED:
        return (
            f"{said}. The credentials of this place lack a permission for {error.operation_name}: compare their "
            "policies with orchestrator-*.json of 'snaplift render', and the key's policy, then promote again"
        )
    if isinstance(error, NoCredentialsError | NoRegionError):
        return f"{said}: give the platform a connection, or the workers credentials and a region"
    refused = isinstance(error, ClientError) and code(error).startswith(_INVALID)
    if refused or isinstance(error, ParamValidationError):
        return f"{said}. It is a value of the tenant's file or of platforms.yaml: correct it, then promote again"
    return said


def is_permanent(error: Exception) -> bool:
    """Say whether the same try would fail again."""
    if isinstance(error, ClientError):
        return not is_transient(error)
    if isinstance(error, WRONG_HERE):
        return True
    if isinstance(error, pymysql.err.MySQLError):
        number = error.args[0] if error.args else 0
        return isinstance(number, int) and 1000 <= number < 2000 and number not in PASSING
    return isinstance(error, PERMANENT)
