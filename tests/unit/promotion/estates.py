"""Estates to be judged: a tenant's namespaces with what stands in them, and what an orphan of each kind looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from snaplift import naming
from snaplift.config.tenant import Tenant
from snaplift.promotion.estate import (
    SeenLock,
    SeenPointer,
    SeenService,
    SeenTask,
    Survey,
    Thing,
    ThingKind,
)
from snaplift.promotion.plan import Place
from snaplift.promotion.pointer import DatabaseReference, FinalSnapshot, Pointer, Revision
from snaplift.promotion.reaping import Fleet, mark_of
from tests.unit.stacks.examples import ACCOUNT, PLATFORMS, REGION, TENANT

NOW: Final = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
OURS: Final = PLATFORMS.installation
PLACES: Final = tuple(Place.of(name, platform) for name, platform in PLATFORMS.platforms.items())


def release(days_ago: float) -> naming.Release:
    return naming.Release.at(NOW - timedelta(days=days_ago))


def fleet(*tenants: Tenant, broken: frozenset[str] = frozenset()) -> Fleet:
    given = tenants or (TENANT,)
    return Fleet(platforms=PLATFORMS, tenants={each.tenant: each for each in given}, broken=broken)


def thing(kind: ThingKind, name: str, tags: dict[str, str] | None = None, **more: Any) -> Thing:
    given: dict[str, Any] = {"arn": f"arn:aws:{kind}:{REGION}:{ACCOUNT}:{name}", "created_at": NOW - timedelta(days=60)}
    return Thing(kind=kind, name=name, tags=tags or {}, **{**given, **more})


def made_by(stack: str) -> str:
    """The id of a stack, a UUID."""
    return str(uuid5(NAMESPACE_URL, stack))


@dataclass
class Estate:
    """What stands, as it is put together; each method adds a thing and gives it."""

    installation: str = OURS
    things: list[Thing] = field(default_factory=list)
    pointers: list[SeenPointer] = field(default_factory=list)
    locks: list[SeenLock] = field(default_factory=list)
    services: list[SeenService] = field(default_factory=list)
    tasks: list[SeenTask] = field(default_factory=list)
    marks: dict[str, datetime] = field(default_factory=dict)

    def add(self, kind: ThingKind, name: str, tags: dict[str, str], **more: Any) -> Thing:
        self.things.append(thing(kind, name, tags, **more))
        return self.things[-1]

    def tags(self, name: naming.Namespace, of: naming.Release | None = None, run: str | None = None) -> dict[str, str]:
        return naming.tags(self.installation, name, release=of, run=run)

    def namespace(self, name: naming.Namespace, pointer: Pointer | None = None, written_days_ago: float = 60) -> None:
        """What provisioning makes."""
        self.add("stack", name.stack, self.tags(name), state="CREATE_COMPLETE")
        self.add("log_group", name.log_group, self.tags(name))
        self.add("parameter", name.pointer, self.tags(name))
        self.pointers.append(
            SeenPointer(
                namespace=str(name),
                version=1,
                pointer=pointer or Pointer(),
                written_at=NOW - timedelta(days=written_days_ago),
            )
        )

    def instance(
        self, name: naming.Namespace, of: naming.Release | None, run: str, *, protected: bool = False, **more: Any
    ) -> Thing:
        found = name.database(of)
        given = {"resource_id": f"db-{found}-{run}", "state": "available", "protected": protected, "size": 20}
        return self.add("instance", found, self.tags(name, of, run), **{**given, **more})

    def stack(self, name: naming.Namespace, of: naming.Release | None, run: str, **more: Any) -> Thing:
        found = name.database(of)
        arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{found}/{made_by(found + run)}"
        given = {"state": "CREATE_COMPLETE", "arn": arn}
        return self.add("stack", found, self.tags(name, of, run), **{**given, **more})

    def secret(self, name: naming.Namespace, of: naming.Release | None, run: str, stack: str = "") -> Thing:
        incarnation = made_by((stack or name.database(of)) + run)
        return self.add("secret", f"{name.application_secret(of, run)}/{incarnation}", self.tags(name, of, run))

    def snapshot(self, name: naming.Namespace, of: naming.Release, **more: Any) -> Thing:
        given = {"state": "available", "resource_id": "db-DEV", "created_at": of.moment}
        return self.add("snapshot", name.snapshot(of), self.tags(name, of, "0a1b2c3d"), **{**given, **more})

    def final(self, name: naming.Namespace, of: naming.Release, run: str, **more: Any) -> Thing:
        given = {"state": "available", "created_at": of.moment + timedelta(days=1), "tags": self.tags(name, of, run)}
        return self.add("snapshot", name.final_snapshot(of, run), **{**given, **more})

    def revision(
        self, name: naming.Namespace, number: int, of: naming.Release | None, run: str, *needs: str, **more: Any
    ) -> Thing:
        given = {"state": "ACTIVE", "needs": needs}
        return self.add("revision", f"{name.family}:{number}", self.tags(name, of, run), **{**given, **more})

    def database(
        self, name: naming.Namespace, of: naming.Release | None, run: str, number: int, *, protected: bool = True
    ) -> Revision:
        """A whole database with its revision, as it stands after an activation."""
        instance = self.instance(name, of, run, protected=protected)
        self.stack(name, of, run)
        secret = self.secret(name, of, run)
        revision = self.revision(name, number, of, run, secret.arn, name.log_group)
        return Revision(
            release=str(of) if of else None,
            build={"web": "sha256:" + "a" * 64},
            database=DatabaseReference(name=instance.name, resource_id=instance.resource_id, secret=secret.arn),
            snapshot=naming.Namespace(name.tenant, "dev").snapshot(of) if of else None,
            task_definition=revision.arn,
            run=run,
        )

    def service(self, name: naming.Namespace, *revisions: str) -> None:
        self.services.append(
            SeenService(cluster="c", name=name.service, revisions=revisions, rollout="COMPLETED", desired=1, running=1)
        )

    def task(self, revision: str, status: str = "RUNNING") -> None:
        self.tasks.append(SeenTask(arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/c/1", revision=revision, status=status))

    def survey(self) -> Survey:
        return Survey(
            installation=OURS,
            places=PLACES,
            standing=frozenset(PLATFORMS.platforms),
            as_of=NOW,
            things=tuple(self.things),
            pointers=tuple(self.pointers),
            locks=tuple(self.locks),
            services=tuple(self.services),
            tasks=tuple(self.tasks),
            marks=dict.fromkeys(PLATFORMS.platforms, self.marks),
        )


def serving(tenant: str = "xy-0146") -> Estate:
    """A tenant whose three environments serve; qa has a previous revision whose database is gone."""
    made = Estate()
    dev, qa, prod = (naming.Namespace.parse(f"{tenant}-{name}") for name in ("dev", "qa", "prod"))
    origin = made.database(dev, None, "aaaaaaaa", 1)
    made.namespace(dev, Pointer(active=origin))
    newest, older = release(1), release(2)
    active = made.database(qa, newest, "bbbbbbbb", 7)
    previous = Revision(
        release=str(older),
        build={},
        database=None,
        snapshot=dev.snapshot(older),
        final=FinalSnapshot(name=qa.final_snapshot(older, "cccccccc"), resource_id="db-EARLIER"),
        task_definition=made.revision(qa, 6, older, "cccccccc").arn,
        run="cccccccc",
    )
    made.namespace(qa, Pointer(active=active, previous=previous))
    made.final(qa, older, "cccccccc")
    live = made.database(prod, older, "dddddddd", 3)
    made.namespace(prod, Pointer(active=live))
    for each in (newest, older):
        made.snapshot(dev, each)
    for name, revision in ((dev, origin), (qa, active), (prod, live)):
        made.add("stack", name.service_stack, made.tags(name), state="CREATE_COMPLETE")
        made.service(name, revision.task_definition)
        made.task(revision.task_definition)
    return made


def marked_instances(made: Estate, number: int) -> list[Thing]:
    """Databases of qa that nothing has referred to for longer than their grace."""
    qa = naming.Namespace.parse("xy-0146-qa")
    found = [made.instance(qa, release(10 + each), "11112222") for each in range(number)]
    for each in found:
        made.marks[mark_of(each)] = NOW - timedelta(days=30)
    return found
