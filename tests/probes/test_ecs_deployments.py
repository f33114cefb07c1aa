"""ECS deployments: which revision serves, and what became of the roll-out that was to bring it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.probes.asking import refusal
from tests.support.compute import BREAKER, Site
from tests.support.requests import eventually

NO_BREAKER = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
NO_ROLLBACK = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
FIRST_FAILURE = {
    "deploymentCircuitBreaker": {
        "enable": True,
        "rollback": True,
        "thresholdConfiguration": {"type": "COUNT", "value": 1},
    }
}


def deployed(site: Site, **settings: Any) -> str:
    """A service that serves; its definition."""
    definition = site.register(environment={"ANSWER": "good"})
    site.serve(definition, **{"desiredCount": 1, **settings})
    site.until_deployed(definition)
    return definition


def test_a_completed_deployment_is_successful_and_names_its_revision(site: Site) -> None:
    definition = deployed(site)
    deployment = site.until_newest_is("SUCCESSFUL")
    assert deployment["startedAt"] <= deployment["finishedAt"]
    target = deployment["targetServiceRevision"]
    assert (target["requestedTaskCount"], target["runningTaskCount"]) == (1, 1)
    revision = site.ecs.describe_service_revisions(serviceRevisionArns=[target["arn"]])["serviceRevisions"][0]
    assert revision["taskDefinition"] == definition
    digest = site.image.partition("@")[2]
    assert revision["containerImages"] == [{"containerName": "web", "image": site.image, "imageDigest": digest}]


def test_deployments_are_listed_newest_first_and_by_status_and_time(site: Site) -> None:
    deployed(site)
    second = site.register()
    site.update(taskDefinition=second)
    site.until_newest_is("SUCCESSFUL")
    newest, oldest = site.deployments()
    assert newest["sourceServiceRevisions"] == [{"arn": oldest["targetServiceRevision"]["arn"]}]
    assert site.deployments(status=["STOPPED"]) == []
    assert len(site.deployments(status=["SUCCESSFUL"])) == 2
    now, day = newest["createdAt"], timedelta(days=1)
    assert site.deployments(createdAt={"after": now - day, "before": now + day}) == [newest, oldest]
    assert site.deployments(createdAt={"after": now + day}) == []
    assert site.deployments(createdAt={"before": now - day}) == []


def test_the_breaker_rolls_a_build_back_that_never_becomes_healthy(site: Site) -> None:
    good = deployed(site, desiredCount=2)
    sick = site.register(environment={"MODE": "sick", "ANSWER": "sick"})
    with site.load(clients=1) as load:
        site.update(taskDefinition=sick)
        deployment = site.until_newest_is("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
    assert deployment["status"] == "ROLLBACK_SUCCESSFUL"
    breaker = deployment["deploymentCircuitBreaker"]
    assert (breaker["status"], breaker["threshold"]) == ("TRIGGERED", 3)
    assert breaker["failureCount"] >= 3
    completed = site.deployments()[1]["targetServiceRevision"]["arn"]
    assert deployment["rollback"]["serviceRevisionArn"] == completed
    assert "circuit breaker" in deployment["rollback"]["reason"]
    site.until_deployed(good)
    assert load.failures == []
    assert set(load.answers) == {"good"}


def test_a_failed_deployment_is_seen_while_it_is_rolled_back_and_then_gone(site: Site) -> None:
    good = deployed(site)
    crash = site.register(environment={"MODE": "crash"})
    site.update(taskDefinition=crash)

    def states() -> dict[str, tuple[str, str]]:
        return {
            each["taskDefinition"]: (each["status"], each["rolloutState"]) for each in site.service()["deployments"]
        }

    assert states()[crash] == ("PRIMARY", "IN_PROGRESS")
    assert states()[good] == ("ACTIVE", "COMPLETED")
    eventually(lambda: states().get(crash, ("PRIMARY", ""))[0] != "PRIMARY" or crash not in states(), "it fails")
    site.until_deployed(good)
    assert site.service()["taskDefinition"] == good


def test_an_image_that_cannot_be_pulled_counts_as_a_failure(site: Site) -> None:
    good = deployed(site)
    site.update(taskDefinition=site.register(image=site.image[:-4] + "0000"))
    site.until_newest_is("ROLLBACK_SUCCESSFUL")
    site.until_deployed(good)


def test_the_breakers_threshold_can_be_set(site: Site) -> None:
    deployed(site, deploymentConfiguration=FIRST_FAILURE)
    site.update(taskDefinition=site.register(environment={"MODE": "crash"}))
    deployment = site.until_newest_is("ROLLBACK_SUCCESSFUL")
    assert deployment["deploymentCircuitBreaker"]["threshold"] == 1


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to(site: Site) -> None:
    site.serve(site.register(environment={"MODE": "crash"}), desiredCount=1)
    deployment = site.until_newest_is("ROLLBACK_FAILED")
    assert "No rollback candidate" in deployment["statusReason"]
    assert site.primary()["rolloutState"] == "FAILED"
    eventually(lambda: site.tasks() == [], "no more tasks are started")


def test_without_rollback_a_failed_deployment_stays_and_the_old_tasks_serve(site: Site) -> None:
    good = deployed(site, deploymentConfiguration=NO_ROLLBACK)
    site.update(taskDefinition=site.register(environment={"MODE": "crash"}))
    site.until_newest_is("STOPPED")
    assert site.primary()["rolloutState"] == "FAILED"
    eventually(lambda: {task["taskDefinitionArn"] for task in site.tasks()} == {good}, "only the old tasks run")
    assert site.get() == (200, "good")
    fixed = site.register(environment={"ANSWER": "fixed"})
    site.update(taskDefinition=fixed)
    site.until_deployed(fixed)


def test_without_a_breaker_a_deployment_goes_on_for_ever(site: Site) -> None:
    deployed(site, deploymentConfiguration=NO_BREAKER)
    site.update(taskDefinition=site.register(environment={"MODE": "crash"}))
    eventually(lambda: site.primary()["failedTasks"] >= 4, "more tasks fail than a breaker allows")
    assert site.deployments()[0]["status"] == "IN_PROGRESS"
    assert site.deployments()[0]["deploymentCircuitBreaker"]["status"] == "DISABLED"
    assert site.get() == (200, "good")


def test_a_newer_deployment_stops_the_one_under_way(site: Site) -> None:
    deployed(site, deploymentConfiguration=NO_BREAKER)
    site.update(taskDefinition=site.register(environment={"MODE": "sick"}))
    site.until_newest_is("IN_PROGRESS")
    newest = site.register(environment={"ANSWER": "newest"})
    site.update(taskDefinition=newest)
    site.until_deployed(newest)
    assert [each["status"] for each in site.deployments()] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]


def test_the_rollback_goes_to_the_last_completed_deployment(site: Site) -> None:
    good = deployed(site, deploymentConfiguration=BREAKER)
    site.update(taskDefinition=site.register(environment={"MODE": "sick"}))
    site.until_newest_is("IN_PROGRESS")
    site.update(taskDefinition=site.register(environment={"MODE": "crash"}))
    site.until_newest_is("ROLLBACK_SUCCESSFUL")
    site.until_deployed(good)


def test_a_deployment_is_stopped_by_a_rollback(site: Site) -> None:
    good = deployed(site, deploymentConfiguration=NO_BREAKER)
    site.update(taskDefinition=site.register(environment={"MODE": "sick"}))
    under_way = site.until_newest_is("IN_PROGRESS")
    site.ecs.stop_service_deployment(serviceDeploymentArn=under_way["serviceDeploymentArn"], stopType="ROLLBACK")
    stopped = site.until_newest_is("ROLLBACK_SUCCESSFUL")
    assert "StopServiceDeployment" in stopped["rollback"]["reason"]
    site.until_deployed(good)
    arn = stopped["serviceDeploymentArn"]
    assert refusal(site.ecs.stop_service_deployment, serviceDeploymentArn=arn) == "ConflictException"


def test_a_deployment_is_aborted_where_it_is(site: Site) -> None:
    good = deployed(site, deploymentConfiguration=NO_BREAKER)
    site.update(taskDefinition=site.register(environment={"MODE": "sick"}))
    under_way = site.until_newest_is("IN_PROGRESS")
    site.ecs.stop_service_deployment(serviceDeploymentArn=under_way["serviceDeploymentArn"], stopType="ABORT")
    assert site.until_newest_is("STOPPED")["stoppedAt"]
    eventually(lambda: {task["taskDefinitionArn"] for task in site.tasks()} == {good}, "only the old tasks run")


def test_what_is_not_there_cannot_be_stopped_and_is_missing(site: Site) -> None:
    deployed(site)
    arn = site.deployments()[0]["serviceDeploymentArn"] + "x"
    code = "ServiceDeploymentNotFoundException"
    assert refusal(site.ecs.stop_service_deployment, serviceDeploymentArn=arn) == code
    answer = site.ecs.describe_service_deployments(serviceDeploymentArns=[arn])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


def test_a_service_without_tasks_is_deployed_at_once(site: Site) -> None:
    deployed(site, desiredCount=0)
    second = site.register()
    site.update(taskDefinition=second)
    site.until_deployed(second)
    assert site.deployments()[0]["status"] == "SUCCESSFUL"
    assert site.service()["runningCount"] == 0
