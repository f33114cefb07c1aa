"""One point: prepared, played, and AWS looked at. What is wrong is said in sentences."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from snaplift import naming
from snaplift.promotion.run import Run
from tests.chaos.airflow import Played
from tests.chaos.ground import BACK, SCENARIOS, VISITOR, Contents, Ground, Scenario, describe_tags
from tests.chaos.points import Call, Fault, Point
from tests.support.installation import TENANT, Standing

SERVES = {
    "available",
    "backing-up",
    "configuring-enhanced-monitoring",
    "maintenance",
    "modifying",
    "storage-optimization",
}
"""States in which RDS serves connections (RDS User Guide, "Viewing DB instance status")."""


@dataclass
class Trial:
    """How a run went."""

    points: tuple[Point, ...]
    """At which it was to be struck."""
    struck: dict[Point, int]
    """Calls by the point that struck them."""
    problems: list[str]
    story: str = ""
    left: list[str] = field(default_factory=list)
    """Databases that are left to the reaper."""
    seconds: float = 0.0

    @property
    def missed(self) -> list[Point]:
        """Points that no call met."""
        return [point for point in self.points if not self.struck.get(point)]

    @property
    def orphans(self) -> int:
        """Things, by kind, that nothing refers to any more, and that a recovery has left."""
        return sum(problem.startswith("I5") for problem in self.problems)

    @property
    def lost_writes(self) -> int:
        """Rows of visitors that are gone, and the plan had not said so."""
        return sum(problem.startswith("I7") for problem in self.problems)


def record(ground: Ground, scenario: Scenario) -> list[Call]:
    """The calls of a run of a scenario that is not struck.

    :raises AssertionError: it does not end as it has to.
    """
    before = ground.prepare(scenario)
    played = ground.play(scenario)
    calls = list(ground.wire.calls)
    problems = [*ground.moments, *_problems(ground, scenario, (), before, played)]
    assert not problems, f"{scenario.name}, not struck: {problems}: {played.story()}"
    return calls


def attempt(ground: Ground, *points: Point) -> Trial:
    """Try a run that is struck at points; afterwards the namespace is one that the next can be tried in."""
    scenario = SCENARIOS[points[0].scenario]
    began = time.monotonic()
    before = ground.prepare(scenario)
    played = ground.play(scenario, *points)
    struck = dict(ground.wire.struck)
    problems = [f"when it was struck: {moment}" for moment in ground.moments]
    problems += _problems(ground, scenario, points, before, played)
    left = ground.reap(scenario.environment)
    if problems:
        ground.empty(scenario.environment)
    return Trial(points, struck, problems, played.story(), left, time.monotonic() - began)


def _problems(
    ground: Ground, scenario: Scenario, points: Sequence[Point], before: Standing, played: Played
) -> Iterator[str]:
    run = Run(installation="acme", dag_id=scenario.dag_id, run_id=played.run_id).hash
    after = ground.installation.standing(scenario.environment)
    mine = after.pointer.active is not None and after.pointer.active.run == run
    if played.green and not mine:
        yield "I6: the run is green and its release is not active"
    if all(point.fault is not Fault.DENIED for point in points):
        if played.green != scenario.green:
            yield f"it did not go on: {played.story()}"
        if mine != scenario.green:
            yield f"{'its' if mine else 'the old'} release is active"
    if after.locked:
        yield f"the lock is {ground.installation.lock_phase(scenario.environment)}"
    yield from _new_serves(ground, scenario, before, after, played) if mine else _all_as_before(before, after)
    yield from _services_tasks_only(ground, scenario)
    yield from _made_once(ground, scenario, points, run)
    yield from _visitors_rows(ground, scenario, points, before, mine=mine)
    yield from _nothing_unmasked(ground, kept_yet=mine and not played.green)


def _nothing_unmasked(ground: Ground, *, kept_yet: bool) -> Iterator[str]:
    """What was taken to be masked is gone; where the run failed after its release was active, the reaper finds it."""
    for each in ground.installation.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
        tags = describe_tags(each["TagList"])
        if naming.is_unmasked(tags) or (naming.REFRESH_TAG in tags and not kept_yet):
            yield f"I5: {each['DBSnapshotIdentifier']} is left, which is not masked"


def _visitors_rows(
    ground: Ground, scenario: Scenario, points: Sequence[Point], before: Standing, *, mine: bool
) -> Iterator[str]:
    """I7: what a visitor wrote to the database that served is there, or the plan has said that it goes."""
    if before.pointer.active is None:
        return
    rows, written = ground.visitors_rows(scenario.environment), ground.rows
    if rows != (_expected(ground, scenario, before).visitors if mine else written):
        yield f"{'' if mine else 'I7: '}{rows} rows of visitors are there, of {written}"
    announced = f"notes: {written} row{'s' * (written > 1)} more"
    unread = ground.announced is not None and ground.announced.untold and any(point.task == "plan" for point in points)
    if mine and str(ground.announced) != announced and not unread:
        yield f"I7: '{announced}' is gone, and the plan told: {ground.announced}"


def _expected(ground: Ground, scenario: Scenario, before: Standing) -> Contents:
    """What the database holds that the run brings: a copy of its source's, or what it held when it was active."""
    previous = before.pointer.previous
    if scenario.release == "previous" and previous is not None:
        taken_up = previous.database or previous.final
        assert taken_up is not None
        return ground.contents[taken_up.resource_id]
    source = scenario.source or ground.installation.tenant.environments[scenario.environment].promoted_from
    assert source is not None
    [[rows]] = ground.installation.sql(source, f"SELECT COUNT(*) FROM notes WHERE text != '{VISITOR}'")
    return Contents(int(rows), 0)


def _all_as_before(before: Standing, after: Standing) -> Iterator[str]:
    for name, was in vars(before).items():
        if (now := getattr(after, name)) != was:
            yield f"it ended without its release, and {name} was {was} and is {now}"


def _new_serves(ground: Ground, scenario: Scenario, before: Standing, after: Standing, played: Played) -> Iterator[str]:
    environment, active = scenario.environment, after.pointer.active
    assert active is not None
    if active.database is None:
        yield "I1: the active revision has no database"
        return
    database = active.database
    state = ground.serving_state(database.name, database.resource_id)
    if state not in SERVES:
        yield f"I1: {database.name} is {state}"
    if not after.databases.get(database.name, ("", False))[1]:
        yield f"{database.name} is active and not protected from deletion"
    if after.service != (active.task_definition, 1, 1):
        yield f"I1: the service runs {after.service}, the pointer says {active.task_definition}"
    if after.pointer.candidate is not None:
        yield "the pointer has a candidate"
    yield from _nothing_left(scenario, before, after, database.name, retired=played.green)
    yield from _old_is_kept(ground, scenario, before, after, retired=played.green)
    yield from _data_are_its_own(ground, environment, after, _expected(ground, scenario, before).rows)


def _nothing_left(
    scenario: Scenario, before: Standing, after: Standing, database: str, *, retired: bool
) -> Iterator[str]:
    """I5; where the run failed after its release was active, the old database may be left to the reaper."""
    old = before.pointer.active.database if before.pointer.active else None
    namespace = f"{TENANT}-{scenario.environment}"
    stacks = {namespace, f"{namespace}-service", database}
    left = {old.name} if old and (not retired or scenario.environment == BACK) else set()
    if extra := set(after.databases) - {database} - left:
        yield f"I5: databases are left: {sorted(extra)}"
    if extra := {each for each in after.stacks if each.split()[0] not in stacks | left}:
        yield f"I5: stacks are left: {sorted(extra)}"
    if broken := {each for each in after.stacks if not each.endswith(" CREATE_COMPLETE")} - extra:
        yield f"stacks are not complete: {sorted(broken)}"
    if len(after.secrets) > 1 + len(left):
        yield f"I5: secrets are left: {after.secrets}"


def _old_is_kept(
    ground: Ground, scenario: Scenario, before: Standing, after: Standing, *, retired: bool
) -> Iterator[str]:
    """I2: what the previous revision names stands, and what is gone was kept as a snapshot."""
    old, previous = before.pointer.active, after.pointer.previous
    if old is None or old.database is None:
        return
    if previous is None or (previous.release, previous.run) != (old.release, old.run):
        yield f"the pointer's previous is {previous}, not {old}"
    elif previous.database is not None and previous.database.name not in after.databases:
        yield f"I2: the pointer's previous names {previous.database.name}, which does not stand"
    if old.database.name not in after.databases:
        final = old.database.name.replace("-db-", "-final-") + f"-{old.made_by}"
        found = ground.installation.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        if {"available"} != {each["Status"] for each in found if each["DBSnapshotIdentifier"] == final}:
            yield f"{old.database.name} is gone without its final snapshot"
    elif retired and scenario.environment != BACK:
        yield f"{old.database.name} still stands"


def _data_are_its_own(ground: Ground, environment: str, after: Standing, notes: int) -> Iterator[str]:
    i, active = ground.installation, after.pointer.active
    assert active is not None
    port = i.platforms.platforms[i.cluster(environment)].listener.port
    expected = f"http://{TENANT}-{environment}.localhost:{port} stable {notes} notes"
    if after.answer != expected:
        yield f"the site answers {after.answer!r}, not {expected!r}"
    if (place := i.sql(environment, "SELECT name FROM place")) != [(environment,)]:
        yield f"the data say that they are {place}"
    accounts = {row[0] for row in i.sql(environment, "SELECT GRANTEE FROM information_schema.USER_PRIVILEGES")}
    if accounts != {f"'{TENANT.replace('-', '')}_{active.made_by}'@'%'"}:
        yield f"its accounts are {accounts}"


def _services_tasks_only(ground: Ground, scenario: Scenario) -> Iterator[str]:
    groups = {task["group"] for task in ground.installation.tasks(scenario.environment)}
    if extra := groups - {f"service:{TENANT}-{scenario.environment}"}:
        yield f"I5: tasks are left: {sorted(extra)}"


def _made_once(ground: Ground, scenario: Scenario, points: Sequence[Point], run: str) -> Iterator[str]:
    """What a retry could make twice."""
    i = ground.installation
    snapshots = i.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    # A database's final snapshot inherits its tags: it is not the one that its release began as.
    releases = [
        each["DBSnapshotIdentifier"]
        for each in snapshots
        if describe_tags(each["TagList"]).get(naming.RUN_TAG) == run and "-final-" not in each["DBSnapshotIdentifier"]
    ]
    if len(releases) > 1:
        yield f"{len(releases)} snapshots were taken for one release"
    ecs = i.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=f"{TENANT}-{scenario.environment}", sort="DESC", maxResults=5)
    found = [ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]) for arn in arns["taskDefinitionArns"]]
    mine = [each for each in found if describe_tags(each.get("tags", [])).get(naming.RUN_TAG) == run]
    # RegisterTaskDefinition takes no client token: where its reply was lost, the SDK registers it again.
    lost = any(point.fault is Fault.LOST and "RegisterTaskDefinition" in point.call for point in points)
    if len(mine) > 1 + lost:
        yield f"{len(mine)} revisions were registered for one release"
