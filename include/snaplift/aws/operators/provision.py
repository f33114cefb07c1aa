"""The operators that make the layers promotions stand on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snaplift.aws.links.outcome import links_of_step
from snaplift.aws.operators.base import AdvancingOperator
from snaplift.aws.operators.promotion import TenantOperator
from snaplift.promotion.plan import Place

if TYPE_CHECKING:
    from airflow.sdk import Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.promotion.wait import Wait


class PlatformOperator(AdvancingOperator):
    """Make a platform's stack; one that stands is left as it is.

    The provider's create operator raises on a stack that exists, and waits without being deferrable.
    """

    operator_extra_links = links_of_step("stack")

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.provision import provision_platform

        platforms, name = self.platforms(), str(context["params"]["platform"])
        if name in platforms.platforms:
            self.place = Place.of(name, platforms.platforms[name])
        return provision_platform(platforms, name, self.run_of(context))


class NamespaceOperator(TenantOperator):
    """Make a namespace's stack and its pointer; with the first environment's those of the others too, if asked."""

    operator_extra_links = links_of_step("namespace")

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.promotion import Done
        from snaplift.aws.steps.provision import provision_namespace
        from snaplift.config.loading import load_tenant_named

        platforms = self.platforms()
        tenant = load_tenant_named(Path(self.configuration), self.tenant, platforms)
        environment, run = str(context["params"]["environment"]), self.run_of(context)
        if environment in tenant.environments:
            platform = tenant.environments[environment].platform
            self.place = Place.of(platform, platforms.platforms[platform])
        own = provision_namespace(platforms, tenant, environment, run)
        others = [name for name in tenant.environments if name != environment]
        if not isinstance(own, Done) or environment != tenant.first or not context["params"].get("others"):
            return own
        for name in others:  # each is left as it is where it stands, so this begins again after a wait
            try:
                outcome = provision_namespace(platforms, tenant, name, run)
            except Exception as error:
                error.add_note(f"({tenant.tenant}-{name}: start it again with 'others' off to leave that for later)")
                raise
            if not isinstance(outcome, Done):
                return outcome
        return Done({**own.result, "others": others})
