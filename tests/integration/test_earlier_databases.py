"""A release whose database stands, or is kept in a final snapshot, serves again though no pointer names it any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps.finish import Aborted
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.describe import describe
from snaplift.promotion.pointer import Revision
from tests.integration.test_aborts import begin
from tests.integration.test_promotion import counts
from tests.integration.test_rollback import (
    KEPT,
    RETIRED,
    VISITED,
    active,
    driver,
    name,
    previous,
    promote,
    visitors,
)
from tests.support.driving import PROMOTE
from tests.support.installation import TENANT, Installation, tenant
from tests.support.installed import installed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("earlier"), tenant(retention=KEPT), ("dev", "qa")) as made:
        yield made


@dataclass
class Three:
    """Three promotions, each on a database that stands. Visitors wrote to the first while it served."""

    first: Revision
    second: Revision
    third: Revision


@pytest.fixture(scope="module")
def three(installation: Installation) -> Three:
    first = promote(installation)
    installation.sql("qa", VISITED)
    second = promote(installation, build="next")
    return Three(first, second, promote(installation))


@dataclass
class Again:
    """The first release, asked for by its timestamp: the pointer names it neither as active nor as previous."""

    told: str
    steps: dict[str, Any]
    made: dict[str, int]
    visitors: int
    now: Revision


@pytest.fixture(scope="module")
def again(installation: Installation, three: Three) -> Again:
    before, run = counts(installation), driver(installation)
    plan = begin(run, str(three.first.release))
    steps = {step: run.step(step) for step in PROMOTE}
    run.finish()
    made = {what: number - before[what] for what, number in counts(installation).items()}
    return Again(describe(plan), steps, made, visitors(installation), active(installation))


def test_s12_a_database_that_stands_serves_again_by_its_timestamp_though_no_pointer_names_it(
    three: Three, again: Again
) -> None:
    now, first = again.now, three.first
    assert now.database is not None
    assert first.database is not None
    assert (now.database.name, now.database.resource_id, now.database.secret) == (
        first.database.name,
        first.database.resource_id,
        first.database.secret,
    )
    assert (now.release, now.build, now.made_by, now.snapshot) == (
        first.release,
        first.build,
        first.run,
        first.snapshot,
    )
    assert now.task_definition == first.task_definition


def test_nothing_is_restored_and_what_visitors_wrote_to_it_is_there(again: Again) -> None:
    assert {what: number for what, number in again.made.items() if number} == {"deployments": 1}
    assert all(again.steps[step].skipped for step in ("snapshot", "database", "credentials", "adapt"))
    assert again.visitors == 1
    assert f"serves again in {TENANT}-qa: its database still stands" in again.told


def test_its_build_is_told_with_the_revision_that_it_ran_with(three: Three, again: Again) -> None:
    revision = three.first.task_definition.rpartition("/")[2]
    assert f"| Why this build | it ran with {revision}" in again.told


def test_after_another_build_alone_the_databases_before_it_serve_again_each_with_its_build(
    installation: Installation, three: Three, again: Again
) -> None:
    promote(installation, "active", "next")
    assert previous(installation).release == three.first.release  # the third stands, and no pointer names it
    for wanted in (three.third, three.second):
        before = counts(installation)
        found = promote(installation, str(wanted.release))
        assert found.database is not None
        assert wanted.database is not None
        assert found.database.resource_id == wanted.database.resource_id
        assert (found.build, found.made_by) == (wanted.build, wanted.run)
        made = {what: number - before[what] for what, number in counts(installation).items()}
        assert {what: number for what, number in made.items() if number} == {"deployments": 1}


def test_a_build_that_never_served_there_is_not_what_it_ran_with(
    installation: Installation, three: Three, again: Again
) -> None:
    """The newest revision of a release may be of a deployment that was undone."""
    wanted = three.first if active(installation).release != three.first.release else three.second
    promote(installation, str(wanted.release))
    was = active(installation)
    with pytest.raises(Aborted):
        driver(installation, smoke=[{"sql": "SELECT 1 FROM place"}]).promote("active", "crash")
    promote(installation, str(three.third.release))
    # Two promotions on, it is neither active nor previous.
    promote(installation, str(three.second.release if wanted is three.first else three.first.release))
    plan = driver(installation).plan(str(wanted.release))
    assert plan.mode == "again"
    assert {container: image.rpartition("@")[2] for container, image in plan.images.items()} == was.build


def beside(installation: Installation, three: Three) -> Revision:
    """One of the three that the pointer names neither as active nor as previous, with its database."""
    named = {active(installation).release, previous(installation).release}
    return next(each for each in (three.first, three.second, three.third) if each.release not in named)


def test_s45_one_that_was_active_and_is_not_protected_is_no_leftover(
    installation: Installation, three: Three, again: Again
) -> None:
    """A reap lifts the protection, and then waits; so may a person have."""
    wanted = beside(installation, three)
    before = installation.standing("qa")
    installation.client("rds").modify_db_instance(DBInstanceIdentifier=name(wanted), DeletionProtection=False)
    run = driver(installation)
    plan = run.plan(str(wanted.release))
    assert (plan.mode, plan.database) == ("again", name(wanted))
    # A plan that does not know of it, as it was made before it stood, or by an earlier version.
    run.lock(plan.model_copy(update={"mode": "standing", "earlier": None}))
    with pytest.raises(StepFailed, match=f"{name(wanted)} was active once"):
        run.step("database")
    with pytest.raises(Aborted):
        run.finish()
    now = installation.standing("qa")
    assert {each: found[0] for each, found in now.databases.items()} == {
        each: found[0] for each, found in before.databases.items()
    }
    promote(installation, str(wanted.release))
    assert installation.standing("qa").databases[name(wanted)][1]  # protected again


def test_s46_one_whose_credentials_are_gone_is_refused_in_the_plan(
    installation: Installation, three: Three, again: Again
) -> None:
    secrets = installation.client("secretsmanager")
    for wanted in (beside(installation, three), previous(installation)):
        assert wanted.database is not None
        secrets.delete_secret(SecretId=wanted.database.secret, RecoveryWindowInDays=7)
        try:
            with pytest.raises(PlanRefused, match=f"the credentials of database {name(wanted)} .* are gone"):
                driver(installation).plan(str(wanted.release))
        finally:
            secrets.restore_secret(SecretId=wanted.database.secret)
        assert driver(installation).plan(str(wanted.release)).mode == "again"


def test_a_refusal_lists_the_databases_that_stand(installation: Installation, three: Three, again: Again) -> None:
    with pytest.raises(PlanRefused) as refused:
        driver(installation).plan("newest")
    wanted = beside(installation, three)
    assert f"; databases that stand: {wanted.release}" in str(refused.value)


# -- what is kept in a final snapshot ------------------------------------------------------------------------------


@dataclass
class Kept:
    """The first release: its database went after visitors had written to it, and its own snapshot is gone too."""

    release: str
    build: dict[str, str]
    as_it_began: Any
    """The plan, while the release's snapshot stood."""
    told: str
    mode: str
    visitors: int
    now: Revision


@pytest.fixture(scope="module")
def kept(installation: Installation, three: Three, again: Again) -> Kept:
    release = str(three.first.release)
    if active(installation).release != release:
        promote(installation, release)
    was = active(installation)
    promote(installation, retention=RETIRED)
    promote(installation, retention=RETIRED)  # the pointer's one final snapshot is another one's
    as_it_began = driver(installation).plan(release)
    rds = installation.client("rds")
    rds.delete_db_snapshot(DBSnapshotIdentifier=f"{TENANT}-dev-snapshot-{release}")
    run = driver(installation, retention=RETIRED)
    plan = begin(run, release)
    for step in PROMOTE:
        run.step(step)
    run.finish()
    return Kept(
        release, was.build, as_it_began, describe(plan), plan.mode, visitors(installation), active(installation)
    )


def test_s12_a_timestamp_whose_snapshot_is_gone_is_restored_from_the_final_one_with_what_visitors_wrote(
    three: Three, kept: Kept
) -> None:
    assert kept.mode == "restored"
    assert (kept.now.release, kept.now.build, kept.visitors) == (kept.release, kept.build, 1)
    assert "with what was written to it" in kept.told


def test_while_its_snapshot_stands_it_comes_as_it_began_with_the_build_that_it_ran_with(kept: Kept) -> None:
    assert (kept.as_it_began.mode, kept.as_it_began.release) == ("standing", kept.release)
    assert {each: image.rpartition("@")[2] for each, image in kept.as_it_began.images.items()} == kept.build


def test_a_refusal_lists_what_is_kept(installation: Installation, kept: Kept) -> None:
    with pytest.raises(PlanRefused) as refused:
        driver(installation).plan("newest")
    assert f"; kept in a final snapshot: {kept.release}" in str(refused.value)


# -- what never was active -------------------------------------------------------------------------------------------


def test_i7_one_that_was_open_to_visitors_and_never_active_is_no_leftover_either(installation: Installation) -> None:
    """Its run died while it served, perhaps, and whoever broke its lock undid nothing."""
    dead = driver(installation)
    made = begin(dead, "new")
    for step in PROMOTE[: PROMOTE.index("smoke") + 1]:
        dead.step(step)
    installation.lose_lock("qa")
    other = driver(installation)
    assert begin(other, str(made.release)).mode == "standing"
    other.step("snapshot")
    with pytest.raises(
        StepFailed, match=f"{made.database} was open to the service of {TENANT}-qa once, so that visitors"
    ):
        other.step("database")
    with pytest.raises(Aborted):
        other.finish()
    assert made.database in installation.standing("qa").databases
