"""The operator of a refresh's DAG that a promotion has not: its plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snaplift.aws.operators.promotion import PlanOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done


class PlanRefreshOperator(PlanOperator):
    """Decide what a refresh will do. What no masking is configured for is refused here, before anything is made."""

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps.plan import make_plan
        from snaplift.config.loading import load_tenant_named
        from snaplift.promotion.choosing import Request

        platforms, params = self.platforms(), context["params"]
        request = Request(
            environment=str(params["environment"]),
            refresh_from=str(params["from"] or ""),
            build=str(params["build"] or ""),
            dry_run=bool(params["dry_run"]),
            asked_at=context["dag_run"].run_after,
        )
        tenant = load_tenant_named(Path(self.configuration), self.tenant, platforms)
        return self.show(context, make_plan(request, self.run_of(context), platforms, tenant))
