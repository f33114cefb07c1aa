"""What can go wrong in AWS, sorted by what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    UnknownServiceError,
)
from botocore.parsers import ResponseParserError

# Worth another try later: the request was not wrong. (botocore retries them itself first, a few times.)
TRANSIENT = frozenset(
    {
        "ExpiredToken",  # a session's end: the next try has a new session
        "ExpiredTokenException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "InvalidDBInstanceState",  # it began to back up, or to change, after it was looked at
        "InvalidDBInstanceStateFault",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServerException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
    }
)
# Of what botocore raises without having asked: what is wrong is here, and stays so.
WRONG_HERE = (NoRegionError, ParamValidationError, UnknownServiceError)


class StepFailed(RuntimeError):
    """A step cannot succeed, however often it is tried; the message says why and what to do."""


class WaitFailed(StepFailed):
    """What was waited for went wrong, vanished or took too long."""


def sentence(error: Exception) -> str:
    """What an error says, with what was noted on it on its way."""
    return " ".join([str(error), *getattr(error, "__notes__", ())])


def code(error: ClientError) -> str:
    """AWS's code for an error, ``DBInstanceNotFound``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    """AWS's words for an error."""
    return str(error.response.get("Error", {}).get("Message", ""))


def is_transient(error: Exception) -> bool:
    """Say whether the same request may succeed later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or code(error) in TRANSIENT
    if isinstance(error, (NoCredentialsError, *WRONG_HERE)):
        return False
    return isinstance(error, BotoCoreError | OSError | ResponseParserError)


@contextmanager
def absent_is_none(*codes: str) -> Iterator[None]:
    """Swallow the errors by which a service says that there is no such thing, and no other."""
    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise
