"""Exactly the orphans go, among five hundred things that look like them, with throttled and broken listings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.steps import reap
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.reaping import Action, Fleet, Verdict, within
from snaplift.promotion.run import Run
from tests.support.driving import PROMOTE, Driver, drive
from tests.support.installation import TENANT, Installation, provision_tenant, tenant
from tests.support.installed import installed

DEV, QA, BARE = (naming.Namespace.parse(f"{TENANT}-{name}") for name in ("dev", "qa", "bare"))
OTHER: Final = f"{TENANT[:-1]}7"
"""Another tenant of the configuration, whose things are called alike."""
NAMESAKE = naming.Namespace.parse(f"{OTHER}-qa")
pytestmark = pytest.mark.timeout(600)  # five hundred things are read two dozen times
RETENTION: Final = {"grace": "1h", "snapshots": 30, "final_snapshots": 1, "keep_previous": "7d"}
OLD: Final = naming.Release("20200101t000000z")
RUN: Final = "0a1b2c3d"
REAP: Final = Run(installation="acme", dag_id="fleet.reap", run_id="run-1")
STACK: Final = "11111111-2222-3333-4444-555555555555"
LISTINGS: Final = (
    ("rds", "DescribeDBInstances"),
    ("rds", "DescribeDBSnapshots"),
    ("cloudformation", "DescribeStacks"),
    ("secretsmanager", "ListSecrets"),
    ("ssm", "GetParametersByPath"),
    ("logs", "DescribeLogGroups"),
    ("ecs", "ListTaskDefinitions"),
    ("ecs", "ListTasks"),
    ("dynamodb", "Scan"),
)
CAP: Final = 5
PAGED: Final = ("ListSecrets", "GetParametersByPath", "DescribeLogGroups")
"""Those of which there is more than a page here."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Its qa has been promoted to twice, so that a rollback's target stands."""
    with installed(tmp_path_factory.mktemp("fleet"), tenant(retention=RETENTION), ("dev", "qa")) as found:
        found.driver("qa").promote("new")
        time.sleep(1.1)  # the next release has another name
        found.driver("qa").promote("new")
        yield found


@pytest.fixture(scope="module")
def other(made: Installation) -> Installation:
    """The other tenant's; to its bare a promotion will be under way."""
    found = replace(made, tenant=tenant(tenant=OTHER, retention=RETENTION))
    provision_tenant(found, ("dev", "qa", "bare"))
    return found


def begin(other: Installation) -> tuple[Driver, tuple[str, ...]]:
    """Begin a promotion that holds its lock and has a candidate; what is left of it is given."""
    driver = other.driver("bare")
    driver.lock(driver.plan("new"))
    done = PROMOTE.index("database") + 1
    for step in PROMOTE[:done]:
        driver.step(step)
    return driver, PROMOTE[done:]


def listed(tags: dict[str, str], lower: bool = False) -> Any:
    key, value = ("key", "value") if lower else ("Key", "Value")
    return [{key: name, value: content} for name, content in tags.items()]


class Placing:
    """Puts things into the laptop's AWS as if they had been left there; each gives the name it is listed by."""

    def __init__(self, made: Installation) -> None:
        self.made = made
        active = made.pointer("qa")[0].active
        assert active is not None
        found = made.client("ecs").describe_task_definition(taskDefinition=active.task_definition)["taskDefinition"]
        kept = ("networkMode", "containerDefinitions", "cpu", "memory", "executionRoleArn", "taskRoleArn")
        self.definition = {key: found[key] for key in kept} | {"requiresCompatibilities": ["FARGATE"]}

    def secret(self, name: str, tags: dict[str, str]) -> str:
        self.made.client("secretsmanager").create_secret(Name=name, SecretString="{}", Tags=listed(tags))
        return f"secret {name}"

    def log_group(self, name: str, tags: dict[str, str]) -> str:
        self.made.client("logs").create_log_group(logGroupName=name, tags=tags)
        return f"log group {name}"

    def pointer(self, name: naming.Namespace, tags: dict[str, str]) -> str:
        self.made.client("ssm").put_parameter(
            Name=name.pointer, Value=Pointer().format(), Type="String", Tags=listed(tags)
        )
        return f"parameter {name.pointer}"

    def revision(self, family: str, tags: dict[str, str]) -> str:
        given = {"family": family, **self.definition, **({"tags": listed(tags, lower=True)} if tags else {})}
        answer = self.made.client("ecs").register_task_definition(**given)
        return f"revision {answer['taskDefinition']['taskDefinitionArn'].rpartition('/')[2]}"

    def snapshot(self, name: str, tags: dict[str, str]) -> str:
        self.made.client("rds").create_db_snapshot(
            DBSnapshotIdentifier=name, DBInstanceIdentifier=DEV.database(None), Tags=listed(tags)
        )
        return f"snapshot {name}"

    def database(self) -> str:
        """What a run had made that lost its lock."""
        driver = self.made.driver("qa")
        driver.lock(driver.plan("new"))
        for step in PROMOTE[: PROMOTE.index("database") + 1]:
            driver.step(step)
        self.made.lose_lock("qa")
        return QA.database(naming.Release(driver.results["lock"].result["release"]))


def standing(made: Installation) -> set[str]:
    """Everything there is, asked past the product."""

    def pages(service: str, call: str, key: str, **given: Any) -> Iterator[Any]:
        for page in made.client(service).get_paginator(call).paginate(**given):
            yield from page[key]

    listed = (each["Name"] for each in pages("secretsmanager", "list_secrets", "SecretList"))
    found = {f"secret {name}" for name in listed if not name.startswith("rds!")}  # those are RDS's, and go with it
    found |= {f"log group {each['logGroupName']}" for each in pages("logs", "describe_log_groups", "logGroups")}
    found |= {
        f"parameter {each['Name']}"
        for each in pages("ssm", "get_parameters_by_path", "Parameters", Path="/", Recursive=True)
    }
    found |= {
        f"revision {arn.rpartition('/')[2]}"
        for arn in pages("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE")
    }
    found |= {
        f"snapshot {each['DBSnapshotIdentifier']}"
        for each in pages("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual")
    }
    found |= {
        f"instance {each['DBInstanceIdentifier']}" for each in pages("rds", "describe_db_instances", "DBInstances")
    }
    return found | {
        f"stack {each['StackName']}"
        for each in pages("cloudformation", "describe_stacks", "Stacks")
        if each["StackStatus"] != "DELETE_COMPLETE"
    }


def place_near_orphans(place: Placing) -> None:
    """What looks like an orphan and is none."""
    ours, others = naming.tags("acme", QA, release=OLD, run=RUN), naming.tags("other", QA, release=OLD, run=RUN)
    for number in range(80):
        ghost = naming.Namespace.parse(f"gone-{number:04}-qa")  # a tenant that left the configuration
        tags = naming.tags("acme", ghost, release=OLD, run=RUN)
        place.secret(f"{ghost.application_secret(OLD, RUN)}/{STACK}", tags)
        place.log_group(ghost.log_group, tags)
        place.pointer(ghost, tags)
    for number in range(70):
        place.secret(f"{QA.application_secret(OLD, f'{number:08x}')}/{STACK}", others)  # another installation's
        place.secret(f"{QA.secret_prefix}by-hand-{number}", ours)  # a name that is none of ours
        place.revision(f"{TENANT}-qa", {} if number % 2 else others)  # someone else's in our family
    for number in range(40):
        place.log_group(f"/snaplift/crm/{number}", {})  # someone else's, with our prefix and no tag
        place.secret(f"snaplift/{TENANT}/qa/{OLD}/{number:08x}/{STACK[:-1]}f", {"team": "crm"})
    # The other tenant's namesake of what goes here; its last state is kept.
    place.snapshot(NAMESAKE.final_snapshot(OLD, RUN), naming.tags("acme", NAMESAKE, release=OLD, run=RUN))
    place.snapshot(QA.final_snapshot(OLD, "ffffffff"), others)
    place.snapshot(DEV.snapshot(OLD), {"team": "crm"})


def place_orphans(place: Placing) -> set[str]:
    tags = naming.tags("acme", QA, release=OLD, run=RUN)
    database = place.database()
    found = {f"instance {database}", f"stack {database}"}
    found |= {place.secret(f"{QA.application_secret(OLD, f'a{number:07x}')}/{STACK}", tags) for number in range(3)}
    found |= {place.secret(f"{QA.environment_secrets}{STACK}/SALT", naming.tags("acme", QA))}
    found |= {place.revision(f"{TENANT}-qa", tags) for _ in range(3)}
    found |= {place.snapshot(QA.final_snapshot(OLD, RUN), tags)}
    bare = naming.tags("acme", BARE)  # its stack is gone, its pointer says that nothing is active
    place.pointer(BARE, bare)
    found |= {place.log_group(BARE.log_group, bare)}
    place.revision(f"{TENANT}-qa", tags)  # the newest of its family, which stays
    namesakes = naming.tags("acme", NAMESAKE, release=OLD, run=RUN)  # of the other tenant only what is an orphan
    return found | {place.secret(f"{NAMESAKE.application_secret(OLD, 'a0000000')}/{STACK}", namesakes)}


def later(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def look(of: Fleet, hours: float) -> list[Verdict]:
    surveys, verdicts = reap.find(of, lambda: later(hours))
    reap.mark(of, surveys, verdicts)
    return verdicts


def full_run(of: Fleet, hours: float) -> tuple[list[Verdict], set[str]]:
    """One run of fleet.reap, so many hours from now: what it judged, and what went."""
    verdicts, gone = look(of, hours), set()
    for verdict in within(verdicts, CAP)[0]:
        departure = reap.Departure.of(verdict)
        done = drive(lambda each=departure: reap.advance(of, each, REAP, now=lambda: later(hours)))  # type: ignore[misc]
        gone.add(done.result["removed"])
    return verdicts, gone


def test_s14_exactly_the_orphans_go_among_five_hundred_things(made: Installation, other: Installation) -> None:
    place = Placing(made)
    place_near_orphans(place)
    orphans = place_orphans(place)
    under_way, steps = begin(other)
    before, serves = standing(made), made.standing("qa")
    assert serves.answer
    assert len(before) >= 500
    assert orphans <= before
    of = Fleet(platforms=made.platforms, tenants={each.tenant.tenant: each.tenant for each in (made, other)})
    look(of, 0)
    assert standing(made) == before

    # A listing that breaks off, at its first page or a later one: nothing is decided.
    for service, operation in LISTINGS:
        nth = 2 if operation in PAGED else 1
        made.laptop.set_faults(
            {"action": "deny", "service": service, "operation": operation, "nth": nth, "times": 1000}
        )
        with pytest.raises(ClientError, match="AccessDenied"):
            look(of, 2)
    made.laptop.set_faults()
    assert standing(made) == before

    # Throttled listings are asked again, and the next runs find what the last one's cap left.
    rules = [
        {"action": "throttle", "service": service, "operation": operation, "nth": nth, "times": 2}
        for service, operation in LISTINGS
        for nth in (1, 5)
    ]
    gone: set[str] = set()
    for hours in (2, 3, 4):
        made.laptop.set_faults(*rules)
        verdicts, went = full_run(of, hours)
        gone |= went
    made.laptop.set_faults()
    expected = {each for each in orphans if not each.startswith("stack ")}
    assert gone == expected

    after = standing(made)
    mine = {each for each in before - after if f"/{QA.path}/" in each and each.startswith("secret ")} - orphans
    # The database's own secret goes with its stack, and its final snapshot is what is left of it.
    assert before - after == orphans | mine
    assert len(mine) == 1
    assert all("-final-" in each for each in after - before)
    assert len(after - before) == 1
    check_why_it_stays(made, other, under_way, verdicts)

    # What is left is no orphan, however often it is looked at.
    for hours in (30, 54):
        verdicts, went = full_run(of, hours)
        assert went == set()
        assert not [each for each in verdicts if each.action is Action.REMOVE]
        assert standing(made) == after
    now = made.standing("qa")
    assert (now.pointer, now.service, now.answer) == (serves.pointer, serves.service, serves.answer)
    for step in steps:
        under_way.step(step)
    under_way.finish()
    assert other.standing("bare").answer


def check_why_it_stays(made: Installation, other: Installation, under_way: Driver, verdicts: list[Verdict]) -> None:
    """The rollback's target, what is being brought up, and what the configuration does not have."""
    told = {(each.thing.kind, each.thing.name): each for each in verdicts}
    previous = made.pointer("qa")[0].previous
    assert previous is not None
    assert previous.database is not None
    kept = told["instance", previous.database.name]
    assert (kept.action, kept.why) == (Action.KEEP, f"previous in {QA}")
    release = naming.Release(under_way.results["lock"].result["release"])
    candidate = told["instance", naming.Namespace.parse(f"{OTHER}-bare").database(release)]
    assert candidate.action is Action.KEEP
    assert candidate.why.startswith("a run is under way: ")
    assert len([each for each in verdicts if each.action is Action.QUARANTINE]) >= 3 * 80
