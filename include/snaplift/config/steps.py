"""What is done to a copy of a tenant's data: made the environment's own, checked, and masked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Discriminator, Field, StringConstraints, Tag

from snaplift.config.fields import ContainerName, Duration, UrlPath, VariableName, Words
from snaplift.config.platform import Strict
from snaplift.config.previews import DataClass


class Command(Strict):
    """A command of the tenant's image, run as a one-off task of the candidate revision; 0 is success."""

    command: Words
    """Arguments to the image's entrypoint."""
    container: ContainerName | None = None
    """None: the service's entry."""
    environment: dict[VariableName, str] = Field(default_factory=dict)
    """Beside the container's own; placeholders as there, and ``${source_urls}``."""
    timeout: Duration = timedelta(minutes=15)
    """When it is stopped and has failed."""


class AdaptSql(Strict):
    """Statements that make a copy this environment's own, run as the database's master user."""

    sql: Words
    """One statement each; ``%(site_url)s`` and the environment's variables are bound, a literal % is doubled."""
    repeatable: bool = False
    """Whether running them a second time does no harm; otherwise an interrupted adapt starts from a new restore."""


class AdaptCommand(Command):
    """A command that makes a copy this environment's own."""

    repeatable: bool = False


class SmokeSql(Strict):
    """A question to the candidate's database: one row with one number."""

    sql: Annotated[str, StringConstraints(min_length=1)]
    at_least: int = 1
    """The least number that is good."""


class SmokeHttp(Strict):
    """A request to a task of the candidate that no load balancer knows yet."""

    path: UrlPath = "/"
    status: Annotated[int, Field(ge=200, le=499)] = 200
    """What it must answer with."""
    contains: str | None = None
    """``${site_url}`` and the environment's variables are put in."""
    timeout: Duration = timedelta(minutes=2)
    """How long the task may take until it answers so."""


def _kind_of_adapt(value: object) -> str | None:
    return _kind(value, sql="AdaptSql", command="AdaptCommand")


def _kind_of_smoke(value: object) -> str | None:
    return _kind(value, sql="SmokeSql", command="Command", path="SmokeHttp", status="SmokeHttp", contains="SmokeHttp")


def _kind(value: object, **kinds: str) -> str | None:
    """Tell by its fields which kind of section it is; none: two kinds at once, or nothing of any."""
    if isinstance(value, BaseModel):
        return type(value).__name__
    found = {kind for name, kind in kinds.items() if isinstance(value, dict) and name in value}
    return found.pop() if len(found) == 1 else None


Adapt = Annotated[
    Annotated[AdaptSql, Tag("AdaptSql")] | Annotated[AdaptCommand, Tag("AdaptCommand")],
    Discriminator(
        _kind_of_adapt, custom_error_type="kind", custom_error_message="expected fields with either sql or command"
    ),
]
Smoke = Annotated[
    Annotated[SmokeSql, Tag("SmokeSql")] | Annotated[SmokeHttp, Tag("SmokeHttp")] | Annotated[Command, Tag("Command")],
    Discriminator(
        _kind_of_smoke,
        custom_error_type="kind",
        custom_error_message="expected fields with either sql, path or command",
    ),
]


class MaskingCheck(Strict):
    """A question to the masked copy: one row with one number."""

    sql: Annotated[str, StringConstraints(min_length=1)]
    """Mostly it counts what should not be there any more. A literal % is doubled."""
    equals: int = 0
    """The number that is right."""


class Masking(Strict):
    """What makes data of an environment above fit for one below it, before anybody can reach the copy."""

    steps: Annotated[tuple[Adapt, ...], Field(min_length=1)]
    """In this order: ``sql``, or a ``command`` of the candidate's image. What it prints is kept, so it
    may print no data."""
    checks: Annotated[tuple[MaskingCheck, ...], Field(min_length=1)]
    """What must be true afterwards; one that is not ends the refresh."""
    data_class: DataClass | None = None
    """What the data are once they are masked. None: what the target's may be at most."""
