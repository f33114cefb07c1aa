"""Which errors end a task, which are worth another try, and which mean that there is no such thing."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from snaplift.aws.errors import StepFailed, WaitFailed, absent_is_none, is_transient
from snaplift.aws.failures import explain, is_passing, is_permanent
from snaplift.aws.hooks.ssm import PointerMissing, PointerMoved
from snaplift.aws.steps.finish import Aborted
from snaplift.config.errors import ConfigError, InvalidConfiguration
from snaplift.naming import InvalidName
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.deployment import NotConfirmed
from snaplift.promotion.lock import LockHeld, LockLost, PlanOutdated
from snaplift.promotion.pointer import UnreadablePointer
from snaplift.stacks.outputs import MissingOutput
from tests.unit.aws.conftest import client_error

PASSING = ["Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "InternalFailure"]


@pytest.mark.parametrize("code", PASSING)
def test_s27_throttling_is_worth_another_try(code: str) -> None:
    assert is_transient(client_error(code))
    assert not is_permanent(client_error(code))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_servers_failure_is_worth_another_try_whatever_its_code(status: int) -> None:
    assert is_transient(client_error("Odd", status=status))


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied", "InvalidParameterValue", "NotFound"])
def test_a_request_that_aws_refuses_fails_again(code: str) -> None:
    assert not is_transient(client_error(code))
    assert is_permanent(client_error(code))


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_s36_a_session_that_expired_is_worth_another_try_with_a_new_one(code: str) -> None:
    assert is_transient(client_error(code))


@pytest.mark.parametrize("code", ["InvalidDBInstanceState", "InvalidDBInstanceStateFault"])
def test_s20_a_state_that_an_instance_went_into_meanwhile_passes(code: str) -> None:
    assert is_transient(client_error(code))


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://rds"),
        ReadTimeoutError(endpoint_url="https://rds"),
        ConnectTimeoutError(endpoint_url="https://rds"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_a_network_that_fails_is_worth_another_try(error: Exception) -> None:
    assert is_transient(error)
    assert not is_permanent(error)


def test_s14_an_answer_that_cannot_be_read_is_worth_another_try() -> None:
    assert is_transient(ResponseParserError("invalid XML received"))


def test_s14_an_answer_that_was_cut_short_is_worth_another_try() -> None:
    assert is_transient(IncompleteReadError(actual_bytes=9, expected_bytes=18))


def test_a_value_that_botocore_refuses_fails_again() -> None:
    assert is_permanent(ParamValidationError(report="no"))


@pytest.mark.parametrize("error", [ParamValidationError(report="no"), NoCredentialsError(), KeyError("x")])
def test_what_is_wrong_here_does_not_pass_by_waiting(error: Exception) -> None:
    assert not is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        StepFailed("x"),
        WaitFailed("x"),
        Aborted("x"),
        PointerMissing("x"),
        PointerMoved("x"),
        InvalidConfiguration([ConfigError("f", 1, 1, "", "x")]),
        InvalidName("x"),
        LockHeld("x"),
        LockLost("x"),
        MissingOutput("x"),
        PlanOutdated("x"),
        PlanRefused(["x"]),
        UnreadablePointer("x"),
    ],
)
def test_what_was_decided_fails_again(error: Exception) -> None:
    assert is_permanent(error)


def test_what_is_not_confirmed_yet_is_asked_again() -> None:
    assert not is_permanent(NotConfirmed("x"))


@pytest.mark.parametrize(
    "error",
    [
        pymysql.err.ProgrammingError(1146, "Table 'x' doesn't exist"),
        pymysql.err.OperationalError(1054, "Unknown column"),
        pymysql.err.IntegrityError(1062, "Duplicate entry"),
        pymysql.err.DataError(1406, "Data too long"),
    ],
)
def test_a_statement_that_the_database_refuses_fails_again(error: Exception) -> None:
    assert is_permanent(error)


@pytest.mark.parametrize("number", [2003, 2006, 2013, 1040, 1045, 1205, 1213])
def test_a_database_that_does_not_answer_or_is_busy_is_asked_again(number: int) -> None:
    assert not is_permanent(pymysql.err.OperationalError(number, "x"))


def test_s15_only_the_errors_that_say_so_mean_an_absence() -> None:
    def look(error: Exception | None) -> Any:
        with absent_is_none("NotFound"):
            if error:
                raise error
            return "found"
        return None

    assert look(None) == "found"
    assert look(client_error("NotFound")) is None
    for other in (client_error("AccessDenied"), client_error("Throttling"), TimeoutError()):
        with pytest.raises(type(other)):
            look(other)


# -- what is said ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_refused_call_is_told_with_what_permission_it_needs_and_where_to_look(code: str) -> None:
    said = explain(client_error(code, "User: x is not authorized to perform: rds:CreateDBSnapshot"))
    assert "not authorized to perform: rds:CreateDBSnapshot. The credentials of this place lack a permission" in said
    assert "orchestrator-*.json of 'snaplift render'" in said


@pytest.mark.parametrize(
    "error",
    [
        client_error("ValidationError", "Template format error"),
        client_error("InvalidParameterValue", "Invalid storage size"),
        ParamValidationError(report="Invalid type for parameter"),
    ],
)
def test_a_refused_value_is_told_with_where_it_comes_from(error: Exception) -> None:
    assert explain(error) == (
        f"{error}. It is a value of the tenant's file or of platforms.yaml: correct it, then promote again"
    )


def test_missing_credentials_are_told_with_where_they_come_from() -> None:
    assert explain(NoCredentialsError()).endswith(
        "give the platform a connection, or the workers credentials and a region"
    )


@pytest.mark.parametrize("error", [StepFailed("snapshot x is gone: plan again"), client_error("DBInstanceNotFound")])
def test_what_says_enough_is_left_as_it_is(error: Exception) -> None:
    assert explain(error) == str(error)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (client_error("Throttling"), True),
        (TimeoutError(), True),
        (pymysql.err.OperationalError(2013, "Lost connection"), True),
        (pymysql.err.OperationalError(1040, "Too many connections"), True),
        (pymysql.err.ProgrammingError(1146, "Table 'x' doesn't exist"), False),
        (client_error("AccessDenied"), False),
        (NotConfirmed("x"), False),
        (KeyError("x"), False),
    ],
)
def test_what_is_busy_or_away_passes(error: Exception, passes: bool) -> None:
    assert is_passing(error) is passes
