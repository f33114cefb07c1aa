"""What an environment has: the tenant's settings with the environment's own put over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from snaplift import naming
from snaplift.config.platform import Platform, Platforms
from snaplift.config.service import ExistingService
from snaplift.config.tenant import Database, Environment, Retention, Service, Tenant


class UnknownEnvironment(LookupError):
    """A tenant has no such environment, or its environment names no platform of this installation."""


@dataclass(frozen=True)
class EnvironmentSettings:
    """One environment of a tenant, as its stacks are made of it."""

    installation: str
    platform_name: str
    platform: Platform
    namespace: naming.Namespace
    database: Database
    service: Service
    retention: Retention
    lock_wait: timedelta
    existing: ExistingService | None = None
    """The site that stands already."""

    @classmethod
    def of(cls, platforms: Platforms, tenant: Tenant, environment: str) -> EnvironmentSettings:
        """Merge what the files say of one environment.

        :raises UnknownEnvironment: there is no such environment or platform; the message says which there are.
        """
        found = _environment(tenant, environment)
        platform = platforms.platforms.get(found.platform)
        if platform is None:
            known = ", ".join(platforms.platforms)
            raise UnknownEnvironment(f"{tenant.tenant}: {environment} is on {found.platform!r}, not one of {known}")
        parameters = {**tenant.database.parameters, **(found.database.parameters or {})}
        database = {**found.database.model_dump(exclude_none=True), "parameters": parameters}
        return cls(
            installation=platforms.installation,
            platform_name=found.platform,
            platform=platform,
            namespace=naming.Namespace(naming.Tenant.parse(tenant.tenant), environment),
            database=tenant.database.model_copy(update=database),
            service=tenant.service.model_copy(update=found.service.model_dump(exclude_none=True)),
            retention=found.retention or tenant.retention,
            lock_wait=tenant.lock_wait if found.lock_wait is None else found.lock_wait,
            existing=found.existing,
        )

    @property
    def entry_port(self) -> int:
        """The port on which the load balancer reaches a task."""
        port = self.service.containers[self.service.entry_container].port
        assert port is not None  # the configuration's own rule: an entry has a port
        return port

    @property
    def engine_family(self) -> str:
        """The family of parameter groups that the database takes, ``mariadb10.11``."""
        return self.database.engine + ".".join(self.database.version.split(".")[:2])

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The variables whose values are generated; containers that name the same one share its value."""
        return tuple(sorted({name for container in self.service.containers.values() for name in container.secrets}))

    @property
    def repositories(self) -> tuple[str, ...]:
        """The image repositories of the service, without a tag."""
        return tuple(sorted({container.image for container in self.service.containers.values()}))


def _environment(tenant: Tenant, name: str) -> Environment:
    if found := tenant.environments.get(name):
        return found
    raise UnknownEnvironment(f"{tenant.tenant} has no environment {name!r}, only {', '.join(tenant.environments)}")
