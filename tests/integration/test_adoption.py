"""A site that was set up without snaplift is adopted as it stands, promoted to, gone back to, and retired."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import adopt, provision
from snaplift.aws.steps.promotion import Done
from snaplift.config.retention import Retention
from snaplift.config.tenant import Tenant
from snaplift.promotion.adopting import Adoption, AdoptionRefused, AskedFor
from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.run import Run
from tests.support.driving import drive
from tests.support.existing_site import DATABASE, NAME, ExistingSite, Visitors, stand_up
from tests.support.installation import TENANT, Installation

RUN = Run(installation="acme", dag_id=f"{TENANT}.adopt", run_id="adopt-1")
ENVIRONMENT = "shop"


@pytest.fixture(scope="module")
def site(fresh_installation: Installation) -> ExistingSite:
    return stand_up(fresh_installation, ENVIRONMENT)


def planned(site: ExistingSite, of: Tenant | None = None, **asked: Any) -> Adoption:
    given = AskedFor(**{"environment": ENVIRONMENT, "database": DATABASE, **asked})
    return adopt.make_plan(given, RUN, site.installation.platforms, of or site.installation.tenant)


def with_namespace(site: ExistingSite) -> None:
    made = site.installation
    drive(lambda: provision.provision_namespace(made.platforms, made.tenant, ENVIRONMENT, RUN))


def adopted(site: ExistingSite, adoption: Adoption) -> Done:
    return drive(lambda: adopt.advance(adoption, site.installation.platforms, site.installation.tenant))


def test_a_site_is_adopted_without_a_failed_request_or_anything_started_again(site: ExistingSite) -> None:
    tasks, resource_id, deployments = site.tasks(), site.instance()["DbiResourceId"], site.described()["deployments"]
    with Visitors(site) as visitors:
        adoption = planned(site)
        with_namespace(site)
        adopted(site, adoption)
    assert visitors.failed == []
    assert visitors.asked > 3
    assert site.tasks() == tasks
    assert [each["id"] for each in site.described()["deployments"]] == [each["id"] for each in deployments]
    found = site.instance()
    assert (found["DbiResourceId"], found["DBInstanceStatus"]) == (resource_id, "available")
    assert (found["DeletionProtection"], found["CopyTagsToSnapshot"]) == (True, True)

    pointer = site.installation.pointer(ENVIRONMENT)[0]
    assert pointer.active is not None
    assert pointer.active.database is not None
    assert (pointer.service, pointer.active.task_definition) == (NAME, site.task_definition)
    assert (pointer.active.database.name, pointer.active.database.secret) == (DATABASE, site.secret)
    assert set(pointer.active.build) == {"web"}
    assert pointer.active.build["web"].startswith("sha256:")
    assert site.installation.lock_phase(ENVIRONMENT) == "free"


def test_an_adoption_done_again_changes_nothing(site: ExistingSite) -> None:
    before, tasks = site.installation.pointer(ENVIRONMENT), site.tasks()
    adopted(site, planned(site))
    assert site.installation.pointer(ENVIRONMENT) == before
    assert site.tasks() == tasks


def test_another_run_does_not_adopt_over_what_is_active(site: ExistingSite) -> None:
    asked = AskedFor(environment=ENVIRONMENT, database=DATABASE)
    other = RUN.model_copy(update={"run_id": "adopt-2"})
    with pytest.raises(AdoptionRefused, match="has an active release already"):
        adopt.make_plan(asked, other, site.installation.platforms, site.installation.tenant)


def test_code_alone_is_not_deployed_onto_an_adopted_database(site: ExistingSite) -> None:
    with pytest.raises(PlanRefused, match=f"{DATABASE} was adopted: another build gets to"):
        site.installation.driver(ENVIRONMENT).plan("active", "next")


def test_s09_what_an_adopted_database_holds_is_not_discarded_unless_that_is_allowed(site: ExistingSite) -> None:
    settings = site.installation.tenant.environments[ENVIRONMENT].model_copy(update={"target_writes": "refuse"})
    environments = {**site.installation.tenant.environments, ENVIRONMENT: settings}
    strict = site.installation.tenant.model_copy(update={"environments": environments})
    with pytest.raises(PlanRefused, match="it was adopted: all that it holds was written there"):
        site.installation.driver(ENVIRONMENT, strict).plan("new")


def keeping(site: ExistingSite, keep_previous: str) -> Tenant:
    """The tenant, which allows that the adopted environment's data is discarded, and keeps the previous for so long."""
    settings = site.installation.tenant.environments[ENVIRONMENT]
    kept = Retention.model_validate({"keep_previous": keep_previous, "grace": "0s", "final_snapshot": False})
    changed = settings.model_copy(update={"retention": kept, "target_writes": "allow"})
    environments = {**site.installation.tenant.environments, ENVIRONMENT: changed}
    return site.installation.tenant.model_copy(update={"environments": environments})


def test_a_release_is_promoted_into_the_adopted_service_and_gone_back_from(site: ExistingSite) -> None:
    before = site.installation.pointer(ENVIRONMENT)[0].active
    assert before is not None
    with Visitors(site) as visitors:
        site.installation.driver(ENVIRONMENT, keeping(site, "7d")).promote("new")
        promoted = site.installation.pointer(ENVIRONMENT)[0]
        assert site.ask() == (200, f"{site.url} stable 1 notes")
        site.installation.sql(ENVIRONMENT, "INSERT INTO notes VALUES ('second')")
        assert site.ask()[1].endswith("2 notes")

        site.installation.driver(ENVIRONMENT, keeping(site, "7d")).promote("previous")
    assert visitors.failed == []
    assert site.ask()[1].endswith("stable 1 notes")
    back = site.installation.pointer(ENVIRONMENT)[0]
    assert promoted.active is not None
    assert promoted.previous == before
    assert (promoted.service, back.service) == (NAME, NAME)
    assert promoted.active.database is not None
    assert not promoted.active.database.adopted
    assert back.active is not None
    assert back.active.database is not None
    assert (back.active.task_definition, back.active.build) == (before.task_definition, before.build)
    assert (back.active.database.name, back.active.database.adopted) == (DATABASE, True)
    assert back.previous == promoted.active
    assert site.installation.lock_phase(ENVIRONMENT) == "free"


def test_s53_a_promotion_that_fails_leaves_the_adopted_service_as_it_was(site: ExistingSite) -> None:
    before, tasks = site.installation.pointer(ENVIRONMENT)[0], site.tasks()
    with pytest.raises(StepFailed), Visitors(site) as visitors:
        site.installation.driver(ENVIRONMENT, keeping(site, "7d")).promote("new", "sick")
    assert visitors.failed == []
    assert site.installation.pointer(ENVIRONMENT)[0] == before
    assert site.tasks() == tasks
    assert site.described()["taskDefinition"] == site.task_definition


def test_the_adopted_database_goes_with_a_final_snapshot_that_a_rollback_restores(site: ExistingSite) -> None:
    adopted_release = site.installation.pointer(ENVIRONMENT)[0].active
    assert adopted_release is not None
    site.installation.driver(ENVIRONMENT, keeping(site, "0s")).promote("new")
    previous = site.installation.pointer(ENVIRONMENT)[0].previous
    assert previous is not None
    assert (previous.release, previous.database) == (adopted_release.release, None)
    assert previous.final is not None  # whatever the environment says of final snapshots
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        site.instance()

    site.installation.driver(ENVIRONMENT, keeping(site, "7d")).promote("previous")
    assert site.ask() == (200, f"{site.url} stable 1 notes")
    assert ("of the shop",) in site.installation.sql(ENVIRONMENT, "SELECT text FROM notes")
    active = site.installation.pointer(ENVIRONMENT)[0].active
    assert active is not None
    assert active.database is not None
    assert not active.database.adopted
    # The site's own secret and task definition are left to whoever made them.
    assert site.installation.secret(site.secret) == site.account
