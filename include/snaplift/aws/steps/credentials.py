"""credentials: the copy is opened by its own application account, and by none that came with it."""

from __future__ import annotations

import logging

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks import mysql
from snaplift.aws.steps import marks
from snaplift.aws.steps.promotion import Done, Promotion

log = logging.getLogger(__name__)


def server(promotion: Promotion) -> mysql.Server:
    """Where the candidate answers."""
    found = promotion.database()
    return mysql.Server(found.host, found.port, promotion.plan.tenant.database.name)


def master(promotion: Promotion) -> mysql.Credentials:
    """The candidate's master user, whose password RDS made and keeps changing."""
    return promotion.aws.credentials.credentials(promotion.database().master_secret_arn)


def advance(promotion: Promotion) -> Done:
    """Replace the application's account, then try both: the new one opens the copy, the source's does not.

    :raises StepFailed: a login does what it should not.
    """
    if skipped := promotion.plan.left_out.get("credentials"):
        return Done(skipped=skipped)
    application = promotion.aws.credentials.credentials(promotion.database().application_secret_arn)
    where = server(promotion)
    dropped = mysql.replace_application_users(where, master(promotion), application, promotion.fence.check)
    log.info("dropped %d accounts that came with the data; %s is the application's", len(dropped), application.username)
    if not mysql.opens(where, application):
        raise StepFailed(f"the application's new account does not open {where.host}: look at its grants")
    source = promotion.plan.source
    if source is not None and source.secret is not None:
        if mysql.opens(where, promotion.source.credentials.credentials(source.secret)):
            raise StepFailed(f"the credentials of {source.instance} open {where.host}: it would not be separate")
        log.info("the credentials of %s are refused", source.instance)
    promotion.aws.databases.tag(marks.candidate(promotion), {marks.CREDENTIALS: application.username})
    return Done({"account": application.username, "dropped": dropped})
