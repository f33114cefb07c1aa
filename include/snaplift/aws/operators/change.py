"""The operators of ``<tenant>.change`` and ``platform.change``: show change sets, ask, carry them out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from snaplift.aws.links.outcome import links_of_step
from snaplift.aws.operators.promotion import SUMMARY, FinishOperator, LockOperator, TenantOperator
from snaplift.config.tenant import Approval
from snaplift.promotion.wait import Wait

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.layers import Layers
    from snaplift.aws.steps.promotion import Done
    from snaplift.config.tenant import Tenant
    from snaplift.promotion.changes import Change

SHOW = "show"
"""The task that shows what would be changed; the approval and the lock take its XCom."""


def shown(context: Context) -> Change:
    """The change that this run showed."""
    from snaplift.promotion.changes import Change

    return Change.model_validate(context["ti"].xcom_pull(task_ids=SHOW)["change"])


class _ChangeOperator(TenantOperator):
    """A task of a tenant's change; without a tenant, of a platform's."""

    def namespace(self, context: Context) -> str:
        return super().namespace(context) if self.tenant else str(context["params"]["platform"])

    def tenants_file(self) -> Tenant:
        from snaplift.config.loading import load_tenant_named

        return load_tenant_named(Path(self.configuration), self.tenant, self.platforms())

    def layers(self, context: Context) -> Layers:
        """Look at what stands, beside what the configuration says."""
        from snaplift.aws.steps.layers import layers_of_namespace, layers_of_platform

        if not self.tenant:
            return layers_of_platform(self.platforms(), self.namespace(context))
        return layers_of_namespace(self.platforms(), self.tenants_file(), str(context["params"]["environment"]))


class ShowChangesOperator(_ChangeOperator):
    """Show what the configuration would change, as change sets. Nothing is changed."""

    operator_extra_links = links_of_step(SHOW)

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.change import ChangeRefused, show
        from snaplift.aws.steps.promotion import Done
        from snaplift.promotion.changes import as_text, describe

        layers = self.layers(context)
        self.place = layers.place
        found = show(layers, self.run_of(context))
        if isinstance(found, Wait):
            return found
        stacks = found.change.stacks
        self.log.info("the changes:\n%s", as_text(stacks, found.reasons))
        context["ti"].xcom_push(key=SUMMARY, value=describe(stacks, found.reasons))
        if found.reasons:
            raise ChangeRefused(
                f"refused: {'; '.join(found.reasons)}. Nothing was changed: take this back in the configuration"
            )
        stack = {"stack": stacks[0].stack_id} if stacks else {}
        return Done({"change": found.change.model_dump(mode="json", by_alias=True), **stack})


class ApproveChangesOperator(ApprovalOperator):
    """Show the changes and wait for an answer, from those whom the environment names.

    Nothing is held while it waits. A refusal fails the run, and so does no answer in time. A run that only shows ends
    here, and so does one that found nothing to change.

    :param tenant: empty: a platform's change.
    """

    def __init__(self, *, tenant: str, configuration: str, **kwargs: Any) -> None:
        super().__init__(
            subject="Change?",
            body="{{ ti.xcom_pull(task_ids='show', key='summary') }}",
            fail_on_reject=True,
            # A rejection that is retried would be asked again.
            retries=0,
            **kwargs,
        )
        self.tenant = tenant
        self.configuration = configuration

    def execute(self, context: Context) -> Any:
        change = shown(context)
        if not change.stacks:
            raise AirflowSkipException("everything is as the configuration says")
        if context["params"]["changes"] != "apply":
            raise AirflowSkipException("it was asked for showing the changes: start it with 'apply' to make them")
        approval = self._approval(str(context["params"].get("environment", "")))
        self.subject = f"Change {', '.join(each.stack for each in change.stacks)}?"
        self.response_timeout = approval.timeout
        self.assigned_users = [{"id": user, "name": user} for user in approval.users] or None
        return super().execute(context)

    def _approval(self, environment: str) -> Approval:
        """Somebody is always asked: what runs was shown to a person before it runs."""
        from snaplift.config.loading import load_platforms, load_tenant_named

        if not self.tenant:
            return Approval()
        root = Path(self.configuration)
        tenant = load_tenant_named(root, self.tenant, load_platforms(root))
        return tenant.environments[environment].approval or Approval()


class LockChangeOperator(_ChangeOperator, LockOperator):
    """Take the lock of the namespace, or of the platform, with the change as its record."""

    operator_extra_links = ()

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.operators.metadata import this_airflow
        from snaplift.aws.steps.change import lock

        since = datetime.fromtimestamp(self.since or time.time(), UTC)
        return lock(shown(context), airflow=this_airflow(), limit=self._limit(context), since=since)

    def _limit(self, context: Context) -> timedelta:
        from snaplift.stacks.settings import EnvironmentSettings

        if not self.tenant:
            return timedelta(0)
        environment = str(context["params"]["environment"])
        return EnvironmentSettings.of(self.platforms(), self.tenants_file(), environment).lock_wait


class ApplyChangesOperator(_ChangeOperator):
    """Execute the change sets that were shown, by the lock's record."""

    operator_extra_links = links_of_step("apply")

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.change import apply

        return apply(self.platforms(), self.namespace(context), self.run_of(context))

    def on_failure(self, context: Context, error: Exception) -> None:
        self.note(context, error)


class FinishChangeOperator(_ChangeOperator, FinishOperator):
    """The one teardown: wait for what was begun, delete what was not, give the lock back."""

    operator_extra_links = ()

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.errors import StepFailed
        from snaplift.aws.steps.change import finish, forget

        outcome = finish(self.platforms(), self.namespace(context), self.run_of(context))
        if isinstance(outcome, Wait) or not outcome.skipped:
            return outcome
        failed = self._failed(context)
        forget(self.layers(context), self.run_of(context))
        if failed:
            # The teardown's colour is the run's: a change that was refused must not end green.
            raise StepFailed(f"{outcome.skipped}. {', '.join(failed)} failed, whose log says why")
        return outcome
