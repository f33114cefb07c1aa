"""A person says yes to the plan, where the environment asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from snaplift.aws.operators.promotion import planned

if TYPE_CHECKING:
    from airflow.sdk import Context


class ApprovePlanOperator(ApprovalOperator):
    """Show the plan and wait for an answer; go on at once where none is asked for.

    Nothing is held while it waits. A refusal fails the run, and so does no answer in time. A dry run ends here: the
    provider's operator knows neither a plan nor that some environments ask nobody.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="Promote?",
            body="{{ ti.xcom_pull(task_ids='plan', key='summary') }}",
            fail_on_reject=True,
            # A rejection that is retried would be asked again.
            retries=0,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        plan = planned(context)
        if plan.dry_run:
            raise AirflowSkipException("a dry run: the plan is all")
        approval = plan.approval
        if approval is None:
            self.log.info("%s asks for no approval", plan.name)
            return None
        self.subject = f"Promote to {plan.name}{', and discard what was written there' * plan.asks_to_discard}?"
        self.response_timeout = approval.timeout
        self.assigned_users = [{"id": user, "name": user} for user in approval.users] or None
        return super().execute(context)
