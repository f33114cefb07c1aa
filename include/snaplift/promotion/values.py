"""Values that a configuration may refer to: ``${site_url}`` in texts, ``%(site_url)s`` in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant


def site_url(platforms: Platforms, tenant: Tenant, environment: str) -> str:
    """The address at which an environment's site is reached, without a slash at its end."""
    if existing := tenant.environments[environment].existing:
        return existing.url
    platform = platforms.platforms[tenant.environments[environment].platform]
    host = naming.Namespace(naming.Tenant.parse(tenant.tenant), environment).host(platform.domain)
    scheme, port = platform.listener.protocol.lower(), platform.listener.port
    return f"{scheme}://{host}" if (scheme, port) in {("http", 80), ("https", 443)} else f"{scheme}://{host}:{port}"


def values(platforms: Platforms, tenant: Tenant, environment: str, release: str | None) -> dict[str, str]:
    """Everything that a text of the tenant's configuration may refer to in this environment."""
    above = []
    name = tenant.environments[environment].promoted_from
    while name is not None:
        above.append(site_url(platforms, tenant, name))
        name = tenant.environments[name].promoted_from
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
