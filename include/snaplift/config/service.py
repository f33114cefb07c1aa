"""What a tenant's file says of its application."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from snaplift.config.errors import Misplaced
from snaplift.config.fields import ContainerName, Duration, Port, UrlPath, VariableName, Words, matching
from snaplift.config.platform import Strict

Cpu = Literal[256, 512, 1024, 2048, 4096]
Memory = Annotated[int, Field(ge=512, le=30_720)]
Count = Annotated[int, Field(ge=1, le=100)]


class DatabaseVariables(Strict):
    """The variables in which a container looks for its database."""

    host: VariableName = "DB_HOST"
    port: VariableName = "DB_PORT"
    name: VariableName = "DB_NAME"
    username: VariableName = "DB_USER"
    password: VariableName = "DB_PASSWORD"  # noqa: S105  # a variable's name


class Container(Strict):
    """One container of the service's task."""

    image: Annotated[
        str,
        matching(
            r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9]([a-z0-9/._-]*[a-z0-9])?",
            "a repository without a tag, like 123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop",
        ),
    ]
    """The repository, without a tag: the build says which image."""
    tag: Annotated[
        str, matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "a tag: letters, digits, dots, hyphens, underscores")
    ] = "latest"
    """The build where a promotion names none; resolved to a digest by the plan."""
    port: Port | None = None
    """Where it answers HTTP; none: it does not."""
    command: Words | None = None
    """Instead of the image's own."""
    essential: bool = True
    """Whether the task ends with it."""
    environment: dict[VariableName, str] = Field(default_factory=dict)
    """Plain values; ``${site_url}``, ``${namespace}``, ``${environment}`` and an environment's variables are put in."""
    secrets: tuple[VariableName, ...] = ()
    """Values that are generated once for each environment and never shown."""
    database: DatabaseVariables | None = DatabaseVariables()
    """None: this container does not use the database."""


class HealthCheck(Strict):
    """The load balancer's question to a task."""

    path: UrlPath = "/"
    status: Annotated[
        str,
        matching(r"[2-4][0-9]{2}(-[2-4][0-9]{2})?", 'an HTTP status or a range of them in quotes: "200", "200-299"'),
    ] = "200"
    """What a healthy task answers with."""
    interval: Duration = timedelta(seconds=10)
    """5s to 300s."""
    timeout: Duration = timedelta(seconds=5)
    """From 2s, and shorter than the interval."""
    healthy: Annotated[int, Field(ge=2, le=10)] = 2
    """After how many good answers a task is healthy."""
    unhealthy: Annotated[int, Field(ge=2, le=10)] = 3
    """After how many bad answers a task is unhealthy, and replaced."""
    grace: Duration = timedelta(seconds=60)
    """How long a new task may be unhealthy before ECS gives it up."""

    @model_validator(mode="after")
    def _within_aws_limits(self) -> Self:
        if not timedelta(seconds=5) <= self.interval <= timedelta(seconds=300):
            raise Misplaced("expected 5s to 300s", "interval")
        if not timedelta(seconds=2) <= self.timeout < self.interval:
            raise Misplaced("expected 2s at least, and less than the interval", "timeout")
        return self


class DeploymentSettings(Strict):
    """How ECS rolls a revision out."""

    minimum_healthy_percent: Annotated[int, Field(ge=0, le=100)] = 100
    """How much of the count must be healthy at any time."""
    maximum_percent: Annotated[int, Field(ge=100, le=200)] = 200
    """How much of the count may run at any time."""
    drain: Duration = timedelta(seconds=30)
    """How long a task that leaves the load balancer may finish its requests."""
    failures: Annotated[int, Field(ge=1, le=200)] | None = None
    """After how many failed tasks the circuit breaker rolls back; none: ECS's own rule."""
    deadline: Duration = timedelta(minutes=30)
    """When a deployment that is not confirmed is stopped."""

    @model_validator(mode="after")
    def _can_replace_a_task(self) -> Self:
        if self.minimum_healthy_percent == self.maximum_percent:
            raise Misplaced("expected more than minimum_healthy_percent, or no task can be replaced", "maximum_percent")
        return self


class Service(Strict):
    """The tenant's application."""

    containers: Annotated[dict[ContainerName, Container], Field(min_length=1, max_length=10)]
    """By name."""
    entry: ContainerName | None = None
    """The container that the load balancer reaches; may be left out where only one has a port."""
    cpu: Cpu = 256
    """CPU units of a task; 1024 are one virtual CPU."""
    memory: Memory = 512
    """MiB of a task; which go with a CPU is Fargate's to say."""
    count: Count = 2
    """How many tasks serve."""
    health_check: HealthCheck = HealthCheck()
    deployment: DeploymentSettings = DeploymentSettings()

    @model_validator(mode="after")
    def _has_an_entry(self) -> Self:
        with_port = [name for name, container in self.containers.items() if container.port]
        if self.entry is None and len(with_port) != 1:
            raise ValueError(
                f"say which container is the 'entry': {', '.join(with_port)} have a port"
                if with_port
                else "one container needs a 'port', to be reached by the load balancer"
            )
        if self.entry is not None and self.entry not in with_port:
            raise Misplaced(f"{self.entry!r} is no container with a port", "entry")
        return self

    @property
    def entry_container(self) -> str:
        return self.entry or next(name for name, container in self.containers.items() if container.port)


class ExistingService(Strict):
    """A site that was set up without snaplift, which an environment goes on with once it was adopted."""

    service: Annotated[
        str,
        matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", "a service's name, not its ARN"),
    ]
    """The name of its ECS service, in the platform's cluster."""
    url: Annotated[
        str,
        matching(
            r"https?://[a-z0-9.-]+(:[0-9]{1,5})?",
            "an address without a slash at its end, like https://www.example.com",
        ),
    ]
    """Where visitors reach it: ``${site_url}``."""


class ServiceOverrides(Strict):
    """What an environment's service has otherwise."""

    cpu: Cpu | None = None
    memory: Memory | None = None
    count: Count | None = None
