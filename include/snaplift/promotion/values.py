"""Values that a configuration may refer to: ``${site_url}`` in texts, ``%(site_url)s`` in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion.plan import Plan


def site_url(platforms: Platforms, tenant: Tenant, environment: str) -> str:
    """The address at which an environment's site is reached, without a slash at its end."""
    if existing := tenant.environments[environment].existing:
        return existing.url
    platform = platforms.platforms[tenant.environments[environment].platform]
    host = naming.Namespace(naming.Tenant.parse(tenant.tenant), environment).host(platform.domain)
    scheme, port = platform.listener.protocol.lower(), platform.listener.port
    return f"{scheme}://{host}" if (scheme, port) in {("http", 80), ("https", 443)} else f"{scheme}://{host}:{port}"


def values_of(plan: Plan) -> dict[str, str]:
    """Everything that a text may refer to in a promotion."""
    source = plan.source.environment if plan.mode == "refresh" and plan.source else None
    return values(plan.platforms, plan.tenant, plan.environment, plan.release, source)


def values(
    platforms: Platforms, tenant: Tenant, environment: str, release: str | None, source: str | None = None
) -> dict[str, str]:
    """Everything that a text of the tenant's configuration may refer to in this environment.

    :param source: where the data are brought down from; None: they came through what is above it.
    """
    through = tenant.way_to(source) if source else tenant.way_to(environment)
    above = [site_url(platforms, tenant, name) for name in through if name != environment]
    return {
        "site_url": site_url(platforms, tenant, environment),
        "source_urls": " ".join(above),
        "tenant": tenant.tenant,
        "environment": environment,
        "namespace": f"{tenant.tenant}-{environment}",
        "release": release or "",
        **tenant.environments[environment].variables,
    }


def fill(texts: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Put the values into every text.

    :raises KeyError: a text refers to a value that there is none of (the configuration's check finds it first).
    """
    return {name: Template(text).substitute(found) for name, text in texts.items()}
