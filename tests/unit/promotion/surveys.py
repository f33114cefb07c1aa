"""A survey of one namespace that is as it should be, to be varied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from snaplift import naming
from snaplift.promotion.estate import SeenPointer, SeenService, Survey, Thing
from snaplift.promotion.plan import Place
from snaplift.promotion.pointer import Pointer, Revision
from tests.unit.promotion import examples
from tests.unit.stacks.examples import PLATFORMS

NOW: Final = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
QA: Final = naming.Namespace.parse("xy-0146-qa")
ACTIVE: Final = examples.revision(examples.NEW, run="11111111")
PREVIOUS: Final = examples.revision(examples.OLD, run="22222222")


def instance(revision: Revision, namespace: naming.Namespace = QA, **changes: Any) -> Thing:
    """The instance of a revision's database, active or not."""
    assert revision.database is not None
    assert revision.release is not None
    given = {
        "kind": "instance",
        "name": revision.database.name,
        "arn": f"arn:aws:rds:eu-central-1:123456789012:db:{revision.database.name}",
        "resource_id": revision.database.resource_id,
        "state": "available",
        "created_at": NOW - timedelta(days=1),
        "protected": True,
        "size": 100,
        "instance_class": "db.t4g.micro",
        "tags": naming.tags("acme", namespace, release=naming.Release(revision.release), run=revision.run),
    }
    return Thing.model_validate({**given, **changes})


def snapshot(name: str, namespace: naming.Namespace = QA, **changes: Any) -> Thing:
    given = {
        "kind": "snapshot",
        "name": name,
        "arn": f"arn:aws:rds:eu-central-1:123456789012:snapshot:{name}",
        "state": "available",
        "created_at": NOW - timedelta(days=2),
        "size": 50,
        "tags": naming.tags("acme", namespace, release=naming.Release(examples.OLD), run="22222222"),
    }
    return Thing.model_validate({**given, **changes})


def service(revision: Revision = ACTIVE, **changes: Any) -> SeenService:
    given = {
        "cluster": "platform-new",
        "name": QA.service,
        "revisions": (revision.task_definition,),
        "rollout": "COMPLETED",
        "desired": 2,
        "running": 2,
        "tags": naming.tags("acme", QA),
    }
    return SeenService.model_validate({**given, **changes})


def survey(**changes: Any) -> Survey:
    """One namespace with a release active."""
    name = "platform-new"
    given = {
        "installation": "acme",
        "places": (Place.of(name, PLATFORMS.platforms[name]),),
        "standing": frozenset({name}),
        "as_of": NOW,
        "things": (instance(ACTIVE),),
        "pointers": (SeenPointer(namespace=str(QA), version=4, pointer=Pointer(active=ACTIVE)),),
        "locks": (),
        "services": (service(),),
        "tasks": (),
    }
    return Survey.model_validate({**given, **changes})
