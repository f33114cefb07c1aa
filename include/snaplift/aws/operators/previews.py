"""The operators of a preview's DAGs: make its namespace, plan its promotion, take it away again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from snaplift.aws.links.outcome import links_of_step
from snaplift.aws.operators.base import AdvancingOperator
from snaplift.aws.operators.promotion import PlanOperator, TenantOperator
from snaplift.promotion.plan import Place

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.config.platform import Platforms
    from snaplift.config.tenant import Tenant
    from snaplift.promotion.wait import Wait


MOST: Final = 200
"""Previews that one run takes away: Airflow maps a task over 1,024 things at most, and the next run comes soon."""


def load_with_preview(configuration: str, name: str, platforms: Platforms, context: Context) -> Tenant:
    """Read the tenant's file, and put the preview that is asked for among its environments.

    :raises InvalidPreview: there can be none.
    """
    from snaplift.config.loading import load_tenant_named

    params, tenant = context["params"], load_tenant_named(Path(configuration), name, platforms)
    # New data are those where data is authored, whichever environment's release was shown else.
    shown = tenant.first if params["release"] == "new" else str(params["environment"])
    return tenant.with_preview(str(params["name"]), shown)


class PreviewNamespaceOperator(TenantOperator):
    """Make a preview's pointer and stack, with the time that it has; prolong one that stands."""

    operator_extra_links = links_of_step("namespace")

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.previews import provision_preview
        from snaplift.config.previews import InvalidPreview
        from snaplift.promotion.previews import time_to_live

        platforms, name = self.platforms(), str(context["params"][self.named_by])
        tenant = load_with_preview(self.configuration, self.tenant, platforms, context)
        if tenant.previews is None:
            raise InvalidPreview(f"{self.tenant} has no previews: its file says nothing of them")
        platform = tenant.environments[name].platform
        self.place = Place.of(platform, platforms.platforms[platform])
        ttl = time_to_live(tenant.previews, str(context["params"]["ttl"] or ""))
        return provision_preview(platforms, tenant, name, ttl, self.run_of(context))


class PlanPreviewOperator(PlanOperator):
    """Decide what a preview's promotion will do. The plan carries the tenant with the preview in it."""

    def advance(self, context: Context) -> Done:
        from snaplift.aws.steps.plan import make_plan
        from snaplift.promotion.choosing import Request

        platforms, params = self.platforms(), context["params"]
        tenant = load_with_preview(self.configuration, self.tenant, platforms, context)
        request = Request(
            environment=str(params[self.named_by]),
            release=str(params["release"]),
            build=str(params["build"] or ""),
            asked_at=context["dag_run"].run_after,
        )
        return self.show(context, make_plan(request, self.run_of(context), platforms, tenant))


class DismantlingOperator(AdvancingOperator):
    """Takes namespaces away. An error that stays gives the lock back: nobody has to wait for this run's end."""

    operator_extra_links = links_of_step("dismantle")

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        result = super().execute(context, event)
        if "dismantled" in result:
            self._forget_inventory(context)
        return result

    def _forget_inventory(self, context: Context) -> None:
        """What is gone is in no inventory. It never fails a task."""
        try:
            from snaplift.aws.operators.inventory import forget

            for namespace in self.namespaces(context):
                forget(namespace)
        except Exception as error:
            self.log.warning("the inventory was not told what is gone: %s", error)

    def on_failure(self, context: Context, error: Exception) -> None:
        from snaplift.aws.failures import is_permanent
        from snaplift.aws.steps.dismantle import give_back

        if not is_permanent(error):
            return
        for namespace in self.namespaces(context):
            try:
                give_back(self.platforms(), namespace, self.run_of(context))
            except Exception as second:
                self.log.warning("the lock of %s was not given back, fleet.recover does it: %s", namespace, second)

    def namespaces(self, context: Context) -> list[str]:
        """What this task may hold the locks of."""
        raise NotImplementedError


class RemovePreviewOperator(DismantlingOperator, TenantOperator):
    """Take one preview away, whether its time is up or not."""

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.operators.metadata import this_airflow
        from snaplift.aws.steps.previews import remove_preview

        return remove_preview(self.platforms(), self.namespace(context), self.run_of(context), this_airflow())

    def namespaces(self, context: Context) -> list[str]:
        return [self.namespace(context)]


class FindExpiredOperator(AdvancingOperator):
    """List the previews whose time is up, over all platforms; the list is the task's XCom."""

    def execute(self, context: Context, event: dict[str, str] | None = None) -> Any:
        return super().execute(context, event)["previews"]

    def advance(self, context: Context) -> Done:  # noqa: ARG002  # Airflow's signature
        from snaplift.aws.steps.previews import find_expired
        from snaplift.aws.steps.promotion import Done

        leads = find_expired(self.platforms())[:MOST]
        for lead in leads:
            self.log.info("%s: %s", lead.namespace or lead.platform, lead.why)
        return Done({"previews": [lead.model_dump() for lead in leads]})


class ExpireOperator(DismantlingOperator):
    """Take one preview away whose time is up.

    :param preview: one of what :class:`FindExpiredOperator` found.
    """

    def __init__(self, *, preview: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.preview = preview

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.operators.metadata import this_airflow
        from snaplift.aws.steps.previews import Lead, remove_expired

        lead = Lead.model_validate(self.preview)
        return remove_expired(self.platforms(), lead, self.run_of(context), this_airflow())

    def namespaces(self, context: Context) -> list[str]:  # noqa: ARG002  # the base's signature
        return [self.preview["namespace"]] if self.preview["namespace"] else []
