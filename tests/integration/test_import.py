"""The first environment's first database is made from a snapshot that stands, instead of from nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from snaplift.aws.steps import provision
from snaplift.aws.steps.plan import make_plan
from snaplift.config.tenant import Tenant
from snaplift.promotion.choosing import PlanRefused, Request
from snaplift.promotion.plan import Plan
from snaplift.promotion.run import Run
from tests.support.driving import PROVISION, Driver, drive
from tests.support.existing_site import DATABASE, ExistingSite
from tests.support.installation import Installation
from tests.support.requests import eventually

OTHER = "zz-0999"
RUN = Run(installation="acme", dag_id=f"{OTHER}.provision", run_id="first")
PLAIN, KEPT = "shop-plain", "shop-kept"
"""Snapshots: one without a key, one under the platform's."""


def driver_of(installation: Installation, run_id: str) -> Driver:
    return Driver(installation.platforms, tenant_of(installation), "dev", run_id)


def tenant_of(installation: Installation) -> Tenant:
    return installation.tenant.model_copy(update={"tenant": OTHER})


def planned(driver: Driver, snapshot: str) -> Plan:
    request = Request(environment="dev", release="origin", snapshot=snapshot)
    return make_plan(request, driver.run, driver.platforms, driver.tenant)


@pytest.fixture(scope="module")
def installation(fresh_installation: Installation) -> Installation:
    """With a database from elsewhere, two snapshots of it, and a tenant that has no first database."""
    site, rds = ExistingSite(fresh_installation, "qa"), fresh_installation.client("rds")
    site.make_database()
    rds.create_db_snapshot(DBSnapshotIdentifier=KEPT, DBInstanceIdentifier=DATABASE)
    rds.create_db_instance(
        DBInstanceIdentifier=PLAIN,
        Engine="mariadb",
        EngineVersion="10.11",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="boss",
        MasterUserPassword="boss-secret-1",
    )
    eventually(lambda: _status(rds.describe_db_instances(DBInstanceIdentifier=PLAIN)["DBInstances"]), "it serves")
    rds.create_db_snapshot(DBSnapshotIdentifier=PLAIN, DBInstanceIdentifier=PLAIN)
    for snapshot in (KEPT, PLAIN):
        eventually(partial(_is_taken, rds, snapshot), f"{snapshot} is taken")
    drive(
        lambda: provision.provision_namespace(fresh_installation.platforms, tenant_of(fresh_installation), "dev", RUN)
    )
    return fresh_installation


def _is_taken(rds: Any, snapshot: str) -> bool:
    return _status(rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"])


def _status(found: list[Any]) -> bool:
    return "available" in {each.get("Status", each.get("DBInstanceStatus")) for each in found}


def test_a_snapshot_that_is_not_there_is_named(installation: Installation) -> None:
    with pytest.raises(PlanRefused, match="there is no snapshot absent in 000000000000, eu-central-1"):
        planned(driver_of(installation, "absent"), "absent")


def test_s25_a_snapshot_that_is_not_under_the_platforms_key_is_refused_with_the_command_that_copies_it(
    installation: Installation,
) -> None:
    with pytest.raises(PlanRefused, match=f"source-db-snapshot-identifier {PLAIN} .*--kms-key-id arn:aws:kms"):
        planned(driver_of(installation, "plain"), PLAIN)


def test_a_snapshot_whose_owner_did_not_tag_it_is_refused(installation: Installation) -> None:
    with pytest.raises(PlanRefused, match=r"add-tags-to-resource .*Key=snaplift:installation,Value=acme"):
        planned(driver_of(installation, "untagged"), KEPT)
    rds = installation.client("rds")
    arn = rds.describe_db_snapshots(DBSnapshotIdentifier=KEPT)["DBSnapshots"][0]["DBSnapshotArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "snaplift:installation", "Value": "acme"}])
    assert planned(driver_of(installation, "tagged"), KEPT).imported == KEPT


def test_s23_a_first_database_is_imported_with_credentials_of_its_own_and_made_this_environments(
    installation: Installation,
) -> None:
    driver = driver_of(installation, "import")
    driver.lock(planned(driver, KEPT))
    for step in PROVISION:
        driver.step(step)
    assert driver.finish().result == {"active": "origin"}
    other = Installation(installation.laptop, installation.platforms, tenant_of(installation))
    active = other.pointer("dev")[0].active
    assert active is not None
    assert active.database is not None
    assert (active.release, active.snapshot) == (None, KEPT)
    assert other.sql("dev", "SELECT text FROM notes") == [("of the shop",)]  # and not what setup would have made
    assert other.sql("dev", "SELECT name FROM place") == [("dev",)]
    answer = other.answer("dev")
    assert answer is not None
    assert answer.endswith("stable 1 notes")
    [found] = other.instances("dev")
    assert (found["StorageEncrypted"], found["DeletionProtection"]) == (True, True)
    users = {user for (user,) in ExistingSite(installation, "qa").sql("SELECT User FROM mysql.user")}
    assert "shop" in users  # of the source, which is as it was
    account = other.secret(active.database.secret)
    assert account["username"] != "shop"

    with pytest.raises(PlanRefused, match="has an active database already"):
        planned(driver_of(installation, "twice"), KEPT)
