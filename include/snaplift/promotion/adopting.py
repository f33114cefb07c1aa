"""Adoption: whether a site that was set up without snaplift can be an environment's first active revision as it stands.

Nothing of it is changed but tags, protection from deletion, and that its snapshots take its tags: none of them starts
anything again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pydantic import Field

from snaplift import naming
from snaplift.config.platform import Platforms
from snaplift.config.service import Container
from snaplift.config.tenant import Approval, Tenant
from snaplift.promotion.deployment import Service
from snaplift.promotion.plan import Frozen, Place
from snaplift.promotion.planning import Instance
from snaplift.promotion.pointer import DatabaseReference, Pointer, Revision
from snaplift.promotion.run import Run
from snaplift.stacks.settings import EnvironmentSettings


class AdoptionRefused(ValueError):
    """The site cannot be adopted as it stands; the message has every reason and what to do about it."""


class AskedFor(Frozen):
    """What a person asks for."""

    environment: str
    database: str
    """The instance's identifier."""
    dry_run: bool = False


class StandingDatabase(Frozen):
    """The instance, as it was found."""

    instance: Instance
    arn: str
    host: str
    port: int
    tags: dict[str, str]
    related: tuple[str, ...] = ()
    """Its cluster, its source, its read replicas."""
    pending: tuple[str, ...] = ()
    """Changes that wait for its maintenance window: the next one that is made at once would bring them along."""


class StandingContainer(Frozen):
    """A container, as its task definition has it and its tasks run it."""

    image: str
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    """By variable ``valueFrom``."""
    digests: frozenset[str] = frozenset()
    """Of the running tasks' images; more than one: they do not run the same."""


class StandingService(Frozen):
    """The service, as it was found, with its task definition and tasks."""

    service: Service
    controller: str
    scheduling: str
    breaker: bool
    """Whether ECS itself rolls back a deployment that fails."""
    targets: tuple[tuple[str, int], ...]
    """Container and port of each target group."""
    network_mode: str
    containers: dict[str, StandingContainer]
    tags: dict[str, str]


class Site(Frozen):
    """All that an adoption rests on. None: there is none."""

    pointer: Pointer
    cluster: str
    database: StandingDatabase | None
    service: StandingService | None
    keys: dict[str, str]
    """Of the platforms' keys, by ARN the state."""
    opens: bool | None = None
    """Whether the application's credentials open the database from here; None: that could not be tried."""
    why_closed: str = ""


class Adoption(Frozen):
    """An adoption, decided."""

    version: int = 1
    run: Run
    namespace: str
    place: Place
    cluster: str
    service: str
    service_arn: str
    instance: str
    instance_arn: str
    resource_id: str
    secret: str
    """ARN of the application's credentials, which stay as they are."""
    task_definition: str
    build: dict[str, str]
    authored: bool
    """Whether data is authored there: then there is no release."""
    desired: int
    url: str
    approval: Approval | None = None
    dry_run: bool = False
    keeps_cost_tags: frozenset[str] = frozenset()
    """ARNs of what has a cost allocation tag of its own already."""

    @property
    def name(self) -> naming.Namespace:
        return naming.Namespace.parse(self.namespace)

    def revision(self, moment: datetime) -> Revision:
        """Say what the pointer will be told: from here on the data are the release of that moment."""
        return Revision(
            release=None if self.authored else str(naming.Release.at(moment)),
            build=self.build,
            database=DatabaseReference(
                name=self.instance, resource_id=self.resource_id, secret=self.secret, adopted=True
            ),
            task_definition=self.task_definition,
            run=self.run.hash,
        )

    def tags(self, arn: str, revision: Revision) -> dict[str, str]:
        """Tags of one of its things."""
        release = naming.Release(revision.release) if revision.release else None
        found = naming.tags(self.run.installation, self.name, release=release, run=self.run.hash)
        return {key: value for key, value in found.items() if key != naming.COST_TAG or arn not in self.keeps_cost_tags}

    def has_made(self, active: Revision | None) -> bool:
        """Say whether what is active is what this adoption made of the site."""
        return active is not None and active.run == self.run.hash and active.task_definition == self.task_definition


def decide(asked: AskedFor, run: Run, platforms: Platforms, tenant: Tenant, site: Site) -> Adoption:
    """Decide an adoption.

    :raises AdoptionRefused: with every reason that was found.
    """
    settings = EnvironmentSettings.of(platforms, tenant, asked.environment)
    if reasons := list(_reasons(asked, run, settings, site)):
        raise AdoptionRefused("; ".join(reasons))
    database, service, existing = site.database, site.service, settings.existing
    assert database is not None  # said above
    assert service is not None
    assert existing is not None
    secret = secret_of(settings, service)
    assert secret is not None
    tagged = ((database.arn, database.tags), (service.service.arn, service.tags))
    return Adoption(
        run=run,
        namespace=str(settings.namespace),
        place=Place.of(settings.platform_name, settings.platform),
        cluster=site.cluster,
        service=existing.service,
        service_arn=service.service.arn,
        instance=database.instance.identifier,
        instance_arn=database.arn,
        resource_id=database.instance.resource_id,
        secret=secret,
        task_definition=service.service.task_definition,
        build={name: next(iter(container.digests)) for name, container in service.containers.items()},
        authored=tenant.environments[asked.environment].promoted_from is None,
        desired=service.service.desired,
        url=existing.url,
        approval=tenant.environments[asked.environment].approval,
        dry_run=asked.dry_run,
        keeps_cost_tags=frozenset(arn for arn, tags in tagged if naming.COST_TAG in tags),
    )


def secret_of(settings: EnvironmentSettings, found: StandingService) -> str | None:
    """Find the secret that every container with a database takes its credentials from. None: there is no such one."""
    arns = set()
    for name, wanted in settings.service.containers.items():
        if wanted.database and (container := found.containers.get(name)):
            arns |= {
                _secret_with(container.secrets.get(wanted.database.username, ""), "username"),
                _secret_with(container.secrets.get(wanted.database.password, ""), "password"),
            }
    return next(iter(arns)) if len(arns) == 1 else None


SECRET_PARTS: Final = 7
"""Of a secret's own ARN; behind it a task definition may say a key of its content."""


def _secret_with(value_from: str, key: str) -> str | None:
    """Read the ARN off ``arn:aws:secretsmanager:…:secret:shop-a1b2c3:username::``."""
    parts = value_from.split(":")
    if len(parts) <= SECRET_PARTS or parts[2] != "secretsmanager" or parts[SECRET_PARTS] != key:
        return None
    return ":".join(parts[:SECRET_PARTS])


def _reasons(asked: AskedFor, run: Run, settings: EnvironmentSettings, site: Site) -> Iterator[str]:
    name = settings.namespace
    if settings.existing is None:
        yield (
            f"the tenant's file does not say which service {name} goes on with: write 'existing' with 'service' and "
            f"'url' under environments: {name.environment}"
        )
        return
    active = site.pointer.active
    if active is not None and active.run != run.hash:
        yield f"{name} has an active release already ({active.release or 'origin'}): nothing is adopted over it"
    if site.pointer.candidate is not None:
        yield f"the pointer of {name} names a candidate: that promotion has not been ended"
    if site.database is None:
        yield f"there is no instance {asked.database} in {settings.platform.account}, {settings.platform.region}"
    else:
        yield from _reasons_of_database(site.database, run, settings, site)
    if site.service is None:
        yield f"there is no service {settings.existing.service} in cluster {site.cluster}"
    else:
        yield from _reasons_of_service(site.service, run, settings)
    if site.database is not None and site.service is not None:
        yield from _reasons_of_both(site.database, site.service, settings, site)


def _reasons_of_database(found: StandingDatabase, run: Run, settings: EnvironmentSettings, site: Site) -> Iterator[str]:
    instance = found.instance
    yield from _reasons_of_tags(f"instance {instance.identifier}", found.tags, run, settings)
    if instance.status != "available":
        yield f"instance {instance.identifier} is {instance.status}, not available"
    if not instance.encrypted or instance.key_arn not in site.keys:
        how = f"encrypted with {instance.key_arn}" if instance.encrypted else "not encrypted"
        yield (
            f"instance {instance.identifier} is {how}, and a key cannot be changed: name that key as the platform's, "
            "or bring its data in as a snapshot copied under the platform's key (aws rds copy-db-snapshot --kms-key-id)"
        )
    elif site.keys[instance.key_arn] != "Enabled":
        yield f"the key of {instance.identifier} is {site.keys[instance.key_arn]}: it must be enabled"
    if instance.family not in settings.platform.engines:
        yield (
            f"instance {instance.identifier} is {instance.family}; {settings.platform_name} has no parameter group for "
            "it: add that family to its 'engines', and run platform.change"
        )
    if found.related:
        yield (
            f"instance {instance.identifier} is not alone ({', '.join(found.related)}): clusters and read replicas are "
            "not supported"
        )
    if found.pending:
        yield (
            f"instance {instance.identifier} has changes waiting ({', '.join(found.pending)}), which the next change "
            "would make at once: let its maintenance window pass first"
        )


def _reasons_of_tags(what: str, tags: dict[str, str], run: Run, settings: EnvironmentSettings) -> Iterator[str]:
    other, namespace = tags.get(naming.INSTALLATION_TAG), tags.get(naming.NAMESPACE_TAG)
    if other not in {None, run.installation}:
        yield f"{what} is of installation {other}"
    elif namespace not in {None, str(settings.namespace)}:
        yield f"{what} is of namespace {namespace}"


def _reasons_of_service(found: StandingService, run: Run, settings: EnvironmentSettings) -> Iterator[str]:
    assert settings.existing is not None  # or nobody would have looked
    service, name = found.service, f"service {settings.existing.service}"
    yield from _reasons_of_tags(name, found.tags, run, settings)
    if service.status != "ACTIVE" or service.deployments != 1 or service.rollout != "COMPLETED":
        yield (
            f"{name} is {service.status} with {service.deployments} deployments, the last one "
            f"{service.rollout or 'unknown'}: wait until one, completed, is left"
        )
    elif not service.running == service.desired > 0:
        yield f"{name} runs {service.running} of {service.desired} tasks: all have to run, and one at least"
    if (found.controller, found.scheduling) != ("ECS", "REPLICA"):
        yield f"{name} is deployed by {found.controller} as {found.scheduling}: only ECS's own rolling one is supported"
    if not found.breaker:
        yield (
            f"{name} has no circuit breaker that rolls back: turn it on, which restarts nothing (aws ecs "
            "update-service --deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true}')"
        )
    if found.network_mode != "awsvpc" or not service.security_groups:
        yield f"{name} does not run in awsvpc mode with security groups of its own: its revisions will"
    entry = (settings.service.entry_container, settings.entry_port)
    if entry not in found.targets or len(found.targets) != 1:
        have = ", ".join(f"{container}:{port}" for container, port in found.targets) or "none"
        yield (
            f"{name} has as targets of its load balancers {have}, and the tenant's file says {entry[0]}:{entry[1]}: "
            "exactly that one is needed"
        )
    yield from _reasons_of_containers(found, settings)


def _reasons_of_containers(found: StandingService, settings: EnvironmentSettings) -> Iterator[str]:
    wanted, revision = settings.service.containers, found.service.task_definition.rpartition("/")[2]
    if set(wanted) != set(found.containers):
        yield (
            f"task definition {revision} has the containers {', '.join(sorted(found.containers))}, and the tenant's "
            f"file {', '.join(sorted(wanted))}: they have to be the same"
        )
    for name, container in wanted.items():
        have = found.containers.get(name)
        if have is None:
            continue
        if container.image not in {(image := have.image.partition("@")[0]), image.rpartition(":")[0]}:
            yield f"container {name} runs {have.image}, which is not of the repository {container.image}"
        if len(have.digests) != 1:
            told = ", ".join(sorted(have.digests)) or "no digest"
            yield f"the tasks of container {name} do not all run one image ({told}): deploy it again by its digest"


def _reasons_of_both(
    database: StandingDatabase, service: StandingService, settings: EnvironmentSettings, site: Site
) -> Iterator[str]:
    using = {name: each for name, each in settings.service.containers.items() if each.database}
    if not using:
        yield "no container of the tenant's file uses a database"
    for name, wanted in using.items():
        if have := service.containers.get(name):
            yield from _reasons_of_variables(name, wanted, have, database, settings)
    if secret_of(settings, service) is None:
        yield "the containers do not take user name and password from one secret, the same for all: put both into one"
    elif site.opens is not True:
        yield (
            f"the application's credentials do not open {database.instance.identifier} from here "
            f"({site.why_closed or 'they are refused'}). If it does not answer, let the orchestrator "
            f"({_source(settings)}) reach port {database.port} in its security group"
        )


def _source(settings: EnvironmentSettings) -> str:
    return ", ".join(map(str, settings.platform.orchestrator.model_dump(exclude_none=True).values()))


def _reasons_of_variables(
    name: str,
    wanted: Container,
    have: StandingContainer,
    database: StandingDatabase,
    settings: EnvironmentSettings,
) -> Iterator[str]:
    variables = wanted.database
    assert variables is not None  # of those that use one
    host = have.environment.get(variables.host)
    if host != database.host:
        yield (
            f"container {name} does not have {database.instance.identifier} as its database: its variable "
            f"{variables.host} is {host or 'not set in plain'}, and the instance answers at {database.host}. Name the "
            "instance that it uses, or the variables under containers: database"
        )
    for variable, key in ((variables.username, "username"), (variables.password, "password")):
        if variable in have.environment:
            yield (
                f"container {name} has {variable} in plain: put user name and password into a secret of Secrets "
                "Manager (a JSON object with 'username' and 'password'), deploy with 'valueFrom', then adopt"
            )
        elif _secret_with(have.secrets.get(variable, ""), key) is None:
            yield (
                f"container {name} does not take {variable} from the key {key!r} of a secret of Secrets Manager: that "
                "is where it is looked for"
            )
    schema = have.environment.get(variables.name)
    if schema not in {None, settings.database.name}:
        yield f"container {name} uses the schema {schema}, and the tenant's file says {settings.database.name}"


def describe(adoption: Adoption) -> str:
    """Tell an adoption in Markdown."""
    rows = "\n".join(f"| {what} | {text} |" for what, text in _rows(adoption))
    return f"**{_title(adoption)}**\n\n| | |\n|---|---|\n{rows}"


def as_text(adoption: Adoption) -> str:
    """Tell an adoption in lines for a log."""
    rows = list(_rows(adoption))
    width = max(len(what) for what, _ in rows)
    return "\n".join([_title(adoption), *(f"  {what:<{width}}  {text}" for what, text in rows)])


def _title(adoption: Adoption) -> str:
    return (
        f"Adopt what serves {adoption.url} as {adoption.namespace}{' (dry run: nothing is changed)' * adoption.dry_run}"
    )


def _rows(adoption: Adoption) -> Iterator[tuple[str, str]]:
    yield "Database", f"{adoption.instance} ({adoption.resource_id})"
    yield "Its credentials", f"{adoption.secret}: they stay as they are"
    yield "Service", f"{adoption.service} in {adoption.cluster}, {adoption.desired} tasks"
    yield "Revision", adoption.task_definition.rpartition("/")[2]
    for container, digest in adoption.build.items():
        yield f"Build of {container}", digest
    yield "Release", "none: authored here" if adoption.authored else "named by the moment of the adoption"
    yield (
        "What changes",
        (
            "tags on database, service, revision and secret; the database is protected from deletion, and its "
            "snapshots take its tags; nothing is started again"
        ),
    )
