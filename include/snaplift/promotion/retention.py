"""What retention keeps of what nothing, or only a rollback, refers to."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from snaplift import naming
from snaplift.config.fields import format_duration
from snaplift.config.retention import Retention
from snaplift.promotion.estate import SeenPointer, Thing

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def earlier_databases(
    databases: Iterable[Thing], seen: SeenPointer | None, retention: Retention, now: datetime
) -> dict[str, str]:
    """Say which databases that were active once stand on for a rollback, by resource id, each until when.

    One stopped being active at the latest when the next one was made; that time is on the instances, and no release's
    name tells it, since an old release may be promoted today.

    :param databases: the namespace's instances.
    """
    pointer = seen.pointer if seen else None
    active = pointer.active.database if pointer and pointer.active else None
    # activate protects a database; a candidate that was given up never was.
    once = [each for each in databases if each.protected and each.created_at is not None]
    newest_first = sorted(once, key=_made, reverse=True)
    found: dict[str, str] = {}
    for newer, thing in pairwise(newest_first):
        until = _made(newer) + retention.keep_previous
        is_active = active is not None and thing.resource_id == active.resource_id
        if not is_active and len(found) < retention.keep_databases and now < until:
            found[thing.resource_id] = f"an earlier database stands until {until:%Y-%m-%d %H:%M} UTC"
    return found


def is_expired(seen: SeenPointer | None, retention: Retention, now: datetime) -> bool:
    """Say whether a pointer's previous database has stood for its time; what cannot be told is no yes.

    The time runs from the activation, whatever was written since by promotions that were aborted. A pointer of an
    earlier version does not tell when that was: then from when it was written last.
    """
    pointer = seen.pointer if seen else None
    if seen is None or pointer is None or (since := pointer.activated_at or seen.written_at) is None:
        return False
    stands = pointer.previous is not None and pointer.previous.database is not None
    return stands and pointer.active is not None and now >= since + retention.keep_previous


def held_snapshots(unreferenced: Iterable[Thing], retention: Retention, now: datetime) -> dict[str, str]:
    """Say which of a namespace's snapshots are kept although nothing refers to them, by identity, each with why.

    One that failed holds nothing, and takes no other's place; one that is being taken stays for that.
    """
    good = [thing for thing in unreferenced if thing.state == "available"]
    releases = [thing for thing in good if is_release(thing)]
    # What an abort or a reap took away though it served may be asked for when that is found out.
    left = [thing for thing in good if not is_release(thing) and naming.WRITES_TAG in thing.tags]
    finals = [thing for thing in good if not is_release(thing) and naming.WRITES_TAG not in thing.tags]
    at_least, time = max(retention.final_snapshots, 1), retention.final_snapshots_for
    return {
        **_newest(releases, retention.snapshots, retention.snapshots_for, retention.snapshots_min, "releases'", now),
        **_newest(finals, retention.final_snapshots, time, 0, "final", now),
        **_newest(left, at_least, time, 0, "final", now, "of what was discarded "),
    }


def _newest(
    things: list[Thing], most: int, time: timedelta, least: int, what: str, now: datetime, of: str = ""
) -> dict[str, str]:
    found = {}
    for rank, thing in enumerate(sorted(things, key=_made, reverse=True)):
        if rank < least or (rank < most and now < _made(thing) + time):
            until = "" if rank < least else f", for {format_duration(time)}"
            found[thing.identity] = f"one of the {most} newest {what} snapshots {of}that are kept{until}"
    return found


def is_release(thing: Thing) -> bool:
    """Say whether a snapshot is a release's; otherwise it is the final one of a database."""
    with suppress(naming.InvalidName):
        naming.SnapshotName.parse(thing.name)
        return True
    return False


def _made(thing: Thing) -> datetime:
    return thing.created_at or _LONG_AGO
