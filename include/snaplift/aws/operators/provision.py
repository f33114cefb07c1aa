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
    """Make a namespace's stack and its pointer."""

    operator_extra_links = links_of_step("namespace")

    def advance(self, context: Context) -> Wait | Done:
        from snaplift.aws.steps.provision import provision_namespace
        from snaplift.config.loading import load_tenant_named

        platforms = self.platforms()
        tenant = load_tenant_named(Path(self.configuration), self.tenant, platforms)
        environment = str(context["params"]["environment"])
        if environment in tenant.environments:
            platform = tenant.environments[environment].platform
            self.place = Place.of(platform, platforms.platforms[platform])
        return provision_namespace(platforms, tenant, environment, self.run_of(context))
