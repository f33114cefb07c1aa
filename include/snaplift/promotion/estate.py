"""The estate: what stands in AWS, each thing with its own tags, and all that refers to it, as it was read at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from snaplift import naming
from snaplift.promotion.plan import Frozen, Place
from snaplift.promotion.pointer import Pointer

ThingKind = Literal["stack", "instance", "snapshot", "secret", "parameter", "revision", "log_group"]


class Thing(Frozen):
    """One resource. What it belongs to is read from its tags; its name only says what it is meant to be."""

    kind: ThingKind
    name: str
    """Identifier, path, or a revision's ``family:number``."""
    arn: str
    resource_id: str = ""
    """An instance's ``DbiResourceId``; of a snapshot, that of the instance that it was taken of."""
    state: str = ""
    """In AWS's words; empty: it has none."""
    created_at: datetime | None = None
    protected: bool = False
    """From deletion."""
    size: int = 0
    """GB of a database or snapshot."""
    instance_class: str = ""
    multi_az: bool = False
    """Whether an instance has a standby in another zone."""
    tags: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, str] = Field(default_factory=dict)
    """A stack's."""
    needs: tuple[str, ...] = ()
    """What a revision's tasks need to come up: ARNs of secrets and roles, names of log groups, images."""

    @property
    def identity(self) -> str:
        """What tells it from a namesake that was made later."""
        if self.kind == "instance":
            return self.resource_id
        made = f"@{self.created_at:%Y%m%dT%H%M%S}" if self.kind == "snapshot" and self.created_at else ""
        return f"{self.arn}{made}"

    @property
    def namespace(self) -> naming.Namespace | None:
        """The namespace that its tags name; none: they name none."""
        with suppress(naming.InvalidName):
            return naming.Namespace.parse(self.tags.get(naming.NAMESPACE_TAG, ""))
        return None

    @property
    def release(self) -> naming.Release | None:
        with suppress(naming.InvalidName):
            return naming.Release(self.tags.get(naming.RELEASE_TAG, ""))
        return None

    @property
    def run(self) -> str:
        """The hash of the run that made it; empty: no tag says."""
        return self.tags.get(naming.RUN_TAG, "")

    @property
    def adopted(self) -> str:
        """The instance that it came with when that was adopted; empty: snaplift made it.

        An instance is adopted if it is that one: a copy of it may have been given all its tags.
        """
        return self.tags.get(naming.ADOPTED_TAG, "")

    def is_ours(self, installation: str) -> bool:
        return naming.is_ours(self.tags, installation)

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.name}"


class SeenPointer(Frozen):
    """A namespace's pointer."""

    namespace: str
    version: int
    pointer: Pointer | None
    """None: it cannot be read, which never means that nothing is active."""
    why: str = ""
    """Why it cannot be read."""
    written_at: datetime | None = None
    """When it was written last."""


class SeenLock(Frozen):
    """A lock that somebody holds."""

    namespace: str
    """Or a platform."""
    why: str
    """Who holds it; or why that cannot be told, which counts as held."""
    names: frozenset[str] = frozenset()
    """What its record names: the candidate, its snapshot, the revision that an abort goes back to."""

    @property
    def locked(self) -> naming.Namespace | None:
        """The namespace; none: it is a platform's, whose change refers to no tenant's thing."""
        with suppress(naming.InvalidName):
            return naming.Namespace.parse(self.namespace)
        return None


class SeenTask(Frozen):
    """A task that has not stopped, or a deployment of a service: both keep their revision in use."""

    arn: str
    revision: str
    """Its task definition's ARN."""
    status: str


class SeenService(Frozen):
    """A namespace's service, whoever made it."""

    cluster: str
    name: str
    revisions: tuple[str, ...]
    """ARNs, of all its deployments, the PRIMARY one's first."""
    rollout: str
    desired: int
    running: int
    tags: dict[str, str] = Field(default_factory=dict)


class Survey(Frozen):
    """All that stands in one account and region. It is whole: what could not be listed makes no survey."""

    installation: str
    places: tuple[Place, ...]
    """The platforms that are there."""
    standing: frozenset[str]
    """Those of them whose stack stands; of the others nothing is concluded."""
    as_of: datetime
    things: tuple[Thing, ...]
    pointers: tuple[SeenPointer, ...]
    locks: tuple[SeenLock, ...]
    services: tuple[SeenService, ...]
    tasks: tuple[SeenTask, ...]
    marks: dict[str, dict[str, datetime]] = Field(default_factory=dict)
    """Since when nothing refers to a thing: by platform, then by the mark's key."""

    def pointer(self, namespace: naming.Namespace) -> SeenPointer | None:
        """A namespace's pointer; none: there is none here, which never means that nothing is active."""
        return next((each for each in self.pointers if each.namespace == str(namespace)), None)

    def of_kind(self, *kinds: ThingKind) -> list[Thing]:
        return [thing for thing in self.things if thing.kind in kinds]


def owner(kind: ThingKind, name: str) -> naming.Namespace | None:
    """Say whose a thing would be by its name; that alone makes nothing ours. None: it is not named as ours are."""
    for parse in _PARSERS[kind]:
        with suppress(naming.InvalidName):
            return parse(name)
    return None


_PARSERS: Final[dict[ThingKind, tuple[Callable[[str], naming.Namespace], ...]]] = {
    "stack": (
        naming.Namespace.parse,
        naming.Namespace.of_service_stack,
        lambda name: naming.DatabaseName.parse(name).namespace,
    ),
    "instance": (lambda name: naming.DatabaseName.parse(name).namespace,),
    "snapshot": (
        lambda name: naming.SnapshotName.parse(name).namespace,
        lambda name: naming.FinalSnapshotName.parse(name).namespace,
    ),
    "secret": (lambda name: naming.SecretName.parse(name).namespace,),
    "parameter": (naming.Namespace.of_pointer,),
    "revision": (lambda name: naming.Namespace.parse(name.rpartition(":")[0]),),
    "log_group": (naming.Namespace.of_log_group,),
}
