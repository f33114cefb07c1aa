"""Revisions that stand already: which one a request takes up, and whether its database is the one that is meant."""

from __future__ import annotations

from collections.abc import Sequence

from snaplift.promotion.plan import Frozen, Mode
from snaplift.promotion.pointer import DatabaseReference, Pointer, Revision
from snaplift.stacks.outputs import DatabaseOutputs

# In these an instance serves connections, and only in these can a snapshot be begun (RDS: CreateDBSnapshot); all but
# the first two pass by themselves.
PASSING_STATES = frozenset(
    {"available", "storage-optimization", "backing-up", "modifying", "maintenance", "configuring-enhanced-monitoring"}
)


class NoSuchRevision(ValueError):
    """A request names a revision that there is none of here."""


class Kept(Frozen):
    """A database that is to be used again, as it was found."""

    resource_id: str
    status: str
    ours: bool
    """It carries this installation's and this namespace's tags, on the stack as on the instance."""
    run: str | None
    """The hash of the run that made its stack."""
    outputs: DatabaseOutputs | None
    """None: its stack is not complete."""


def take_up(asked: str, pointer: Pointer) -> tuple[Mode, Revision] | None:
    """Say which revision a request takes up, and how. None: it asks for no earlier one.

    :param asked: ``active``, ``previous``, or a timestamp: of the previous revision, whose database stands.
    :raises NoSuchRevision: there is none.
    """
    active, previous = pointer.active, pointer.previous
    if asked == "active":
        if active is None or active.database is None:
            raise NoSuchRevision("nothing is active, so there is no database to keep")
        return "active", active
    if asked == "previous":
        if active is None or previous is None:
            raise NoSuchRevision("there is no previous revision to go back to")
        return _way_back(active, previous), previous
    if active is None or previous is None or previous.release != asked:
        return None
    return ("again", previous) if _way_back(active, previous) == "again" else None


def _way_back(active: Revision, previous: Revision) -> Mode:
    if previous.database is None:
        return "restored" if previous.final else "standing"
    # After a deployment of code alone, both revisions are on one database.
    return "active" if active.database and active.database.name == previous.database.name else "again"


def refuse_reuse(wanted: DatabaseReference, made_by: str, found: Kept | None) -> str:
    """Say why a database that stands is not used again; nothing: it is the one that the pointer names.

    It is the one rule by which a run uses a database that another run made: it is ours, it was made by the run that the
    pointer says, and it is the very incarnation that the pointer names.
    """
    if found is None:
        return f"database {wanted.name} ({wanted.resource_id}), which the pointer names, is gone"
    if found.resource_id != wanted.resource_id:
        return f"database {wanted.name} is {found.resource_id}, and the pointer names {wanted.resource_id}"
    if not found.ours or found.run != made_by:
        return f"database {wanted.name} was not made by run {made_by} of this installation, as the pointer says"
    if found.outputs is None or found.outputs.resource_id != wanted.resource_id:
        return f"the stack of database {wanted.name} is not complete, or made another instance"
    if found.status not in PASSING_STATES:
        return f"database {wanted.name} is {found.status}: it cannot serve"
    return ""


def existing(pointer: Pointer, releases: Sequence[str]) -> str:
    """Tell what a namespace could be promoted to.

    :param releases: that have a snapshot.
    """
    found = [", ".join(releases) or "none"]
    if pointer.active is not None:
        found.append(f"active: {pointer.active.release or 'origin'}")
    if (previous := pointer.previous) is not None:
        final = f"kept in {previous.final.name}" if previous.final else "its database is gone"
        found.append(f"previous: {previous.release} ({'its database stands' if previous.database else final})")
    return "; ".join(found)
