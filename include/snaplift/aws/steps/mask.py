"""mask: what may not be in a lower environment goes out of the copy, before anybody can reach it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.failures import PASSING
from snaplift.aws.hooks import mysql
from snaplift.aws.steps import marks
from snaplift.aws.steps.applying import Series, apply
from snaplift.aws.steps.credentials import server
from snaplift.aws.steps.promotion import RESTORE, Done, Promotion
from snaplift.config.tenant import MaskingCheck
from snaplift.promotion.values import values_of
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)

CLIENT_ERRORS = range(2000, 3000)
"""Of the client library: there is no server, or it went away."""


def advance(promotion: Promotion) -> Wait | Done:
    """Mask the copy, be sure that it is, and only then let anything of it be kept.

    :raises StepFailed: something went wrong, a check failed, or what may not be repeated was interrupted.
    """
    # troposphere takes a while to import, and only a refresh needs it here.
    from snaplift.stacks.database import BACKUPS_KEPT_DAYS

    masking = promotion.plan.masking
    if masking is None:
        return Done(skipped="only a refresh masks")
    instance = marks.candidate(promotion)
    if not marks.is_masked(promotion, instance):
        if marks.CREDENTIALS not in instance.tags:
            raise StepFailed(f"{instance.identifier} has not been through 'credentials': clear that task")
        series = Series("mask", naming.MASK_TAG, f"{promotion.plan.run.hash}/")
        for number, item in enumerate(masking.steps):
            with _no_data_told(f"masking.steps[{number}]"):
                wait = apply(promotion, series, number, item)
            if wait:
                return wait
        for check in masking.checks:
            _check(promotion, check)
        promotion.aws.databases.tag(instance, {naming.MASK_TAG: marks.masked(promotion)})
    if wait := promotion.aws.databases.ensure_backups(marks.candidate(promotion), BACKUPS_KEPT_DAYS, RESTORE):
        return wait
    return Done({"steps": len(masking.steps), "checks": len(masking.checks)})


def _check(promotion: Promotion, check: MaskingCheck) -> None:
    application = promotion.aws.credentials.credentials(promotion.database().application_secret_arn)
    try:
        with _no_data_told(f"masking check '{check.sql}'"):
            found = mysql.number(server(promotion), application, check.sql, values_of(promotion.plan))
    except ValueError as error:
        raise StepFailed(f"masking check '{check.sql}': {error}") from None
    log.info("%s: %d", check.sql, found)
    if found != check.equals:
        raise StepFailed(f"masking check '{check.sql}' gave {found}: expected {check.equals}")


@contextmanager
def _no_data_told(what: str) -> Iterator[None]:
    """Keep a server's words out of every log: they quote the row that they are about."""
    try:
        yield
    except pymysql.err.MySQLError as error:
        number = error.args[0] if error.args else "none"
        if number in CLIENT_ERRORS or number in PASSING:  # of the connection, or the server's state, and of no row
            raise
        raise StepFailed(
            f"{what} was refused by the database with error {number} ({type(error).__name__}). What it says is not "
            "shown, since it may quote data: try the statement on a copy"
        ) from None
