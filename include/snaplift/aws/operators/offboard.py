"""The operators of ``fleet.offboard``: say what is to go, ask a person, take it away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from snaplift.aws.operators.base import AdvancingOperator
from snaplift.aws.operators.previews import DismantlingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.offboard import Target
    from snaplift.aws.steps.promotion import Done
    from snaplift.config.tenant import Approval
    from snaplift.promotion.wait import Wait

FIND = "find"
APPROVE = "approve"
SUMMARY = "summary"
"""The XCom that tells who is asked what is to go."""


def shown(context: Context) -> list[Target]:
    """What a person was shown, and no other: an environment that was added since stays."""
    from snaplift.aws.steps.offboard import Target

    found = (context["ti"].xcom_pull(task_ids=FIND) or {}).get("namespaces", [])
    return [Target.model_validate(each) for each in found]


class _OffboardingOperator(AdvancingOperator):
    def targets(self, context: Context) -> list[Target]:
        """Say what is to go, by the tenant's file and AWS.

        :raises OffboardingRefused: its name was not typed to confirm, or something is in the way.
        """
        from snaplift.aws.steps.offboard import find_targets
        from snaplift.config.loading import load_tenant_named
        from snaplift.promotion.offboarding import check_confirmed

        params, platforms = context["params"], self.platforms()
        check_confirmed(str(params["tenant"]), str(params["confirm"]))
        tenant = load_tenant_named(Path(self.configuration), str(params["tenant"]), platforms)
        return find_targets(platforms, tenant, str(params["environment"]))


class FindOffboardedOperator(_OffboardingOperator):
    """Say what is to go. Nothing is written to AWS."""

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps.offboard import describe
        from snaplift.aws.steps.promotion import Done

        targets = self.targets(context)
        summary = describe(self.platforms(), targets)
        self.log.info("what is to go:\n%s", summary)
        context["ti"].xcom_push(key=SUMMARY, value=summary)
        return Done({"namespaces": [target.model_dump() for target in targets]})


class ApproveRemovalOperator(ApprovalOperator):
    """Show what is to go, and wait for an answer, from those whom its environments name.

    A refusal fails the run, and so does no answer in time.
    """

    def __init__(self, *, configuration: str, **kwargs: Any) -> None:
        super().__init__(
            subject="Take {{ params.tenant }} away ({{ params.environment }})?",
            body=f"{{{{ ti.xcom_pull(task_ids='{FIND}', key='{SUMMARY}') }}}}",
            fail_on_reject=True,
            # A rejection that is retried would be asked again.
            retries=0,
            **kwargs,
        )
        self.configuration = configuration

    def execute(self, context: Context) -> Any:
        approval = self._approval(context)
        self.response_timeout = approval.timeout
        self.assigned_users = [{"id": user, "name": user} for user in approval.users] or None
        return super().execute(context)

    def _approval(self, context: Context) -> Approval:
        from snaplift.config.loading import load_platforms, load_tenant_named
        from snaplift.promotion.offboarding import approval

        root = Path(self.configuration)
        tenant = load_tenant_named(root, str(context["params"]["tenant"]), load_platforms(root))
        return approval(tenant, [target.name.environment for target in shown(context)])


class OffboardOperator(_OffboardingOperator, DismantlingOperator):
    """Take the environments away that were approved, one after the other."""

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.operators.metadata import this_airflow
        from snaplift.aws.steps.offboard import advance
        from snaplift.promotion.offboarding import check_approved

        check_approved(context["ti"].xcom_pull(task_ids=APPROVE))
        return advance(self.platforms(), shown(context), self.run_of(context), this_airflow())

    def namespaces(self, context: Context) -> list[str]:
        return [target.namespace for target in shown(context)]
