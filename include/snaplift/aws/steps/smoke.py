"""smoke: the tenant's checks, before any user sees the release; then the database opens to the service."""

from __future__ import annotations

import http.client
import logging
from datetime import timedelta
from urllib.parse import urlsplit

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks import mysql
from snaplift.aws.steps import marks
from snaplift.aws.steps.credentials import server
from snaplift.aws.steps.job import ensure_revision, job, run_command, token
from snaplift.aws.steps.promotion import Done, Promotion
from snaplift.aws.steps.writes import keep_fingerprint
from snaplift.config.tenant import Command, SmokeHttp, SmokeSql
from snaplift.promotion.values import fill, site_url, values_of
from snaplift.promotion.wait import Wait

log = logging.getLogger(__name__)

SERVING = "smoke"
START = timedelta(minutes=15)


def advance(promotion: Promotion) -> Wait | Done:
    """Check the candidate; a failed check ends the promotion.

    An adopted revision is asked by SQL alone: its tasks are in the site's own security groups, which let nobody in but
    the load balancer.

    :raises StepFailed: says which check failed, and how.
    """
    plan = promotion.plan
    instance, passed = marks.candidate(promotion), marks.passed(promotion, ensure_revision(promotion))
    marks.check_prepared(promotion, instance)
    if instance.tags.get(marks.SMOKE) != passed:
        for number, check in enumerate(plan.tenant.smoke):
            if wait := _check(promotion, number, check):
                return wait
        promotion.aws.databases.tag(instance, {marks.SMOKE: passed})
    # After the mark: a try that finds its task stopped, but no mark, would take the check for failed.
    promotion.aws.services.stop_job(promotion.cluster, token(promotion, SERVING))
    if wait := _wait_stopped(promotion):
        return wait
    keep_fingerprint(promotion)
    _open(promotion)
    return Done({"checks": len(plan.tenant.smoke)}, skipped=plan.left_out.get("smoke", ""))


def _check(promotion: Promotion, number: int, check: SmokeSql | SmokeHttp | Command) -> Wait | None:
    if isinstance(check, SmokeSql):
        _check_sql(promotion, check)
        return None
    if (taken_up := promotion.plan.reuses) is not None and taken_up.adopted:
        log.info("%s was adopted, and served before: it is asked by SQL alone", taken_up.name)
        return None
    if isinstance(check, SmokeHttp):
        return _check_http(promotion, check)
    outcome = run_command(promotion, f"smoke-{number}", check)
    return outcome if isinstance(outcome, Wait) else None


def _check_sql(promotion: Promotion, check: SmokeSql) -> None:
    application = promotion.aws.credentials.credentials(promotion.database().application_secret_arn)
    try:
        found = mysql.number(server(promotion), application, check.sql, values_of(promotion.plan))
    except ValueError as error:
        raise StepFailed(f"smoke check '{check.sql}': {error}") from None
    log.info("%s: %d", check.sql, found)
    if found < check.at_least:
        raise StepFailed(f"smoke check '{check.sql}' gave {found}: expected at least {check.at_least}")


def _check_http(promotion: Promotion, check: SmokeHttp) -> Wait | None:
    """Ask a one-off task of the candidate's revision, which is in no target group."""
    plan = promotion.plan
    wanted = job(promotion, SERVING, None)
    task = promotion.aws.services.ensure_job(wanted)
    if task.status != "RUNNING" or task.address is None:
        return promotion.aws.services.wait_task(promotion.cluster, task, running=True, timeout=START)
    host = urlsplit(site_url(plan.platforms, plan.tenant, plan.environment)).netloc
    status, body = _ask(task.address, plan.effective.entry_port, check.path, host)
    if status != check.status:
        return promotion.aws.services.wait(
            "http",
            f"http://{task.address}:{plan.effective.entry_port}{check.path}",
            scope=host,
            done=(str(check.status),),
            timeout=check.timeout,
            interval=timedelta(seconds=2),
        )
    if check.contains is not None:
        [wanted_text] = fill({"": check.contains}, values_of(promotion.plan)).values()
        if wanted_text not in body:
            log.warning("%s answered %d characters, beginning with:\n%s", check.path, len(body), body[:500])
            raise StepFailed(f"smoke check {check.path}: the answer does not contain '{wanted_text}'")
    log.info("%s: %d", check.path, status)
    return None


def _ask(address: str, port: int, path: str, host: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, port, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        log.info("%s: no answer yet (%s)", path, error)
        return 0, ""
    finally:
        connection.close()


def _wait_stopped(promotion: Promotion) -> Wait | None:
    """The task that the checks asked may write until it has stopped: that is no visitor's write."""
    services = promotion.aws.services
    for arn in services.tasks(promotion.cluster, started_by=token(promotion, SERVING)):
        task = services.task(promotion.cluster, arn)
        if task is not None and task.status != "STOPPED":
            return services.wait_task(promotion.cluster, task, running=False, timeout=START)
    return None


def _open(promotion: Promotion) -> None:
    plan, database = promotion.plan, promotion.database()
    if plan.reuses is not None and plan.reuses.adopted:  # it is open to the service that it was adopted with
        return
    for group in plan.service_groups:
        promotion.aws.network.allow(
            database.security_group_id,
            from_group=group,
            port=database.port,
            description="the service",
            tags=plan.tags,
        )
