"""An adopted database is reaped when its time is over, and an adopted site is dismantled with its namespace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.steps import dismantle, reap
from snaplift.aws.steps.inventory import collect
from snaplift.aws.steps.promotion import utc_now
from snaplift.config.tenant import Tenant
from snaplift.promotion.reaping import Action, Fleet, Verdict, within
from snaplift.promotion.run import Run
from tests.support.dag_run import run_dag
from tests.support.driving import drive
from tests.support.existing_site import DATABASE, NAME, ExistingSite, Visitors, stand_up
from tests.support.installation import TENANT, Installation, write_configuration

pytestmark = pytest.mark.timeout(900)  # a command of Airflow's takes its time on a machine that others use too
ENVIRONMENT = "shop"
NAMESPACE = naming.Namespace.parse(f"{TENANT}-{ENVIRONMENT}")
REAP = Run(installation="acme", dag_id="fleet.reap", run_id="run-1")


@pytest.fixture(scope="module")
def site(fresh_installation: Installation) -> ExistingSite:
    return stand_up(fresh_installation, ENVIRONMENT)


def keeping(site: ExistingSite) -> Tenant:
    settings = site.installation.tenant.environments[ENVIRONMENT]
    retention = site.installation.tenant.retention.model_copy(
        update={"keep_previous": timedelta(days=7), "grace": timedelta(0), "final_snapshot": False}
    )
    changed = settings.model_copy(update={"retention": retention, "target_writes": "allow"})
    environments = {**site.installation.tenant.environments, ENVIRONMENT: changed}
    return site.installation.tenant.model_copy(update={"environments": environments})


def run_reap(site: ExistingSite, later: timedelta) -> list[Verdict]:
    """One run of fleet.reap, so much later; what it judged of the adopted instance."""
    of = Fleet(platforms=site.installation.platforms, tenants={TENANT: keeping(site)})
    surveys, verdicts = reap.find(of, lambda: utc_now() + later)
    reap.mark(of, surveys, verdicts)
    for verdict in within(verdicts, 100)[0]:
        if verdict.thing.name == DATABASE:
            departure = reap.Departure.of(verdict)
            drive(lambda each=departure: reap.advance(of, each, REAP, now=lambda: utc_now() + later))  # type: ignore[misc]
    return [each for each in verdicts if each.thing.name == DATABASE]


def test_an_adoption_that_died_before_the_pointer_leaves_nothing_that_a_reap_takes(site: ExistingSite) -> None:
    tags = naming.tags("acme", NAMESPACE, release=naming.Release.at(utc_now()), run="0a1b2c3d")
    arn = site.instance()["DBInstanceArn"]
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    site.installation.client("rds").add_tags_to_resource(ResourceName=arn, Tags=given)
    for _ in range(2):
        [verdict] = run_reap(site, timedelta(days=30))
        assert verdict.action is Action.KEEP


def test_the_dag_shows_then_adopts_without_a_failed_request(site: ExistingSite, tmp_path: Path) -> None:
    described = site.installation.tenant.model_dump(mode="json", by_alias=True, exclude_none=True)["environments"]
    config = write_configuration(tmp_path / "config", site.installation.platforms, environments=described)
    aws, tasks = site.installation.laptop.environment(), site.tasks()
    conf = {"environment": ENVIRONMENT, "database": DATABASE, "dry_run": True}
    with Visitors(site) as visitors:
        log = run_dag(f"{TENANT}.adopt", tmp_path / "dry", config, aws, conf=conf)
        assert "dry run: nothing is changed" in log, log[-5000:]
        stacks = site.installation.client("cloudformation").describe_stacks()["Stacks"]
        assert str(NAMESPACE) not in {each["StackName"] for each in stacks}

        log = run_dag(f"{TENANT}.adopt", tmp_path / "adopt", config, aws, conf={**conf, "dry_run": False})
        assert "state=success, run_type=manual" in log, log[-5000:]
    assert visitors.failed == []
    assert site.tasks() == tasks
    pointer = site.installation.pointer(ENVIRONMENT)[0]
    assert pointer.active is not None
    assert pointer.active.task_definition == site.task_definition
    [held] = [each for each in collect(config) if each.namespace == str(NAMESPACE)]
    assert held.service is not None
    assert held.service.revision == site.task_definition
    assert [(each.name, each.role) for each in held.databases] == [(DATABASE, "active")]


def test_what_is_active_or_previous_stays_and_goes_when_its_time_is_over(site: ExistingSite) -> None:
    assert [each.action for each in run_reap(site, timedelta(days=30))] == [Action.KEEP]
    site.installation.driver(ENVIRONMENT, keeping(site)).promote("new")
    assert [each.action for each in run_reap(site, timedelta(days=1))] == [Action.KEEP]
    assert [each.action for each in run_reap(site, timedelta(days=8))] == [Action.MARK]
    run_reap(site, timedelta(days=9))
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        site.instance()
    pointer = site.installation.pointer(ENVIRONMENT)[0]
    assert pointer.previous is not None
    assert pointer.previous.final is not None
    snapshot = pointer.previous.final.name
    assert site.installation.client("rds").describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
    assert site.ask()[0] == 200


def test_s13_dismantling_takes_the_adopted_service_and_leaves_what_is_the_sites(site: ExistingSite) -> None:
    platforms = site.installation.platforms
    run = Run(installation="acme", dag_id="fleet.offboard", run_id="run-1")
    wanted = dismantle.prepare(platforms, str(NAMESPACE), "platform-nonprod", run, final_snapshots=True)
    drive(lambda: dismantle.advance(dismantle.under_way(platforms, str(NAMESPACE), run) or wanted))
    assert site.described()["status"] == "INACTIVE"
    assert site.installation.secret(site.secret) == site.account
    with pytest.raises(ClientError, match="ParameterNotFound"):
        site.installation.pointer(ENVIRONMENT)
    assert site.service.endswith(NAME)
