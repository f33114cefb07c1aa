"""What a release ran with, where its database or its final snapshot does not say it itself."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from snaplift import naming
from snaplift.aws.hooks.ecs import RevisionNeeds
from snaplift.aws.hooks.ecs_roster import FoundRevision
from snaplift.aws.hooks.rds import FoundSnapshot
from snaplift.aws.steps import marks
from snaplift.aws.steps.remains import UNKNOWN, find_remains, releases_kept
from snaplift.promotion.earlier import Remains
from tests.unit.promotion.examples import NEW, OLD

QA = naming.Namespace.parse("xy-0146-qa")
RELEASE = naming.Release(OLD)


def registered(number: int, run: str = "0a1b2c3d", release: str = OLD, installation: str = "acme") -> FoundRevision:
    secret = f"arn:aws:secretsmanager:eu-central-1:1:secret:{QA.application_secret(RELEASE, run)}/1f2e3d-AbCdEf"
    return FoundRevision(
        arn=f"arn:aws:ecs:eu-central-1:1:task-definition/xy-0146-qa:{number}",
        name=f"xy-0146-qa:{number}",
        registered_at=None,
        needs=RevisionNeeds("ACTIVE", (), (secret,), (), ()),
        tags=naming.tags(installation, QA, release=naming.Release(release), run=run),
        images={"web": f"repository@sha256:{number}"},
    )


def kept(run: str = "0a1b2c3d", **more: str) -> FoundSnapshot:
    tags = {**naming.tags("acme", QA, release=RELEASE, run=run), **more}
    name = QA.final_snapshot(RELEASE, run)
    return FoundSnapshot(name, f"db-{run}", "available", 100, "mariadb", "10.11.8", 20, True, None, tags)


def look(revisions: Sequence[FoundRevision] = (), snapshots: Sequence[FoundSnapshot] = ()) -> Remains:
    return find_remains(aws(revisions, snapshots), QA, RELEASE, "acme", snapshot=None)


def aws(revisions: Sequence[FoundRevision], snapshots: Sequence[FoundSnapshot]) -> Any:
    databases = SimpleNamespace(instance=lambda _: None, snapshots=lambda: iter(snapshots))
    by_name = {each.name: each for each in revisions}
    roster = SimpleNamespace(latest=lambda _: iter(revisions), revision=by_name.__getitem__)
    return SimpleNamespace(databases=databases, roster=roster)


def ran(found: Remains) -> str | None:
    return found.ran.task_definition.rpartition(":")[2] if found.ran else None


def test_where_nothing_else_tells_it_is_the_newest_revision_of_the_release() -> None:
    found = look([registered(9, release=NEW), registered(8, installation="other"), registered(7), registered(6)])
    assert (ran(found), found.ran and found.ran.build) == ("7", {"web": "sha256:7"})
    assert ran(look([registered(9, release=NEW)])) is None


def test_s54_of_two_databases_of_one_release_each_has_its_own_revision() -> None:
    found = look([registered(9, run="ffffffff"), registered(8)], [kept()])
    assert found.final is not None
    assert (found.final.resource_id, ran(found)) == ("db-0a1b2c3d", "8")


def test_what_a_final_snapshot_says_goes_before_what_was_registered_last() -> None:
    found = look([registered(9), registered(8)], [kept(**{marks.ACTIVE: "xy-0146-qa/8 0a1b2c3d prod"})])
    assert (ran(found), found.masked_from) == ("8", "prod")


def test_of_masked_data_somebody_is_the_owner() -> None:
    assert look([registered(8)], [kept(**{naming.MASK_TAG: "0a1b2c3d/masked"})]).masked_from == UNKNOWN


@pytest.mark.parametrize("told", ["told", "untold"])
def test_what_an_abort_kept_was_never_active(told: str) -> None:
    assert look([registered(8)], [kept(**{marks.WRITES: told})]).final is None
    assert releases_kept(aws([], [kept(**{marks.WRITES: told})]), QA, "acme") == ()
    assert releases_kept(aws([], [kept()]), QA, "acme") == (OLD,)
