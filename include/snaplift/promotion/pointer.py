"""The pointer: what is active, previous and candidate in a namespace. The source of truth."""

from __future__ import annotations

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
    task_definition: str
    run: str
    """The hash of the run that made it."""


class Pointer(BaseModel):
    """The parameter's value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    active: Revision | None = None
    previous: Revision | None = None
    candidate: Revision | None = None

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
        text = self.model_dump_json(exclude_none=False)
        if (size := len(text.encode())) > LIMIT:
            raise ValueError(f"the pointer would have {size} bytes; a parameter holds {LIMIT}")
        return text

    def with_candidate(self, revision: Revision) -> Self:
        """One revision is being brought up."""
        return self.model_copy(update={"candidate": revision})

    def without_candidate(self) -> Self:
        """The candidate was given up."""
        return self.model_copy(update={"candidate": None})

    def activate(self, revision: Revision) -> Self:
        """previous ← active ← candidate, in one write. Doing it again changes nothing."""
        if self.active == revision:
            return self.without_candidate()
        return self.model_copy(update={"previous": self.active, "active": revision, "candidate": None})

    def previous_is_gone(self) -> Self:
        """The previous revision's database stands no longer."""
        if self.previous is None:
            return self
        return self.model_copy(update={"previous": self.previous.model_copy(update={"database": None})})

    @property
    def databases(self) -> frozenset[str]:
        """Every database that the pointer refers to: nothing here may be deleted."""
        revisions = (self.active, self.previous, self.candidate)
        return frozenset(r.database.name for r in revisions if r is not None and r.database is not None)
