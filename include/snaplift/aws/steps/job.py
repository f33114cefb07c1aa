"""A command of the tenant's image, run as a one-off task of the candidate's revision."""

from __future__ import annotations

from datetime import timedelta

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.ecs import FoundTask, Job
from snaplift.aws.steps.promotion import Promotion
from snaplift.config.tenant import Command
from snaplift.promotion.revision import revision_tags, task_definition
from snaplift.promotion.values import fill, values_of
from snaplift.promotion.wait import Wait


def ensure_revision(promotion: Promotion) -> str:
    """Register the candidate's revision, or find it. Returns its ARN.

    An adopted revision is gone back to as it stands: nothing of ours was ever tried with its build.
    """
    plan = promotion.plan
    if plan.earlier is not None and plan.reuses is not None and plan.reuses.adopted:
        return plan.earlier.task_definition
    definition = task_definition(promotion.plan, promotion.database())
    return promotion.aws.services.ensure_revision(definition, revision_tags(promotion.plan, definition))


def job(promotion: Promotion, purpose: str, command: Command | None) -> Job:
    """Describe a one-off task; without a command it serves, as the service's tasks do."""
    plan = promotion.plan
    found = values_of(plan)
    return Job(
        cluster=promotion.cluster,
        task_definition=ensure_revision(promotion),
        container=(command.container if command else None) or plan.tenant.service.entry_container,
        command=tuple(fill(dict(enumerate_texts(command.command)), found).values()) if command else (),
        environment=fill(command.environment, found) if command else {},
        token=token(promotion, purpose),
        network=promotion.job_network(),
        tags=plan.tags,
    )


def enumerate_texts(texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Number texts, so that they can be filled as a mapping."""
    return [(str(number), text) for number, text in enumerate(texts)]


def token(promotion: Promotion, purpose: str) -> str:
    """What a one-off task is known by: the same at every try of this run."""
    return f"{promotion.plan.run.hash}-{promotion.lock.fence}-{purpose}"


def run_command(promotion: Promotion, purpose: str, command: Command) -> Wait | FoundTask:
    """Run a command to its end.

    :raises StepFailed: it did not end with 0.
    """
    wanted = job(promotion, purpose, command)
    task = promotion.aws.services.ensure_job(wanted)
    if task.status != "STOPPED":
        return promotion.aws.services.wait_task(
            promotion.cluster, task, running=False, timeout=command.timeout + timedelta(minutes=5)
        )
    if task.exit_codes.get(wanted.container) != 0:
        raise StepFailed(
            f"'{' '.join(command.command)}' ended with {task.exit_codes.get(wanted.container)}"
            f"{f' ({task.reason})' if task.reason else ''}: see log group {promotion.plan.namespace.log_group_name}, "
            f"task {task.arn.rpartition('/')[2]}"
        )
    return task
