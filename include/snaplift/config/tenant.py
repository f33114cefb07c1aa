"""What ``config/tenants/<tenant>.yaml`` says."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from snaplift import naming
from snaplift.config.errors import Misplaced
from snaplift.config.fields import (
    Duration,
    EnvironmentName,
    OneLine,
    Parameter,
    PlatformName,
    TenantName,
    VariableName,
    matching,
)
from snaplift.config.platform import Strict
from snaplift.config.previews import DataClass, InvalidPreview, Previews
from snaplift.config.retention import Retention
from snaplift.config.service import (
    Container,
    DatabaseVariables,
    DeploymentSettings,
    ExistingService,
    HealthCheck,
    Service,
    ServiceOverrides,
)
from snaplift.config.steps import (
    Adapt,
    AdaptCommand,
    AdaptSql,
    Command,
    Masking,
    MaskingCheck,
    Smoke,
    SmokeHttp,
    SmokeSql,
)

# One place to import a tenant's sections from.
__all__ = [
    "Adapt",
    "AdaptCommand",
    "AdaptSql",
    "Approval",
    "Command",
    "Container",
    "DataClass",
    "Database",
    "DatabaseOverrides",
    "DatabaseVariables",
    "DeploymentSettings",
    "Environment",
    "HealthCheck",
    "Masking",
    "MaskingCheck",
    "Nightly",
    "Previews",
    "Retention",
    "Service",
    "ServiceOverrides",
    "Smoke",
    "SmokeHttp",
    "SmokeSql",
    "TargetWrites",
    "Tenant",
]

InstanceClass = Annotated[str, matching(r"db\.[a-z0-9-]+\.[a-z0-9]+", "an instance class, like db.t4g.micro")]
Storage = Annotated[int, Field(ge=20, le=65_536)]
TableName = Annotated[str, matching(r"[0-9A-Za-z_$]{1,64}", "a table's name: letters, digits, _ and $, as wp_options")]
TargetWrites = Literal["refuse", "ask", "allow"]
ParameterName = Annotated[str, matching(r"[a-z][a-z0-9_]*", "an engine parameter, like max_connections")]


class Database(Strict):
    """The tenant's database, as the first environment's is made; the others come from snapshots of it."""

    engine: Literal["mariadb", "mysql"] = "mariadb"
    """Which database server."""
    version: Annotated[str, matching(r"[0-9]+(\.[0-9]+)+", 'a version in quotes, like "10.11"')] = "10.11"
    """Its version; in quotes, since 10.10 without them is the number 10.1."""
    name: Annotated[
        str, matching(r"[A-Za-z][A-Za-z0-9_]{0,63}", "a letter, then up to 63 letters, digits, underscores")
    ]
    """The schema."""
    instance_class: InstanceClass = "db.t4g.micro"
    storage: Storage = 20
    """GB; never less than the snapshot's."""
    multi_az: bool = False
    """Whether a standby is kept in another zone."""
    parameters: dict[ParameterName, Parameter] = Field(default_factory=dict)
    """Over the engine's parameter group, in which ``event_scheduler`` is ``OFF``: a copy's events would fire too, and
    before ``adapt`` could take them out."""
    scratch_tables: tuple[TableName, ...] = ()
    """Tables that the application fills by itself as it serves (caches, sessions). What is written there counts for
    nothing when ``target_writes`` is looked at."""

    @property
    def family(self) -> str:
        """The parameter group family that the engine's version belongs to."""
        return self.engine + ".".join(self.version.split(".")[:2])


class DatabaseOverrides(Strict):
    """What an environment's database has otherwise."""

    instance_class: InstanceClass | None = None
    storage: Storage | None = None
    multi_az: bool | None = None
    parameters: dict[ParameterName, Parameter] | None = None


class Approval(Strict):
    """A person says yes before anything is made."""

    timeout: Duration = timedelta(hours=12)
    """No answer until then is a refusal."""
    users: tuple[str, ...] = ()
    """Who may answer; none: everybody who may trigger the DAG."""


class Environment(Strict):
    """A stage that the tenant's data passes through."""

    platform: PlatformName
    """Which platform of platforms.yaml it is on."""
    promoted_from: Annotated[EnvironmentName | None, Field(alias="from")] = None
    """None: the first environment, where data is authored."""
    variables: dict[VariableName, str] = Field(default_factory=dict)
    """Values of its own, for placeholders: ``${NAME}``, in SQL ``%(NAME)s``."""
    database: DatabaseOverrides = DatabaseOverrides()
    """What is otherwise than in the tenant's database."""
    service: ServiceOverrides = ServiceOverrides()
    """What is otherwise than in the tenant's service."""
    existing: ExistingService | None = None
    """The site that stands there already, set up without snaplift; none: snaplift makes the service."""
    retention: Retention | None = None
    """Instead of the tenant's."""
    approval: Approval | None = None
    """Whether a person is asked before a promotion to it; none: nobody is."""
    lock_wait: Duration | None = None
    """Instead of the tenant's."""
    target_writes: TargetWrites | None = None
    """What becomes of a promotion that would discard what was written here since the last one: it is refused, a person
    is asked, or it goes on. None: ``refuse`` where nothing is promoted further, where there is an ``approval``, and
    where data is authored (only a refresh replaces them); ``allow`` elsewhere."""
    data_class: DataClass | None = None
    """What its data may be at most. Data of a higher class gets here only masked. None: that of the data where it is
    authored, which is ``internal`` if nothing is said there either."""


class Nightly(Strict):
    """The scheduled promotion."""

    schedule: OneLine
    """A cron expression, in the time zone below."""
    timezone: str = "UTC"
    """As in the time zone database: Europe/Berlin."""
    start_within: Duration = timedelta(minutes=60)
    """A start that comes later than this after its time is skipped."""
    environments: Annotated[tuple[EnvironmentName, ...], Field(min_length=1)]
    """One after the other, each only after success."""


class Tenant(Strict):
    """The whole file, with the defaults merged in."""

    tenant: TenantName
    """Its name, the file's too: short customer name, hyphen, project number (unique among all tenants)."""
    description: OneLine
    """What it is, for the people who see its DAGs."""
    owner: Annotated[str, matching(r"[^\n\r,]+", "one line of text without commas"), StringConstraints(max_length=60)]
    """Who is asked; shown as the DAG's owner."""
    tags: tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...] = ()
    """For Airflow's list of DAGs; 100 characters each, as Airflow allows."""
    environments: Annotated[dict[EnvironmentName, Environment], Field(min_length=1)]
    """By name; exactly one has no ``from``."""
    database: Database
    service: Service
    setup: Command | None = None
    """Fills the first environment's empty database."""
    adapt: tuple[Adapt, ...] = ()
    """What makes a copy this environment's own, in this order: ``sql``, or a ``command`` of the candidate's image."""
    smoke: tuple[Smoke, ...] = ()
    """What must be true of a candidate before a visitor sees it: ``sql``, a request (``path``) or a ``command``."""
    masking: Masking | None = None
    """What is done to data that are brought down from an environment above. None: none are."""
    retention: Retention = Retention()
    lock_wait: Duration = timedelta(minutes=10)
    """How long a promotion waits for another one of the same environment to end; ``0s``: it does not wait."""
    nightly: Nightly | None = None
    """None: people promote."""
    previews: Previews | None = None
    """None: this tenant has none."""

    @property
    def first(self) -> str:
        """The environment where data is authored."""
        return next(name for name, environment in self.environments.items() if environment.promoted_from is None)

    def target_writes(self, environment: str) -> TargetWrites:
        """What happens to a promotion that would discard what was written in an environment.

        Where nobody said so, it goes on only in between: where data pass on to others, and no person is asked first.
        """
        settings = self.environments[environment]
        last = all(other.promoted_from != environment for other in self.environments.values())
        careful = last or environment == self.first or settings.approval is not None
        return settings.target_writes or ("refuse" if careful else "allow")

    def way_to(self, environment: str) -> list[str]:
        """The environments that data come through to one, which is the first; the last is where they are authored."""
        way = [environment]
        while (name := self.environments[way[-1]].promoted_from) is not None:
            way.append(name)
        return way

    def above(self, environment: str) -> list[str]:
        """The environments that an environment's data go on to, the farthest last: data may be brought down of them."""
        found = [name for name in self.environments if environment in self.way_to(name)[1:]]
        return sorted(found, key=lambda name: len(self.way_to(name)))

    def data_class(self, environment: str) -> DataClass:
        """What an environment's data may be at most; where it is authored, what it is."""
        return self.environments[environment].data_class or self.environments[self.first].data_class or "internal"

    def with_preview(self, name: str, promoted_from: str) -> Self:
        """The tenant with a preview among its environments: from there on a preview is an environment like any other.

        It takes variables and sizes of the one that it is to be like. Nobody is asked, what was written to it may be
        discarded, and nothing of it is kept.

        :param promoted_from: the environment whose release it shows, or whose data it is to have.
        :raises InvalidPreview: the tenant has no previews, or there can be none of this name.
        """
        if self.previews is None:
            raise InvalidPreview(f"{self.tenant} has no previews: its file says nothing of them")
        if not naming.is_preview(name):
            raise InvalidPreview(f"{name!r} is no preview: expected {naming.pattern_words('preview')}, like 'pr42'")
        if promoted_from not in self.environments:
            known = ", ".join(self.environments)
            raise InvalidPreview(f"{self.tenant} has no environment {promoted_from!r}; it has {known}")
        like = self.environments[self.previews.like]
        kept_nothing = {"final_snapshot": False, "keep_previous": timedelta(0)}
        preview = like.model_copy(
            update={
                "platform": self.previews.platform or like.platform,
                "promoted_from": promoted_from,
                "retention": (like.retention or self.retention).model_copy(update=kept_nothing),
                "approval": None,
                "existing": None,
                "target_writes": "allow",
                "data_class": self.previews.data_class or like.data_class,
            }
        )
        return self.model_copy(update={"environments": {**self.environments, name: preview}})

    @model_validator(mode="after")
    def _previews_are_like_an_environment(self) -> Self:
        if self.previews is None:
            return self
        if self.previews.like not in self.environments:
            raise Misplaced(f"{self.previews.like!r} is no environment of this tenant", "previews", "like")
        if self.environments[self.previews.like].promoted_from is None:
            raise Misplaced(f"{self.previews.like!r} is where data is authored: say another", "previews", "like")
        return self

    @model_validator(mode="after")
    def _environments_form_one_tree(self) -> Self:
        roots = [name for name, environment in self.environments.items() if environment.promoted_from is None]
        if len(roots) != 1:
            raise Misplaced(
                f"exactly one has no 'from' (where data is authored), not {', '.join(roots) or 'none'}", "environments"
            )
        for name in self.environments:
            seen = [name]
            while (above := self.environments[seen[-1]].promoted_from) is not None:
                if above not in self.environments:
                    raise Misplaced(f"{above!r} is no environment of this tenant", "environments", seen[-1], "from")
                if above in seen:
                    circle = " from ".join([*seen, above])
                    raise Misplaced(f"goes round in a circle: {circle}", "environments", name, "from")
                seen.append(above)
        return self

    @model_validator(mode="after")
    def _nightly_names_environments(self) -> Self:
        names = self.nightly.environments if self.nightly else ()
        for index, name in enumerate(names):
            place = ("nightly", "environments", index)
            if name not in self.environments:
                raise Misplaced(f"{name!r} is no environment of this tenant", *place)
            if self.environments[name].promoted_from is None:
                raise Misplaced(f"{name!r} is where data is authored: nothing is promoted to it", *place)
            if name in names[:index]:
                raise Misplaced(f"{name!r} is said twice", *place)
        return self
