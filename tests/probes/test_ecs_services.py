"""ECS services: kept at their count behind the load balancer, changed without a lost request."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.probes.asking import refusal, refusal_message
from tests.support.compute import BREAKER, NETWORK, Site
from tests.support.requests import eventually

LONG_DRAIN = [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]


def test_a_service_serves_with_as_many_tasks_as_desired(site: Site) -> None:
    definition = site.register(environment={"ANSWER": "one"})
    site.serve(definition)
    site.until_deployed(definition)
    service = site.service()
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (2, 2, 0)
    assert site.health() == ["healthy", "healthy"]
    assert site.get() == (200, "one")
    tasks = site.tasks(serviceName=site.name)
    assert {task["startedBy"] for task in tasks} == {site.primary()["id"]}
    assert {task["group"] for task in tasks} == {f"service:{site.name}"}


def test_a_rolling_deployment_under_load_loses_no_request(site: Site) -> None:
    first, second = (site.register(environment={"ANSWER": answer}) for answer in ("one", "two"))
    site.serve(first)
    site.until_deployed(first)
    with site.load() as load:
        before = site.primary()["id"]
        site.update(taskDefinition=second)
        site.until_deployed(second)
        assert site.primary()["id"] != before
        eventually(lambda: load.answers[-1] == "two", "the new one answers")
    assert load.failures == []
    assert set(load.answers) == {"one", "two"}


def test_nothing_but_the_new_revision_runs_when_a_deployment_is_completed(site: Site) -> None:
    first, second = site.register(), site.register()
    site.serve(first)
    site.until_deployed(first)
    site.update(taskDefinition=second)
    site.until_deployed(second)
    assert {task["taskDefinitionArn"] for task in site.tasks()} == {second}
    assert site.health() == ["healthy", "healthy"]


def test_an_old_task_finishes_its_requests_before_it_is_stopped(site: Site) -> None:
    site.elb.modify_target_group_attributes(TargetGroupArn=site.target_group, Attributes=LONG_DRAIN)
    first, second = (site.register(environment={"ANSWER": answer}) for answer in ("one", "two"))
    site.serve(first, desiredCount=1)
    site.until_deployed(first)
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(site.get("/slow/3")))
    slow.start()
    site.update(taskDefinition=second)
    eventually(lambda: "draining" in site.health(), "the old task is drained")
    assert {task["taskDefinitionArn"]: task["lastStatus"] for task in site.tasks(desiredStatus="STOPPED")} == {
        first: "DEACTIVATING"
    }
    slow.join()
    assert answers == [(200, "one")]
    site.until_deployed(second)


def test_a_task_that_dies_is_replaced(site: Site) -> None:
    definition = site.register()
    site.serve(definition)
    site.until_deployed(definition)
    died = site.tasks()[0]["taskArn"]
    site.ecs.stop_task(cluster=site.cluster, task=died)
    eventually(lambda: site.service()["runningCount"] == 2 and died not in _arns(site), "it is replaced")
    assert len(site.deployments()) == 1


def test_a_task_that_becomes_unhealthy_is_replaced(site: Site, tmp_path: Any) -> None:
    sick = tmp_path / "sick"
    definition = site.register(environment={"SICK": str(sick)})
    site.serve(definition, desiredCount=1)
    site.until_deployed(definition)
    first = _arns(site)
    sick.touch()
    eventually(lambda: _arns(site).isdisjoint(first), "the task is stopped")
    sick.unlink()
    eventually(lambda: site.health() == ["healthy"], "another one is healthy")
    stopped = site.ecs.describe_tasks(cluster=site.cluster, tasks=list(first))["tasks"][0]
    assert stopped["stoppedReason"].startswith("Task failed ELB health checks in (target-group")
    assert stopped["stopCode"] == "ServiceSchedulerInitiated"


def test_one_that_becomes_unhealthy_serves_until_another_is_healthy(site: Site, tmp_path: Any) -> None:
    """With room for a replacement it is started first, and a group without a healthy target fails open."""
    sick = tmp_path / "sick"
    definition = site.register(environment={"SICK": str(sick)})
    site.serve(definition)
    site.until_deployed(definition)
    first = _arns(site)
    with site.load() as load:
        sick.touch()
        eventually(lambda: site.health().count("unhealthy") >= 2, "both are unhealthy")
        sick.unlink()
        eventually(lambda: _arns(site).isdisjoint(first), "both are replaced")
        eventually(lambda: site.health() == ["healthy", "healthy"], "the others are healthy")
    assert load.failures == []


def test_a_grace_period_puts_unhealthy_checks_off(site: Site) -> None:
    site.serve(site.register(environment={"MODE": "sick"}), desiredCount=1, healthCheckGracePeriodSeconds=3600)
    eventually(lambda: site.health() == ["unhealthy"], "its target is unhealthy")
    assert [task["desiredStatus"] for task in site.tasks()] == ["RUNNING"]
    site.update(healthCheckGracePeriodSeconds=0)
    eventually(lambda: site.tasks(desiredStatus="STOPPED"), "it is stopped after the grace")


def test_the_desired_count_changes_without_a_deployment(site: Site) -> None:
    definition = site.register()
    site.serve(definition, desiredCount=1)
    site.until_deployed(definition)
    site.update(desiredCount=3)
    eventually(lambda: site.health() == ["healthy"] * 3, "three serve")
    site.update(desiredCount=0)
    eventually(lambda: site.health() == [], "none serves")
    eventually(lambda: site.service()["runningCount"] == 0, "none runs")
    assert len(site.deployments()) == 1
    site.update(desiredCount=1)
    eventually(lambda: site.health() == ["healthy"], "one serves again")


def test_the_same_definition_is_deployed_again_only_when_forced(site: Site) -> None:
    definition = site.register()
    site.serve(definition, desiredCount=1)
    site.until_deployed(definition)
    first = _arns(site)
    site.update(taskDefinition=definition)
    assert len(site.deployments()) == 1
    site.update(forceNewDeployment=True)
    site.until_newest_is("SUCCESSFUL")
    assert len(site.deployments()) == 2
    assert _arns(site).isdisjoint(first)


def test_without_spare_capacity_an_old_task_goes_before_a_new_one_comes(site: Site) -> None:
    first, second = site.register(), site.register()
    bounds = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    site.serve(first, desiredCount=1, deploymentConfiguration={**BREAKER, **bounds})
    site.until_deployed(first)
    site.update(taskDefinition=second)
    site.until_deployed(second)
    old = site.tasks(desiredStatus="STOPPED")[0]
    new = site.tasks()[0]
    assert old["stoppingAt"] <= new["createdAt"]


def test_a_deleted_service_drains_and_is_inactive(site: Site) -> None:
    definition = site.register()
    site.serve(definition, desiredCount=1)
    site.until_deployed(definition)
    delete = {"cluster": site.cluster, "service": site.name}
    assert refusal(site.ecs.delete_service, **delete) == "InvalidParameterException"
    site.ecs.delete_service(**delete, force=True)
    eventually(lambda: site.service()["status"] == "INACTIVE", "it is inactive")
    assert site.tasks() == []
    assert site.health() == []
    assert refusal(site.ecs.update_service, **delete, desiredCount=1) == "ServiceNotActiveException"
    assert site.ecs.list_services(cluster=site.cluster)["serviceArns"] == []
    site.serve(definition, desiredCount=1)
    site.until_deployed(definition)


def test_a_name_is_taken_by_another_service_and_the_same_request_is_answered_again(site: Site) -> None:
    definition = site.register()
    assert site.serve(definition, desiredCount=1) == site.serve(definition, desiredCount=1)
    assert "not idempotent" in refusal_message(site.serve, definition=definition, desiredCount=2)


def test_a_group_that_no_load_balancer_leads_to_is_refused(site: Site) -> None:
    site.elb.delete_rule(RuleArn=site.rule)
    message = refusal_message(site.serve, definition=site.register())
    assert "does not have an associated load balancer" in message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"taskDefinition": "nope:99"}, "ClientException"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException"),
        ({"networkConfiguration": {}}, "InvalidParameterException"),
        ({"loadBalancers": [{"containerName": "db", "containerPort": 1}]}, "InvalidParameterException"),
    ],
)
def test_services_that_cannot_run_are_refused(site: Site, change: dict[str, Any], code: str) -> None:
    fit = {
        "cluster": site.cluster,
        "serviceName": "other",
        "taskDefinition": site.register(),
        "launchType": "FARGATE",
        "networkConfiguration": NETWORK,
        "desiredCount": 0,
    }
    assert refusal(site.ecs.create_service, **{**fit, **change}) == code
    assert refusal(site.ecs.create_service, **fit) is None
    assert refusal(site.ecs.update_service, cluster=site.cluster, service="none") == "ServiceNotFoundException"


def test_an_unknown_or_inactive_definition_is_not_deployed(site: Site) -> None:
    definition, other = site.register(), site.register()
    site.serve(definition, desiredCount=1)
    update = {"cluster": site.cluster, "service": site.name}
    assert refusal(site.ecs.update_service, **update, taskDefinition="nope:99") == "ClientException"
    site.ecs.deregister_task_definition(taskDefinition=other)
    assert "inactive" in refusal_message(site.ecs.update_service, **update, taskDefinition=other)
    assert site.primary()["taskDefinition"] == definition


def test_a_missing_service_is_told_apart(site: Site) -> None:
    answer = site.ecs.describe_services(cluster=site.cluster, services=["none"])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


def _arns(site: Site) -> set[str]:
    return {task["taskArn"] for task in site.tasks()}
