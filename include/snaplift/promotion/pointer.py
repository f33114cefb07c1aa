"""The pointer: what is active, previous and candidate in a namespace. The source of truth."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

LIMIT = 4096
"""Bytes that a standard parameter holds (SSM: quotas)."""


class UnreadablePointer(ValueError):
    """A pointer's text is not what snaplift writes. It never means that nothing is active."""


class DatabaseReference(BaseModel):
    """The database that a revision uses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Of the stack and of the instance."""
    resource_id: str
    """RDS's ``DbiResourceId``: which incarnation of the name."""
    secret: str
    """ARN of the application's credentials."""
    run: str | None = None
    """The hash of the run that made it; none: the one that made the revision. A rollback takes up another run's."""
    adopted: bool = False
    """Whether it stood before snaplift came: it is in no stack of ours, and its name is not one that we give."""


class FinalSnapshot(BaseModel):
    """What is kept of a database that stands no longer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    resource_id: str
    """Of the instance that it is of: which incarnation."""


class Revision(BaseModel):
    """Build and database, and the task definition that pins both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    release: str | None
    """None where the data is authored."""
    build: dict[str, str]
    """By container the image's digest."""
    database: DatabaseReference | None
    """None: it stands no longer; its snapshot is what a rollback restores."""
    snapshot: str | None = None
    """The snapshot that the release began as."""
    final: FinalSnapshot | None = None
    """The snapshot of its database as it was when it went; none: it stands, or the environment wants none.

    Where it stands, that of the one before it: its build alone was replaced since."""
    task_definition: str
    run: str
    """The hash of the run that made it."""
    masked_from: str | None = None
    """The environment whose data it has, masked; none: its release began where data is authored."""

    @property
    def restored_from(self) -> frozenset[str]:
        """What a rollback needs of it when its database stands no longer: snapshots' names, its task definition."""
        names = (self.snapshot, self.final.name if self.final else None, self.task_definition)
        return frozenset(filter(None, names))

    @property
    def used(self) -> frozenset[str]:
        """Its database's name, and the ARN of its credentials; empty: it stands no longer."""
        return frozenset((self.database.name, self.database.secret)) if self.database else frozenset()

    @property
    def made_by(self) -> str:
        """The hash of the run that made its database."""
        return (self.database.run if self.database else None) or self.run


class Pointer(BaseModel):
    """The parameter's value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    active: Revision | None = None
    previous: Revision | None = None
    candidate: Revision | None = None
    service: str | None = None
    """The name of the service that was adopted; none: the namespace's own."""
    activated_at: datetime | None = None
    """When what is active became so; none: it was adopted, or an earlier version activated it."""

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Read a parameter's value.

        :param where: the parameter, for the message.
        :raises UnreadablePointer: the text is not what snaplift writes.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(map(str, problem["loc"])) or "the whole"
            raise UnreadablePointer(
                f"{where} cannot be read ({field}: {problem['msg']}): nothing is concluded from it. "
                "Restore an earlier version of the parameter"
            ) from None

    def format(self) -> str:
        """Write the parameter's value.

        :raises ValueError: it is longer than a parameter may be.
        """
        # What there is none of is left out, as it always was.
        text = self.model_dump_json(exclude={name for name in ("service", "activated_at") if not getattr(self, name)})
        if (size := len(text.encode())) > LIMIT:
            raise ValueError(f"the pointer would have {size} bytes; a parameter holds {LIMIT}")
        return text

    def adopt(self, revision: Revision, service: str) -> Self:
        """What stood before is the first active revision. Doing it again changes nothing."""
        return self.model_copy(update={"active": revision, "service": service})

    def emptied(self) -> Self:
        """Nothing is active, nor will be: all of it is being taken away."""
        return type(self)(service=self.service)

    def with_candidate(self, revision: Revision) -> Self:
        """One revision is being brought up."""
        return self.model_copy(update={"candidate": revision})

    def without_candidate(self) -> Self:
        """The candidate was given up."""
        return self.model_copy(update={"candidate": None})

    def activate(self, revision: Revision, at: datetime) -> Self:
        """previous ← active ← candidate, in one write. Doing it again changes nothing.

        Where the database stays, as in a deployment of code alone, the last state of the one before it is named on.
        """
        if self.active == revision:
            return self.without_candidate()
        previous, final = self.active, self.previous.final if self.previous else None
        if previous and final and _same_database(previous, revision):
            previous = previous.model_copy(update={"final": final})
        moved = {"previous": previous, "active": revision, "candidate": None}
        return self.model_copy(update={**moved, "activated_at": at.replace(microsecond=0)})

    def previous_is_gone(self, final_snapshot: str | None = None) -> Self:
        """The previous revision's database stands no longer. Saying it again changes nothing.

        :param final_snapshot: the name of the snapshot that is kept of it; none: there is none.
        """
        if self.previous is None or self.previous.database is None:
            return self
        of = self.previous.database.resource_id
        final = FinalSnapshot(name=final_snapshot, resource_id=of) if final_snapshot else None
        gone = self.previous.model_copy(update={"database": None, "final": final})
        return self.model_copy(update={"previous": gone})

    @property
    def databases(self) -> frozenset[str]:
        """Every database that the pointer refers to: nothing here may be deleted."""
        revisions = (self.active, self.previous, self.candidate)
        return frozenset(r.database.name for r in revisions if r is not None and r.database is not None)

    @property
    def snapshots(self) -> frozenset[str]:
        """Every snapshot that the pointer refers to: a rollback may restore it."""
        revisions = (self.active, self.previous, self.candidate)
        found = {name for r in revisions if r is not None for name in (r.snapshot, r.final.name if r.final else None)}
        return frozenset(name for name in found if name is not None)


def _same_database(one: Revision, other: Revision) -> bool:
    found = {each.database.resource_id if each.database else None for each in (one, other)}
    return len(found) == 1 and None not in found
