"""What a promotion will do: decided once, shown to people, recorded with the lock, and all that the steps go by."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict

from snaplift import naming
from snaplift.config.platform import Platform, Platforms
from snaplift.config.tenant import Approval, Environment, Masking, TargetWrites, Tenant
from snaplift.promotion.pointer import DatabaseReference, FinalSnapshot, Revision
from snaplift.promotion.run import Run
from snaplift.promotion.writes import Writes
from snaplift.stacks.outputs import NamespaceOutputs, PlatformOutputs
from snaplift.stacks.settings import EnvironmentSettings

Mode = Literal["origin", "imported", "new", "tested", "standing", "again", "restored", "active", "refresh"]
"""``origin``: the first environment's database, from nothing. ``imported``: the same, from a snapshot. ``new``: the
source is snapshot now. ``tested``: what is active one environment below. ``standing``: a release whose snapshot stands.
``again``: an earlier revision, on its database, which stands yet. ``restored``: an earlier revision, from the final
snapshot of its database. ``active``: another build, on the database that serves. ``refresh``: an environment above is
snapshot now, and masked."""


REUSING: Final = frozenset({"again", "active"})
"""Modes in which the candidate uses a database that stands."""
SNAPSHOTTING: Final = frozenset({"new", "refresh"})
"""Modes in which the source is snapshot now."""
KEEPING: Final = frozenset({"origin", "imported", "active"})
"""Modes after which no other database serves than before, so that nothing that was written is lost."""


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(Frozen):
    """Where a namespace is in AWS."""

    platform: str
    connection: str
    region: str
    account: str
    lock_table: str

    @classmethod
    def of(cls, name: str, platform: Platform) -> Self:
        return cls(
            platform=name,
            connection=platform.connection,
            region=platform.region,
            account=platform.account,
            lock_table=naming.lock_table(name),
        )


class Source(Frozen):
    """The database that the release's snapshot is, or was, taken of."""

    environment: str
    place: Place
    instance: str
    resource_id: str | None
    """Of the instance to be snapshot; none where the snapshot stands already."""
    secret: str | None
    """ARN of the source's application credentials, which must not open the copy."""
    backup_window: str | None = None
    """Of the instance to be snapshot, in UTC: ``02:00-02:30``."""
    final: FinalSnapshot | None = None
    """What is restored where it is the environment's own database as it was when it went."""


class Before(Frozen):
    """What the plan rests on, and what an abort goes back to."""

    pointer_version: int
    active: Revision | None
    previous: Revision | None = None
    service_exists: bool
    task_definition: str | None
    """Of the service's PRIMARY deployment."""
    desired_count: int | None
    service: str | None = None
    """The adopted service's name; none: the namespace's own."""
    service_groups: tuple[str, ...] = ()
    """The adopted service's security groups."""


class Plan(Frozen):
    """A promotion, decided. It carries the configuration it was made from: later edits change nothing."""

    version: Literal[1] = 1
    run: Run
    platforms: Platforms
    tenant: Tenant
    environment: str
    mode: Mode
    dry_run: bool = False
    release: str | None
    """None until the lock is held where the snapshot is yet to be taken, and for ever where data is authored."""
    source: Source | None
    imported: str | None = None
    """The snapshot that the first environment's database is made of; none: it is made from nothing, or promoted."""
    storage: int
    """GB, at least the snapshot's."""
    images: dict[str, str]
    """By container the image with its digest."""
    platform: PlatformOutputs
    namespace: NamespaceOutputs
    before: Before
    earlier: Revision | None = None
    """The revision that is gone back to, or whose database gets another build; none: neither is what is done."""
    writes: Writes | None = None
    """What this promotion discards in the target, as it was when planned; none: nothing is active there."""
    left_out: dict[str, str]
    """Steps that this promotion does not have, each with the reason."""
    why_build: str = ""
    """Why these are the images, where nobody named them and it is not plain."""

    @property
    def name(self) -> naming.Namespace:
        return naming.Namespace(naming.Tenant.parse(self.tenant.tenant), self.environment)

    @property
    def settings(self) -> Environment:
        return self.tenant.environments[self.environment]

    @property
    def target_writes(self) -> TargetWrites:
        return self.tenant.target_writes(self.environment)

    @property
    def approval(self) -> Approval | None:
        """Who is asked: by the environment's setting, or because of what would be lost."""
        return self.settings.approval or (Approval() if self.asks_to_discard else None)

    @property
    def asks_to_discard(self) -> bool:
        """Whether a yes is needed because of what was written in the target."""
        return self.target_writes == "ask" and self.writes is not None and self.writes.at_stake

    @property
    def place(self) -> Place:
        return Place.of(self.settings.platform, self.platforms.platforms[self.settings.platform])

    @property
    def parsed_release(self) -> naming.Release | None:
        return naming.Release(self.release) if self.release else None

    @property
    def source_name(self) -> naming.Namespace | None:
        """The namespace whose database the snapshot is of."""
        return naming.Namespace(self.name.tenant, self.source.environment) if self.source else None

    @property
    def service(self) -> str:
        """The service that is deployed to."""
        return self.before.service or self.name.service

    @property
    def service_groups(self) -> tuple[str, ...]:
        """The security groups of the service's tasks, which the candidate opens to."""
        if self.before.service is not None:
            return self.before.service_groups
        return (self.namespace.service_security_group_id,)

    @property
    def snapshot(self) -> str | None:
        if self.imported is not None:
            return self.imported
        if self.source_name is None or self.source is None or self.parsed_release is None:
            return None
        return self.source.final.name if self.source.final else self.source_name.snapshot(self.parsed_release)

    @property
    def database(self) -> str:
        """The candidate's stack and instance."""
        return self.reuses.name if self.reuses else self.name.database(self.parsed_release)

    @property
    def reuses(self) -> DatabaseReference | None:
        """The database that stands already and that the candidate uses; none: this promotion makes one."""
        return self.earlier.database if self.earlier and self.mode in REUSING else None

    @property
    def made_by(self) -> str:
        """The hash of the run that makes, or made, the candidate's database."""
        return self.earlier.made_by if self.earlier and self.reuses else self.run.hash

    @property
    def replaces(self) -> bool:
        """Whether what serves is another database afterwards, so that what was written to the one before is lost."""
        return self.mode not in KEEPING

    @property
    def effective(self) -> EnvironmentSettings:
        """The tenant's settings with the environment's own put over them."""
        return EnvironmentSettings.of(self.platforms, self.tenant, self.environment)

    @property
    def takes_snapshot(self) -> bool:
        return self.mode in SNAPSHOTTING

    @property
    def masking(self) -> Masking | None:
        """What has to be done to the copy before anybody can reach it; none: it may be as it is."""
        return self.tenant.masking if self.mode == "refresh" else None

    @property
    def items_of_adapt(self) -> int:
        """How many things make the data this environment's own; where data is authored, whether there is a setup."""
        if self.mode == "origin":
            return int(self.tenant.setup is not None)
        return 0 if self.earlier else len(self.tenant.adapt)

    @property
    def retires(self) -> Revision | None:
        """The revision whose database goes at the end of this promotion; none: there is none, or it is kept."""
        active = self.before.active
        if (
            active is None
            or active.database is None
            or active.release is None
            or not self.replaces
            or self.effective.retention.keep_previous
        ):
            return None
        return active

    @property
    def tags(self) -> dict[str, str]:
        """Of what this run makes in the target."""
        return naming.tags(self.run.installation, self.name, release=self.parsed_release, run=self.run.hash)

    def decided(self, release: naming.Release) -> Self:
        """The plan with its release, which is decided while the lock is held."""
        return self.model_copy(update={"release": str(release)})
