"""The whole life of a tenant's databases, told in order: each test goes on from where the one before it ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from snaplift import naming
from snaplift.aws.steps import adopt, offboard, previews, provision, reap
from snaplift.aws.steps.promotion import Done, utc_now
from snaplift.promotion.adopting import AskedFor
from snaplift.promotion.pointer import Revision
from snaplift.promotion.reaping import Fleet, within
from snaplift.promotion.run import Run
from tests.support.driving import Driver, drive
from tests.support.existing_site import DATABASE, NAME, ExistingSite, Visitors, stand_up
from tests.support.installation import TENANT, Installation, tenant

ADDRESSES: Final = ("anna@people.test", "bo@people.test")
SHOP: Final = "shop"
"""An environment whose site was set up without snaplift."""
MASKING: Final[dict[str, Any]] = {
    "steps": [{"sql": ["UPDATE notes SET text = 'somebody' WHERE text LIKE '%%@%%'"]}],
    "checks": [{"sql": "SELECT COUNT(*) FROM notes WHERE text LIKE '%%@%%'"}],
}
RETENTION: Final = {"grace": "1h", "snapshots": 2, "snapshots_min": 0, "final_snapshots": 1}
HOUR: Final = timedelta(hours=1)


@pytest.fixture(scope="module")
def site(fresh_installation: Installation) -> ExistingSite:
    """A site without snaplift, and the tenant whose environment is to go on with it."""
    made = stand_up(fresh_installation, SHOP)
    environments = fresh_installation.tenant.model_dump(mode="json", by_alias=True, exclude_none=True)["environments"]
    environments["prod"] = {"platform": "platform-prod", "from": "qa", "data_class": "personal"}
    environments["dev"]["data_class"] = environments["qa"]["data_class"] = "internal"
    for name in ("qa", SHOP):
        environments[name]["target_writes"] = "allow"
    fresh_installation.tenant = tenant(
        environments=environments,
        masking=MASKING,
        previews={"like": "qa", "data_class": "internal"},
        retention=RETENTION,
    )
    return made


@pytest.fixture(scope="module")
def life(site: ExistingSite) -> Installation:
    return site.installation


@pytest.fixture(scope="module")
def releases() -> list[str]:
    """What was promoted to qa from dev, the oldest first."""
    return []


def active(life: Installation, environment: str) -> Revision:
    found = life.pointer(environment)[0].active
    assert found is not None
    return found


def run(dag: str) -> Run:
    return Run(installation="acme", dag_id=dag, run_id="run-1")


def databases(life: Installation) -> set[str]:
    pages = life.client("rds").get_paginator("describe_db_instances").paginate()
    return {each["DBInstanceIdentifier"] for page in pages for each in page["DBInstances"]}


def snapshots(life: Installation) -> list[str]:
    """The oldest first."""
    pages = life.client("rds").get_paginator("describe_db_snapshots").paginate()
    found = sorted(
        (each["SnapshotCreateTime"], each["DBSnapshotIdentifier"]) for page in pages for each in page["DBSnapshots"]
    )
    return [name for _, name in found]


def test_three_releases_are_promoted_one_after_the_other(life: Installation, releases: list[str]) -> None:
    leave_final_snapshot(life)
    for number in range(3):
        life.sql("dev", f"INSERT INTO notes VALUES ('written for {number}')")
        life.driver("qa").promote("new")
        releases.append(str(active(life, "qa").release))
    assert len(set(releases)) == 3
    assert (life.answer("qa") or "").endswith("stable 4 notes")


def test_the_first_of_them_serves_again(life: Installation, releases: list[str]) -> None:
    life.driver("qa").promote(releases[0])
    assert active(life, "qa").release == releases[0]
    assert (life.answer("qa") or "").endswith("stable 2 notes")


def test_another_build_is_deployed_and_the_database_is_left_alone(life: Installation, releases: list[str]) -> None:
    before = active(life, "qa")
    life.driver("qa").promote("active", "next")
    after = active(life, "qa")
    assert before.database is not None
    assert after.database is not None
    assert (after.release, after.database.resource_id) == (releases[0], before.database.resource_id)
    assert (life.answer("qa") or "").endswith("next 2 notes")


def test_a_preview_of_it_comes_and_expires(life: Installation) -> None:
    given, before = life.tenant.with_preview("pr42", "qa"), (databases(life), life.standing("qa"))
    driver = Driver(life.platforms, given, "pr42", "preview")
    drive(lambda: previews.provision_preview(life.platforms, given, "pr42", HOUR, driver.run))
    driver.promote("tested")
    assert len(databases(life)) == len(before[0]) + 1
    assert previews.find_expired(life.platforms) == []
    (lead,) = previews.find_expired(life.platforms, lambda: utc_now() + 2 * HOUR)
    expire = run("fleet.expire")
    tags = naming.preview_tags(
        "acme", naming.Namespace.parse(lead.namespace), "platform-nonprod", utc_now() - timedelta(minutes=1)
    )
    life.client("ssm").add_tags_to_resource(
        ResourceType="Parameter",
        ResourceId=naming.Namespace.parse(lead.namespace).pointer,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    (lead,) = previews.find_expired(life.platforms)
    drive(lambda: previews.remove_expired(life.platforms, lead, expire))
    assert (databases(life), life.standing("qa")) == before


def test_s24_qa_is_refreshed_from_prod_and_no_address_comes_along(life: Installation) -> None:
    life.driver("prod").promote("tested")
    life.sql("prod", *(f"INSERT INTO notes VALUES ('{each}')" for each in ADDRESSES))
    life.driver("qa").refresh("prod")
    held = {row[0]: life.sql("qa", f"SELECT * FROM {row[0]}") for row in life.sql("qa", "SHOW TABLES")}
    assert not [each for each in ADDRESSES if each in str(held)]
    assert str(held).count("somebody") == len(ADDRESSES)
    assert active(life, "qa").masked_from == "prod"


def test_a_site_that_was_set_up_without_the_product_is_adopted_and_promoted_to(
    life: Installation, site: ExistingSite
) -> None:
    asked, tasks = AskedFor(environment=SHOP, database=DATABASE), site.tasks()
    with Visitors(site) as visitors:
        adoption = adopt.make_plan(asked, run(f"{TENANT}.adopt"), life.platforms, life.tenant)
        drive(lambda: provision.provision_namespace(life.platforms, life.tenant, SHOP, run(f"{TENANT}.adopt")))
        drive(lambda: adopt.advance(adoption, life.platforms, life.tenant))
        assert site.tasks() == tasks
        life.driver(SHOP).promote("new")
    assert visitors.failed == []
    assert site.described()["serviceName"] == NAME
    assert site.ask()[1].endswith("stable 4 notes")


def leave_final_snapshot(life: Installation) -> None:
    """One of a database that nobody knows any more."""
    qa, release = naming.Namespace.parse(f"{TENANT}-qa"), naming.Release("20200101t000000z")
    tags = naming.tags("acme", qa, release=release, run="0a1b2c3d")
    life.client("rds").create_db_snapshot(
        DBSnapshotIdentifier=qa.final_snapshot(release, "0a1b2c3d"),
        DBInstanceIdentifier=f"{TENANT}-dev-db",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


def run_reap(life: Installation, later: timedelta) -> int:
    """One run of fleet.reap, so much later. Returns how many things went."""

    def now() -> datetime:
        return utc_now() + later

    of = Fleet(platforms=life.platforms, tenants={TENANT: life.tenant})
    surveys, verdicts = reap.find(of, now)
    reap.mark(of, surveys, verdicts)
    going, _ = within(verdicts, 100)
    for departure in map(reap.Departure.of, going):
        drive(lambda each=departure: reap.advance(of, each, run("fleet.reap"), now=now))  # type: ignore[misc]
    return len(going)


def reap_until_nothing_goes(life: Installation) -> None:
    """What is taken away may leave what the next one marks, and the one after that takes."""
    idle = 0
    for hours in range(0, 48, 2):
        idle = 0 if run_reap(life, timedelta(hours=hours)) else idle + 1
        if idle == 3:
            return
    pytest.fail("the reaps do not come to an end")


def test_after_a_reap_exactly_what_retention_says_remains(
    life: Installation, site: ExistingSite, releases: list[str]
) -> None:
    pointers = {name: life.pointer(name)[0] for name in ("dev", "qa", "prod", SHOP)}
    before = snapshots(life)
    reap_until_nothing_goes(life)
    assert {name: life.pointer(name)[0] for name in pointers} == pointers

    serving = {found.active.database.name for found in pointers.values() if found.active and found.active.database}
    assert databases(life) == serving
    referred = frozenset[str]().union(*(found.snapshots for found in pointers.values()))
    spare = [each for each in before if each not in referred]
    releases_of_dev = [each for each in spare if each.startswith(f"{TENANT}-dev-snapshot-")]
    finals = [[each for each in spare if each.startswith(f"{TENANT}-{name}-final-")] for name in pointers]
    # Beside those that a pointer names the newest ones: two of dev's releases, and a final one of each environment.
    newest = {*releases_of_dev[-2:], *(each for found in finals for each in found[-1:])}
    assert set(snapshots(life)) == {each for each in before if each in referred} | newest
    assert f"{TENANT}-qa-final-20200101t000000z-0a1b2c3d" in set(before) - set(snapshots(life))
    assert site.ask()[0] == 200
    assert life.answer("prod") is not None


def test_an_offboarding_keeps_a_final_snapshot_of_each_database_and_nothing_else(
    life: Installation, site: ExistingSite
) -> None:
    before, serving = snapshots(life), databases(life)
    targets = offboard.find_targets(life.platforms, life.tenant, "all")
    done = drive(lambda: offboard.advance(life.platforms, targets, run("fleet.offboard")))
    assert isinstance(done, Done)
    assert databases(life) == set()
    new = set(snapshots(life)) - set(before)
    assert set(before) <= set(snapshots(life))
    assert {each.partition("-final-")[0] for each in new} == {each.partition("-db")[0] for each in serving}
    assert len(new) == len(serving)
    assert new <= set(done.result["kept"])
    ours = [
        each["StackName"]
        for page in life.client("cloudformation").get_paginator("describe_stacks").paginate()
        for each in page["Stacks"]
        if each["StackName"].startswith(TENANT) and each["StackStatus"] != "DELETE_COMPLETE"
    ]
    assert ours == []
