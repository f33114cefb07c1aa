"""Visitors of one environment, and the databases in which their writes are looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import pymysql
from local.load import Load, Request, Snapshot, Write, new_record, read_ids

from snaplift.config.tenant import Tenant
from tests.chaos.access.tally import Tally
from tests.support.driving import Driver
from tests.support.installation import Installation, tenant
from tests.support.requests import eventually

ENVIRONMENT: Final = "qa"
_SLOW: Final = Request(
    "/?slow", "POST", json={"title": "Slowly added {unique}", "seconds": "1.5"}, expected=frozenset({201})
)
"""It is under way while tasks are taken out of service."""
CONTROL: Final = "dev"
"""Nothing is promoted to it: how long its visitors wait is the machine's doing."""
WAITING: Final = 200
"""Requests that may be unanswered at a time: more than a second's."""
SETTLED: Final = 12
"""Writes that are answered before anything happens, and after all of it."""
_NOTES: Final = (Request("/"), new_record("/"))
_RESTORED: Final = "looked-into"
_PASSWORD: Final = "only-to-look-into-it"


@dataclass(frozen=True)
class Visit:
    """What visitors saw, and what is left of what they wrote."""

    outcome: Any
    """Of what was done meanwhile."""
    seen: Snapshot
    acknowledged: tuple[Write, ...]
    gone: tuple[Write, ...]
    """Acknowledged, and not in the database that is active afterwards."""
    longest_gap: float
    """Seconds between two good answers, or two acknowledged writes."""
    machines_gap: float
    """The same, of a site that nothing was promoted to meanwhile."""


@dataclass(frozen=True)
class Visitors:
    """What visitors ask of a site, and where what they write is."""

    table: str
    column: str
    """Whose text ends with a write's id."""
    asked: tuple[Request, ...]
    """In turn: pages, and writes."""
    rate: float
    """Requests a second."""
    control: tuple[Request, ...]
    """What is asked of the site that nothing is promoted to, at half the rate."""


NOTES: Final = Visitors("notes", "text", (*_NOTES, *_NOTES, _SLOW), 12.0, _NOTES)
"""Pages, writes, and some writes that take their time."""


def visited_tenant(target_writes: str = "allow", **changes: Any) -> Tenant:
    """The tenant, with sections replaced: two tasks a service, and time for a request to end."""
    service = tenant().model_dump(mode="json", by_alias=True)["service"]
    service |= {"count": 2, "deployment": {"failures": 1, "drain": "10s", "deadline": "2m"}}
    environments = {
        "dev": {"platform": "platform-nonprod"},
        ENVIRONMENT: {"platform": "platform-nonprod", "from": "dev", "target_writes": target_writes},
    }
    return tenant(**{"service": service, "environments": environments, **changes})


class Ground:
    """The environment that is visited."""

    def __init__(
        self,
        installation: Installation,
        tell: Callable[[str], None],
        record: Callable[[str, object], None],
        visitors: Visitors = NOTES,
    ) -> None:
        self.installation = installation
        self.visitors = visitors
        self._tell = tell
        self._record = record
        self._load: Load | None = None

    def driver(self, target_writes: str = "allow", **changes: Any) -> Driver:
        """Another run of a promotion to the environment; of a tenant that differs where something is given."""
        other = visited_tenant(target_writes, **changes) if changes or target_writes != "allow" else None
        return self.installation.driver(ENVIRONMENT, other)

    def visit(self, what: str, act: Callable[[], Any], *, promised: bool = True) -> Visit:
        """Do something while visitors come, and print what they saw.

        :param promised: that nobody is turned away; otherwise it is not among the totals.
        """
        of = self.visitors
        with (
            Load(self._site(CONTROL), of.control, rate=of.rate / 2, max_waiting=WAITING) as control,
            Load(self._site(ENVIRONMENT), of.asked, rate=of.rate, max_waiting=WAITING) as load,
        ):
            self._load = load
            self.wait_for_writes()
            outcome = act()
            self.wait_for_writes()
        visit = Visit(
            outcome,
            load.snapshot(),
            load.ledger.acknowledged(),
            load.ledger.gone(self.ids()),
            max(load.snapshot().longest_gap, load.ledger.longest_gap()),
            max(control.snapshot().longest_gap, control.ledger.longest_gap()),
        )
        self._print(what, visit)
        if promised:
            self._count(visit)
        return visit

    def announced(self, visit: Visit, kept: Iterable[str]) -> None:
        """Count what a visit lost as told of: where it is kept was said, and it is there.

        :param kept: ids of the writes there.
        """
        told = {write.id for write in visit.gone} & set(kept)
        Tally(lost_unannounced=-len(told)).record(self._record)

    def _count(self, visit: Visit) -> None:
        seen = visit.seen
        Tally(seen.requests, seen.failed, visit.longest_gap, len(visit.acknowledged), len(visit.gone)).record(
            self._record
        )

    def _print(self, what: str, visit: Visit) -> None:
        self._tell(
            f"{what}: {visit.seen.requests} requests, {visit.seen.failed} failed, longest gap "
            f"{visit.longest_gap:.2f} s (the machine's own {visit.machines_gap:.2f} s); {len(visit.acknowledged)} "
            f"writes acknowledged, {len(visit.gone)} of them not in what is active"
        )
        for failure in visit.seen.last_failures:
            self._tell(f"  {failure.at:.3f} {failure.request}: {failure.reason}")

    def _site(self, environment: str) -> str:
        port = self.installation.platforms.platforms[self.installation.cluster(environment)].listener.port
        return f"http://{self.installation.tenant.tenant}-{environment}.localhost:{port}"

    def wait_for_writes(self) -> None:
        """Return when the visitors' next few writes have been answered, well or not."""
        load = self._load
        assert load is not None
        asked = len(load.ledger.acknowledged()) + len(load.ledger.failed())
        eventually(lambda: len(load.ledger.acknowledged()) + len(load.ledger.failed()) >= asked + SETTLED, "writes")

    # -- databases ---------------------------------------------------------------------------------------------

    def ids(self) -> frozenset[str]:
        """The ids of all writes in the active database."""
        table, column = self.visitors.table, self.visitors.column
        found = self.installation.sql(ENVIRONMENT, f"SELECT {column} FROM {table}")  # names of our own
        return frozenset(row[0].split()[-1] for row in found)

    def ids_in_snapshot(self, name: str) -> frozenset[str]:
        """The same, of a snapshot: it is restored to look into it."""
        rds = self.installation.client("rds")
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=_RESTORED, DBSnapshotIdentifier=name)
        try:
            rds.get_waiter("db_instance_available").wait(
                DBInstanceIdentifier=_RESTORED, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
            rds.modify_db_instance(
                DBInstanceIdentifier=_RESTORED, MasterUserPassword=_PASSWORD, ManageMasterUserPassword=False
            )
            [found] = rds.describe_db_instances(DBInstanceIdentifier=_RESTORED)["DBInstances"]
            connection = eventually(
                lambda: _connect(found, self.installation.tenant.database.name), "the restored snapshot lets one in"
            )
            with closing(connection), connection.cursor() as cursor:
                return read_ids(cursor, self.visitors.table, self.visitors.column)
        finally:
            rds.delete_db_instance(DBInstanceIdentifier=_RESTORED, SkipFinalSnapshot=True)
            rds.get_waiter("db_instance_deleted").wait(
                DBInstanceIdentifier=_RESTORED, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )


def _connect(instance: Any, database: str) -> Any:
    """A connection as the master user. None: its new password is not taken yet."""
    try:
        return pymysql.connect(
            host=instance["Endpoint"]["Address"],
            port=instance["Endpoint"]["Port"],
            user=instance["MasterUsername"],
            password=_PASSWORD,
            database=database,
            connect_timeout=5,
        )
    except pymysql.err.OperationalError:
        return None
