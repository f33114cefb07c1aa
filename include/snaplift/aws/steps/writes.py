"""What is written in the target between two promotions: kept track of, compared, and never lost unsaid."""

from __future__ import annotations

import logging

import pymysql
from botocore.exceptions import BotoCoreError, ClientError

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed, code
from snaplift.aws.hooks import mysql
from snaplift.aws.steps.credentials import server
from snaplift.aws.steps.promotion import Promotion
from snaplift.config.tenant import Database
from snaplift.promotion.fingerprint import Fingerprint, UnreadableFingerprint, changes
from snaplift.promotion.plan import Place
from snaplift.promotion.pointer import DatabaseReference, Revision
from snaplift.promotion.revision import reference
from snaplift.promotion.writes import Writes, come_since
from snaplift.stacks.outputs import DatabaseOutputs

log = logging.getLogger(__name__)


class _Untold(Exception):
    """Why it cannot be told what was written."""


def find_writes(
    aws: Aws, place: Place, name: naming.Namespace, active: Revision | None, settings: Database
) -> Writes | None:
    """Compare what is active in a namespace with what it was when it was activated. None: nothing is.

    :raises ClientError: AWS did not say.
    """
    if active is None or active.database is None:
        return None
    return _compare(aws, place, name, active.database, settings)


def _compare(aws: Aws, place: Place, name: naming.Namespace, database: DatabaseReference, settings: Database) -> Writes:
    try:
        activated = aws.fingerprints.find(place.lock_table, name.fingerprint(database.resource_id))
        if activated is None and database.adopted:
            raise _Untold("it was adopted: all that it holds was written there")
        if activated is None:
            raise _Untold("no fingerprint of it was taken when it was activated")
        now = _read(aws, database, settings.name)
    except (_Untold, UnreadableFingerprint) as reason:
        return Writes(database=database.name, untold=str(reason))
    return Writes.of(database.name, changes(activated, now, settings.scratch_tables))


def _read(aws: Aws, database: DatabaseReference, schema: str) -> Fingerprint:
    instance = aws.databases.instance(database.name)
    if instance is None or instance.resource_id != database.resource_id or not instance.host:
        raise _Untold(f"instance {database.name} ({database.resource_id}) is not there")
    try:
        application = aws.credentials.credentials(database.secret)
        return mysql.fingerprint(mysql.Server(instance.host, instance.port, schema), application)
    except ClientError as error:
        if code(error) not in {"ResourceNotFoundException", "InvalidRequestException"}:
            raise
        raise _Untold(f"secret {database.secret} is gone") from None
    except pymysql.err.MySQLError as error:
        raise _Untold(
            f"{database.name} does not let itself be read: {error.args[-1] if error.args else error}"
        ) from None


def keep_fingerprint(promotion: Promotion) -> None:
    """Keep what the candidate holds, the last thing before its service, and anybody's visitors, can write to it.

    At a repetition it is taken again as long as the database is closed. After that it stays as it is: what came
    since is what it is there to show.

    :raises StepFailed: it has too many tables.
    """
    plan, database = promotion.plan, promotion.database()
    # Where data is authored, nothing is ever discarded; of a database that was open before, it is kept already.
    if plan.mode in {"origin", "imported"} or plan.reuses is not None:
        return
    if _is_open(promotion, database):
        return
    application = promotion.aws.credentials.credentials(database.application_secret_arn)
    taken = mysql.fingerprint(server(promotion), application)
    key = plan.name.fingerprint(database.resource_id)
    promotion.aws.fingerprints.keep(promotion.place.lock_table, key, taken)
    log.info("%s: the fingerprint of %d tables is kept", plan.database, len(taken.tables))


def inherit_fingerprint(promotion: Promotion) -> None:
    """Compare a database that was restored from its final snapshot with what it was when it was first activated.

    It has what visitors wrote until it went, and the next promotion would lose that as well. Until it is active it is
    compared with what was restored: an abort loses no more than what came since. Where nothing is remembered it cannot
    be told from then on what was written to it.
    """
    plan = promotion.plan
    if plan.source is None or plan.source.final is None:
        return
    table, fingerprints = promotion.place.lock_table, promotion.aws.fingerprints
    key = plan.name.fingerprint(promotion.database().resource_id)
    try:
        first = fingerprints.find(table, plan.name.fingerprint(plan.source.final.resource_id))
    except UnreadableFingerprint as error:
        log.warning("%s", error)
        first = None
    if first is None:
        fingerprints.forget(table, key)
    else:
        fingerprints.keep(table, key, first)


def check_writes(promotion: Promotion) -> Writes | None:
    """Look once more, just before the target's database is out of use: was anything written that nobody gave up?

    What is written from here until the last task on that database has stopped is told afterwards, by
    :func:`count_discarded`: two databases cannot both be the one that goes on.

    :raises StepFailed: writes have come, and the environment does not allow that they are lost.
    """
    plan = promotion.plan
    if not plan.replaces:
        return None
    now = find_writes(promotion.aws, plan.place, plan.name, plan.before.active, plan.tenant.database)
    if reason := come_since(plan.writes, now, plan.target_writes):
        raise StepFailed(f"{reason} (target_writes: {plan.target_writes}): plan again")
    if now is not None and now.at_stake:
        log.info("discarded, as %s says: %s", f"target_writes: {plan.target_writes}", now)
    return now


def count_discarded(promotion: Promotion) -> str:
    """Tell what was written to the database that is out of use now, all of it. Nothing: nothing was.

    It only tells: the release is active, and nothing that goes wrong here may change that.
    """
    plan = promotion.plan
    if not plan.replaces:
        return ""
    try:
        found = find_writes(promotion.aws, plan.place, plan.name, plan.before.active, plan.tenant.database)
    except (BotoCoreError, ClientError) as error:
        log.warning("what was written to the previous database was not counted: %s", error)
        return ""
    if found is None or not found.at_stake:
        return ""
    kept = " (its final snapshot has it)" if plan.retires and plan.effective.retention.final_snapshot else ""
    log.warning("not in the new database, of what was written to %s%s: %s", found.database, kept, found)
    return str(found)


def find_candidates_writes(promotion: Promotion) -> Writes | None:
    """Tell what was written to the candidate since it opened to its service. None: it never did.

    An abort discards it, and its tasks may have served visitors by then.

    :raises ClientError: AWS did not say.
    """
    plan, aws = promotion.plan, promotion.aws
    stack = aws.stacks.find(plan.database)
    if stack is None or not stack.created or stack.run != plan.run.hash:
        return None
    outputs = DatabaseOutputs.read(stack.name, stack.outputs)
    if not _has_opened(promotion, outputs):
        return None
    return _compare(aws, plan.place, plan.name, reference(plan, outputs), plan.tenant.database)


def _has_opened(promotion: Promotion, database: DatabaseOutputs) -> bool:
    """Say whether the candidate may have been written to: a fingerprint is kept before it opens."""
    plan, aws = promotion.plan, promotion.aws
    key = plan.name.fingerprint(database.resource_id)
    if aws.fingerprints.find(promotion.place.lock_table, key) is not None:
        return True
    if plan.source is None or plan.source.final is None:
        return False
    # It may just have been forgotten, since nothing is remembered of the database that this one was restored from.
    return _is_open(promotion, database)


def _is_open(promotion: Promotion, database: DatabaseOutputs) -> bool:
    """Say whether the service reaches the candidate."""
    allows = promotion.aws.network.allows
    groups = promotion.plan.service_groups
    return any(allows(database.security_group_id, from_group=each, port=database.port) for each in groups)
