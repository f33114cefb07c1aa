"""Revisions that stand already: which one a request takes up, and whether its database is the one that is meant."""

from __future__ import annotations

from collections.abc import Sequence

from snaplift.promotion.plan import Frozen, Mode
from snaplift.promotion.pointer import DatabaseReference, FinalSnapshot, Pointer, Revision
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
    has_credentials: bool = True
    """The application's secret can be read."""


class Ran(Frozen):
    """A task definition that a release ran with."""

    task_definition: str
    """ARN."""
    build: dict[str, str]
    """By container the image's digest."""
    run: str
    """The hash of the run that registered it."""


class Remains(Frozen):
    """What is left in a namespace of a release, whether its pointer names it or not."""

    release: str
    name: str
    """Of the release's database, whether it stands or not."""
    database: DatabaseReference | None = None
    """It stands, and was active once."""
    unusable: str = ""
    """Why what stands under that name can neither serve again nor be taken away; empty: no such thing is known."""
    final: FinalSnapshot | None = None
    """The newest snapshot of a database of the release that was active once, as it was when it went."""
    snapshot: str | None = None
    """The snapshot that the release began as; none: it is gone."""
    ran: Ran | None = None
    """What the release ran with last, here; none: it is not known."""
    masked_from: str | None = None
    """The environment whose data it has, masked."""

    @property
    def revision(self) -> Revision:
        """The revision, as far as it can still be told; what it ran with is empty if it is not known."""
        made_by = (self.database.run if self.database else None) or ""
        return Revision(
            release=self.release,
            build=self.ran.build if self.ran else {},
            database=self.database,
            # What was masked began as a snapshot that was not: it is no release's.
            snapshot=None if self.masked_from else self.snapshot,
            final=None if self.database else self.final,
            task_definition=self.ran.task_definition if self.ran else "",
            run=self.ran.run if self.ran else made_by,
            masked_from=self.masked_from,
        )


def wanted_remains(asked: str, above: Revision | None, pointer: Pointer) -> str | None:
    """Name the release whose remains have to be looked at before it can be said what a request means.

    None: the pointer says it all, or it is for no release that there is already.
    """
    previous = pointer.previous
    if asked == "previous":
        return previous.release if previous is not None and previous.database is None else None
    found = (above.release if above else None) if asked == "tested" else asked
    if found in {None, "new", "active", "origin"} or (pointer.active and pointer.active.release == found):
        return None
    return found


def take_up(asked: str, pointer: Pointer, remains: Remains | None = None) -> tuple[Mode, Revision] | None:
    """Say which revision a request takes up, and how. None: it asks for no earlier one.

    :param asked: ``active``, ``previous``, or a timestamp: of a release whose database stands, or of which only a final
        snapshot is left.
    :param remains: what is left of the release that is asked for, where the pointer does not say it all.
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
        return _back_to(active, previous, remains)
    if active is None:
        return None
    named = previous if previous is not None and previous.release == asked else None
    if named is not None and _way_back(active, named) == "again":
        return "again", named
    if remains is None or remains.release != asked:
        return None
    if remains.database is not None:
        return "again", remains.revision
    if remains.final is None or remains.snapshot is not None:
        return None
    return "restored", named if named is not None and named.final else remains.revision


def _back_to(active: Revision, previous: Revision, remains: Remains | None) -> tuple[Mode, Revision]:
    """The previous database may stand yet though the pointer says that it goes: a retire may not have come to its end.

    :raises NoSuchRevision: another incarnation of it stands.
    """
    if previous.database is not None or remains is None or remains.database is None:
        return _way_back(active, previous), previous
    found = remains.database
    if previous.final is not None and previous.final.resource_id != found.resource_id:
        raise NoSuchRevision(
            f"{found.name} stands and is {found.resource_id}, another than the previous one, of which "
            f"{previous.final.name} is kept: ask for its release by the timestamp to have this one serve again"
        )
    return "again", previous.model_copy(update={"database": found, "final": None})


def _way_back(active: Revision, previous: Revision) -> Mode:
    if previous.database is None:
        return "restored" if previous.final else "standing"
    # After a deployment of code alone, both revisions are on one database.
    return "active" if active.database and active.database.name == previous.database.name else "again"


def refuse_reuse(wanted: DatabaseReference, made_by: str, found: Kept | None) -> str:
    """Say why a database that stands is not used again; nothing: it is the one that is meant.

    It is the one rule by which a run uses a database that another run made: it is ours, it was made by the run that the
    pointer (or, where that names it no more, the plan) says, and it is the very incarnation that is named there.
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
    if not found.has_credentials:
        return (
            f"the credentials of database {wanted.name} ({wanted.secret}) are gone: no task could log in. A secret "
            "that was deleted can be restored for some days"
        )
    return ""


def existing(
    pointer: Pointer, releases: Sequence[str], standing: Sequence[str] = (), finals: Sequence[str] = ()
) -> str:
    """Tell what a namespace could be promoted to.

    :param releases: that have a snapshot.
    :param standing: that have a database here which was active once, whether the pointer names it or not.
    :param finals: that a final snapshot is kept of here.
    """
    found = [", ".join(releases) or "none"]
    if pointer.active is not None:
        found.append(f"active: {pointer.active.release or 'origin'}")
    if (previous := pointer.previous) is not None:
        final = f"kept in {previous.final.name}" if previous.final else "its database is gone"
        found.append(f"previous: {previous.release} ({'its database stands' if previous.database else final})")
    named = {each.release for each in (pointer.active, pointer.previous) if each is not None and each.database}
    if others := sorted(set(standing) - named):
        found.append(f"databases that stand: {', '.join(others)}")
    if kept := sorted(set(finals)):
        found.append(f"kept in a final snapshot: {', '.join(kept)}")
    return "; ".join(found)
