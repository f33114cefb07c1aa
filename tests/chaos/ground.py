"""Where points are tried: a laptop's AWS with one tenant, a namespace that serves and one where nothing is active."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from snaplift.aws import driving
from snaplift.aws.operators import metadata
from snaplift.aws.steps import recover
from snaplift.aws.steps.promotion import utc_now
from snaplift.naming import Namespace, Tenant
from snaplift.pipelines.promote import promote_dag
from snaplift.pipelines.refresh import refresh_dag
from snaplift.promotion.pointer import FinalSnapshot, Pointer
from snaplift.promotion.recovery import GRACE, Holder
from snaplift.promotion.writes import Writes
from tests.chaos.airflow import LOOK, Airflow, Played
from tests.chaos.points import WAIT, Call, Point, points
from tests.chaos.wire import Wire
from tests.support.installation import REGION, TENANT, Installation, Standing, provisioned, tenant, write_configuration
from tests.support.laptop import start_laptop
from tests.support.requests import eventually

SERVING, EMPTY, BEHIND, BACK = "qa", "bare", "prod", "back"
"""A namespace that serves, one where nothing is active, one that gets what the first has tested, and one whose previous
database stands, to which it goes back."""
# Fast, yet not so fast that a state is never seen, nor that health, which is asked of all that stands, all the time,
# takes much of what two cores have.
_DELAYS: Final = {"*": 0.0, "ecs.start": 0.02, "ecs.health_interval": 0.15, "elb.health_interval": 0.15}
VISITOR: Final = "a visitor was here"
_ROOM: Final = {"L-7B6409FD": 1000, "L-272F1212": 1000}
_FAILING: Final = {"sql": "SELECT COUNT(*) FROM notes WHERE text = 'nothing has this text'"}
_ENVIRONMENTS: Final[dict[str, Any]] = {
    "dev": {"platform": "platform-nonprod"},
    SERVING: {"platform": "platform-nonprod", "from": "dev"},
    BEHIND: {"platform": "platform-prod", "from": SERVING, "target_writes": "allow"},
    EMPTY: {"platform": "platform-nonprod", "from": "dev"},
    BACK: {
        "platform": "platform-nonprod",
        "from": "dev",
        "target_writes": "allow",
        "retention": {"keep_previous": "1h"},
    },
}
_CHANGES: Final[dict[str, dict[str, Any]]] = {
    "": {},
    "check-fails": {"smoke": [_FAILING]},
    "commands": {
        "adapt": [{"command": ["sql", "UPDATE place SET name = '${environment}'"], "repeatable": True}],
        "smoke": [{"command": ["sql", "SELECT text FROM notes"]}],
    },
    "masking": {
        "masking": {
            "steps": [{"sql": [f"DELETE FROM notes WHERE text = '{VISITOR}'"], "repeatable": True}],
            "checks": [{"sql": f"SELECT COUNT(*) FROM notes WHERE text = '{VISITOR}'"}],
        }
    },
}
"""Configurations of the tenant, by what is other in them."""


@dataclass(frozen=True)
class Scenario:
    """A run, and which of its tasks are struck."""

    name: str
    environment: str
    tasks: tuple[str, ...] = ()
    """Empty: all."""
    configuration: str = ""
    """A key of what is other in the tenant's configuration."""
    release: str = "new"
    source: str = ""
    """Data are brought down from there, masked; empty: it is no refresh."""
    stop_after: str = ""
    """A person marks the run failed after this task."""

    @property
    def dag_id(self) -> str:
        name = Tenant.parse(TENANT)
        return name.refresh_dag_id if self.source else name.promote_dag_id

    @property
    def green(self) -> bool:
        """How it ends when it is not struck."""
        return self.configuration != "check-fails" and not self.stop_after

    def points(self, calls: list[Call], seed: int = 0) -> list[Point]:
        """Its points, by the calls of a clean run."""
        wanted = [call for call in calls if not self.tasks or call.task.removesuffix(WAIT) in self.tasks]
        return points(self.name, wanted, seed)


_OF_A_ROLLBACK: Final = ("plan", "lock", "database", "smoke", "deploy", "confirm", "activate", "retire", "finish")
SCENARIOS: Final = {
    each.name: each
    for each in (
        Scenario("promote", SERVING),
        Scenario("check-fails", SERVING, ("finish",), "check-fails"),
        Scenario("stopped-deploying", SERVING, ("finish",), stop_after="deploy"),
        Scenario("stopped-confirmed", SERVING, ("finish",), stop_after="confirm"),
        Scenario("first", EMPTY, ("deploy", "confirm", "activate", "retire", "finish")),
        Scenario("first-stopped", EMPTY, ("finish",), stop_after="confirm"),
        Scenario("commands", SERVING, ("adapt", "smoke"), "commands"),
        Scenario("tested", BEHIND, ("plan", "snapshot"), release="tested"),
        Scenario("rollback", BACK, _OF_A_ROLLBACK, release="previous"),
        Scenario("rollback-stopped", BACK, ("finish",), release="previous", stop_after="confirm"),
        Scenario("restored", SERVING, ("database", "activate"), release="previous"),
        Scenario("refresh", SERVING, ("mask",), "masking", source=BEHIND),
    )
}


_KEPT: Final = Scenario("kept", BACK)
"""Makes what a rollback goes back to."""


@dataclass(frozen=True)
class Contents:
    """What a database holds: rows, and how many of them are visitors'."""

    rows: int
    visitors: int


@contextmanager
def open_ground(folder: Path) -> Iterator[Ground]:
    """Start a laptop's AWS with everything that a point needs, in this process's environment."""
    with pytest.MonkeyPatch.context() as patch, start_laptop(folder / "laptop", delays=_DELAYS) as laptop:
        for name, value in laptop.environment().items():
            patch.setenv(name, value)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        laptop.control("PUT", "quotas", _ROOM)
        wire = Wire(laptop)
        wire.tap(patch)
        patch.setattr(metadata, "this_airflow", lambda: "sweep")  # there is no metadata database here
        of = tenant(environments=_ENVIRONMENTS)
        with provisioned(laptop, folder / "images", tuple(_ENVIRONMENTS), of) as installation:
            yield Ground(folder, installation, wire)


class Ground:
    """The installation, with runs to play on it."""

    def __init__(self, folder: Path, installation: Installation, wire: Wire) -> None:
        self.installation = installation
        self.wire = wire
        configured = {name: self._configure(folder / f"config-{name}", each) for name, each in _CHANGES.items()}
        self._dags = {name: promote_dag(TENANT, installation.tenant, config) for name, config in configured.items()}
        self._refreshing = refresh_dag(TENANT, installation.tenant, configured["masking"])
        self._runs = 0
        self._served = False
        self.contents: dict[str, Contents] = {}
        """Of each incarnation that was active before a run, as it was then."""
        self.rows = 0
        """What visitors had written before the last run."""
        self.announced: Writes | None = None
        """What the last run's plan said that visitors had written."""
        self.moments: list[str] = []
        """What was wrong in the moment in which a process was killed."""

    def _configure(self, folder: Path, changes: dict[str, Any]) -> str:
        given = {"environments": _ENVIRONMENTS, **changes}
        return str(write_configuration(folder, self.installation.platforms, **given))

    # -- runs --------------------------------------------------------------------------------------------------

    def prepare(self, scenario: Scenario) -> Standing:
        """Bring the scenario's namespace to where a run of it begins."""
        environment = scenario.environment
        if environment == EMPTY and self.installation.pointer(environment)[0].active is not None:
            self.empty(environment)
        if environment != EMPTY:
            self._make_ready(scenario)
            self.installation.sql(environment, f"INSERT INTO notes VALUES ('{VISITOR}')")
            self._look_into(environment)
            self.rows = self.visitors_rows(environment)
        self.installation.sql("dev", f"INSERT INTO notes VALUES ('before run {self._runs + 1}')")
        self._remove_snapshots()
        return self.installation.standing(environment)

    def _make_ready(self, scenario: Scenario) -> None:
        """Have active in a namespace, and before it, what a scenario begins with."""
        environment, first = scenario.environment, SCENARIOS["promote"]
        if environment == BEHIND:
            self._serve(first)
        self._serve(next(each for each in (first, SCENARIOS["tested"], _KEPT) if each.environment == environment))
        if environment == BEHIND:
            self._test(first)
        if scenario.source:
            self._serve(SCENARIOS["tested"])
            self.installation.sql(scenario.source, f"INSERT INTO notes VALUES ('{VISITOR}')")
        if scenario.release == "previous":
            self._have_previous(first if environment == SERVING else _KEPT)

    def _have_previous(self, scenario: Scenario) -> None:
        """Have a previous revision that can be gone back to."""
        previous = self.installation.pointer(scenario.environment)[0].previous
        if previous is None or (previous.database is None and previous.final is None):
            self._promote(scenario)

    def _look_into(self, environment: str) -> None:
        """Remember what the active database holds, which may become the previous one."""
        active = self.installation.pointer(environment)[0].active
        if active is None or active.database is None:
            return
        [[rows]] = self.installation.sql(environment, "SELECT COUNT(*) FROM notes")
        self.contents[active.database.resource_id] = Contents(int(rows), self.visitors_rows(environment))

    def visitors_rows(self, environment: str) -> int:
        """Count what visitors wrote to the active database of a namespace."""
        [[rows]] = self.installation.sql(environment, f"SELECT COUNT(*) FROM notes WHERE text = '{VISITOR}'")
        return int(rows)

    def _serve(self, scenario: Scenario) -> None:
        """Have a release active in a scenario's namespace."""
        if self.installation.pointer(scenario.environment)[0].active is None:
            self._promote(scenario)

    def _test(self, scenario: Scenario) -> None:
        """Have a release active in a scenario's namespace that is newer than what is active one environment behind."""
        active, behind = (self.installation.pointer(name)[0].active for name in (scenario.environment, BEHIND))
        newer = (
            active is not None
            and not active.masked_from
            and (behind is None or str(active.release) > str(behind.release))
        )
        if not newer:
            self._promote(scenario)

    def _promote(self, scenario: Scenario) -> None:
        self._look_into(scenario.environment)
        played = self.play(scenario)
        assert played.green, played.story()

    def play(self, scenario: Scenario, *points: Point) -> Played:
        """Play one run of a scenario; what a finish that failed has left is done by the recovery."""
        self._runs += 1
        self.moments = []
        dag = self._refreshing if scenario.source else self._dags[scenario.configuration]
        asked = {"from": scenario.source} if scenario.source else {"release": scenario.release}
        params = {"environment": scenario.environment, "build": "", "dry_run": False, **asked}
        airflow = Airflow(dag, params, self.wire, lambda: self._in_between(scenario.environment))
        self._served = self.installation.answer(scenario.environment) is not None
        self.wire.begin(points)
        try:
            played = airflow.play(f"chaos-{self._runs}", stop_after=scenario.stop_after)
        finally:
            self.wire.end()
        planned = airflow.xcom("plan")
        self.announced = Writes.model_validate(planned["writes"]) if planned and planned["writes"] else None
        if self._is_locked(scenario.environment):
            self._recover()
        return played

    def _is_locked(self, environment: str) -> bool:
        return self.installation.lock_phase(environment) not in {None, "free"}

    def _recover(self) -> None:
        """End a run that has ended without giving its lock back, by the code of ``fleet.recover``."""
        platforms = self.installation.platforms

        def ask(_: Any) -> Holder:
            return Holder(run="failed", finish="failed")

        def later() -> datetime:
            return utc_now() + 2 * GRACE

        try:
            for lead in recover.find(platforms, ask, later):
                driving.drive(lambda lead=lead: recover.advance(platforms, lead, ask, later), first=LOOK, slowest=LOOK)  # type: ignore[misc]
        except Exception as error:
            self.moments.append(f"fleet.recover: {type(error).__name__}: {error}")

    def _in_between(self, environment: str) -> None:
        """What must hold at every moment: who visits is served, from a database that stands."""
        if not self._served:
            return
        active = self.installation.pointer(environment)[0].active
        if active is None or active.database is None:
            self.moments.append("the pointer names nothing that is active")
            return
        if self.serving_state(active.database.name, active.database.resource_id) is None:
            self.moments.append(f"{active.database.name}, which is active, does not stand")
        if self.installation.answer(environment) is None:
            self.moments.append("the site does not answer")

    def serving_state(self, name: str, resource_id: str) -> str | None:
        """The state of one incarnation of a database; None: it does not stand."""
        for each in self.installation.instances(name.split("-")[2]):
            if each["DBInstanceIdentifier"] == name and each["DbiResourceId"] == resource_id:
                return str(each["DBInstanceStatus"])
        return None

    # -- clearing up -------------------------------------------------------------------------------------------

    def reap(self, environment: str) -> list[str]:
        """Take away databases that no revision names, as the reaper does. Returns their names."""
        pointer, _ = self.installation.pointer(environment)
        if environment != BACK and pointer.previous and pointer.previous.database:  # its time is over at once
            pointer = pointer.previous_is_gone()
            self.installation.client("ssm").put_parameter(
                Name=Namespace(Tenant.parse(TENANT), environment).pointer,
                Value=pointer.format(),
                Type="String",
                Overwrite=True,
            )
        left = sorted(self._database_names(environment) - pointer.databases)
        for name in left:
            self._remove_database(name, pointer.previous.final if pointer.previous else None)
        return left

    def empty(self, environment: str) -> None:
        """Take everything away that promotions made in a namespace."""
        i, name = self.installation, Namespace(Tenant.parse(TENANT), environment)
        self._delete_stack(name.service_stack)
        for database in self._database_names(environment):
            self._remove_database(database)
        for task in i.tasks(environment):
            i.client("ecs").stop_task(cluster=i.cluster(environment), task=task["taskArn"])
        eventually(lambda: not i.tasks(environment), "the tasks stop")
        i.client("ssm").put_parameter(Name=name.pointer, Value=Pointer().format(), Type="String", Overwrite=True)
        if i.lock_phase(environment) is not None:
            i.lose_lock(environment)

    def _database_names(self, environment: str) -> set[str]:
        """Of instances, and of the stacks that outlived theirs."""
        standing = self.installation.standing(environment)
        return {*standing.databases, *(each.split()[0] for each in standing.stacks if "-db-" in each)}

    def _remove_database(self, name: str, final: FinalSnapshot | None = None) -> None:
        """Remove a database with its stack; with the final snapshot that the pointer names of it, if it does."""
        rds, environment = self.installation.client("rds"), name.split("-")[2]
        for instance in self.installation.instances(environment):
            if instance["DBInstanceIdentifier"] == name:
                kept = final is not None and final.resource_id == instance["DbiResourceId"]
                how = {"FinalDBSnapshotIdentifier": final.name} if final and kept else {"SkipFinalSnapshot": True}
                rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
                rds.delete_db_instance(DBInstanceIdentifier=name, **how)
        eventually(lambda: name not in self.installation.standing(environment).databases, f"{name} goes")
        self._delete_stack(name)

    def _delete_stack(self, name: str) -> None:
        self.installation.client("cloudformation").delete_stack(StackName=name)
        environment = name.split("-")[2]

        def gone() -> bool:
            return not any(each.split()[0] == name for each in self.installation.standing(environment).stacks)

        eventually(gone, f"stack {name} goes")

    def _remove_snapshots(self) -> None:
        """Those that no revision of a namespace began as."""
        pointers = [self.installation.pointer(environment)[0] for environment in (SERVING, EMPTY, BEHIND, BACK)]
        kept = frozenset[str]().union(*(found.snapshots for found in pointers))
        rds = self.installation.client("rds")
        for each in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
            if each["DBSnapshotIdentifier"] not in kept:
                rds.delete_db_snapshot(DBSnapshotIdentifier=each["DBSnapshotIdentifier"])


def describe_tags(found: Any) -> dict[str, str]:
    """Tags in either of AWS's spellings."""
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in found}
