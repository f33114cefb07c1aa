"""Where points are tried: a laptop's AWS with one tenant, a namespace that serves and one where nothing is active."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from snaplift.aws.operators import metadata
from snaplift.naming import Namespace, Tenant
from snaplift.pipelines.promote import promote_dag
from snaplift.promotion.pointer import Pointer
from tests.chaos.airflow import Airflow, Played
from tests.chaos.points import WAIT, Call, Point, points
from tests.chaos.wire import Wire
from tests.support.installation import REGION, TENANT, Installation, Standing, provisioned, tenant, write_configuration
from tests.support.laptop import start_laptop
from tests.support.requests import eventually

SERVING, EMPTY = "qa", "bare"
# Fast, yet not so fast that a state is never seen.
_DELAYS: Final = {"*": 0.0, "ecs.start": 0.02, "ecs.health_interval": 0.05, "elb.health_interval": 0.05}
_ROOM: Final = {"L-7B6409FD": 1000, "L-272F1212": 1000}
_FAILING: Final = {"sql": "SELECT COUNT(*) FROM notes WHERE text = 'nothing has this text'"}


@dataclass(frozen=True)
class Scenario:
    """A run, and which of its tasks are struck."""

    name: str
    environment: str
    tasks: tuple[str, ...] = ()
    """Empty: all."""
    check_fails: bool = False
    """Its smoke check fails."""
    stop_after: str = ""
    """A person marks the run failed after this task."""

    @property
    def green(self) -> bool:
        """How it ends when it is not struck."""
        return not self.check_fails and not self.stop_after

    def points(self, calls: list[Call]) -> list[Point]:
        """Its points, by the calls of a clean run."""
        wanted = [call for call in calls if not self.tasks or call.task.removesuffix(WAIT) in self.tasks]
        return points(self.name, wanted)


SCENARIOS: Final = {
    each.name: each
    for each in (
        Scenario("promote", SERVING),
        Scenario("check-fails", SERVING, ("finish",), check_fails=True),
        Scenario("stopped-deploying", SERVING, ("finish",), stop_after="deploy"),
        Scenario("stopped-confirmed", SERVING, ("finish",), stop_after="confirm"),
        Scenario("first", EMPTY, ("deploy", "confirm", "activate", "retire", "finish")),
        Scenario("first-stopped", EMPTY, ("finish",), stop_after="confirm"),
    )
}


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
        with provisioned(laptop, folder / "images", ("dev", SERVING, EMPTY)) as installation:
            yield Ground(folder, installation, wire)


class Ground:
    """The installation, with runs to play on it."""

    def __init__(self, folder: Path, installation: Installation, wire: Wire) -> None:
        self.installation = installation
        self.wire = wire
        platforms = installation.platforms
        configurations = {
            False: write_configuration(folder / "good", platforms),
            True: write_configuration(folder / "failing", platforms, smoke=[_FAILING]),
        }
        self._dags = {fails: promote_dag(TENANT, tenant(), str(found)) for fails, found in configurations.items()}
        self._runs = 0
        self._served = False
        self.moments: list[str] = []
        """What was wrong in the moment in which a process was killed."""

    # -- runs --------------------------------------------------------------------------------------------------

    def prepare(self, scenario: Scenario) -> Standing:
        """Bring the scenario's namespace to where a run of it begins."""
        environment = scenario.environment
        self.installation.sql("dev", f"INSERT INTO notes VALUES ('before run {self._runs + 1}')")
        standing = self.installation.standing(environment)
        if environment == EMPTY and standing.pointer.active is not None:
            self.empty(environment)
        if environment == SERVING and standing.pointer.active is None:
            played = self.play(SCENARIOS["promote"], None)
            assert played.green, played.story()
        self._remove_snapshots(environment)
        return self.installation.standing(environment)

    def play(self, scenario: Scenario, point: Point | None) -> Played:
        """Play one run of a scenario; a finish that failed is run again, as the recovery or a clear would."""
        self._runs += 1
        self.moments = []
        dag = self._dags[scenario.check_fails]
        params = {"environment": scenario.environment, "release": "new", "build": "", "dry_run": False}
        airflow = Airflow(dag, params, self.wire, lambda: self._in_between(scenario.environment))
        before = self.installation.standing(scenario.environment)
        self._served = before.answer is not None
        self.wire.begin(point)
        try:
            played = airflow.play(f"chaos-{self._runs}", stop_after=scenario.stop_after)
        finally:
            self.wire.end()
        if self.installation.lock_phase(scenario.environment) not in {None, "free"}:
            airflow.clear("finish", played)
        return played

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
        pointer = self.installation.pointer(environment)[0]
        named = pointer.active.database.name if pointer.active and pointer.active.database else None
        left = sorted(self._database_names(environment) - {named})
        for name in left:
            self._remove_database(name)
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

    def _remove_database(self, name: str) -> None:
        rds, environment = self.installation.client("rds"), name.split("-")[2]
        for instance in self.installation.instances(environment):
            if instance["DBInstanceIdentifier"] == name:
                rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
                rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        eventually(lambda: name not in self.installation.standing(environment).databases, f"{name} goes")
        self._delete_stack(name)

    def _delete_stack(self, name: str) -> None:
        self.installation.client("cloudformation").delete_stack(StackName=name)
        environment = name.split("-")[2]

        def gone() -> bool:
            return not any(each.split()[0] == name for each in self.installation.standing(environment).stacks)

        eventually(gone, f"stack {name} goes")

    def _remove_snapshots(self, environment: str) -> None:
        """Those that no revision of the namespace began as."""
        pointer = self.installation.pointer(environment)[0]
        kept = {each.snapshot for each in (pointer.active, pointer.previous) if each}
        rds = self.installation.client("rds")
        for each in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
            if each["DBSnapshotIdentifier"] not in kept:
                rds.delete_db_snapshot(DBSnapshotIdentifier=each["DBSnapshotIdentifier"])


def describe_tags(found: Any) -> dict[str, str]:
    """Tags in either of AWS's spellings."""
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in found}
