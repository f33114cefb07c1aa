"""ECS: one-off tasks, which are real processes with the environment they are given."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.probes.asking import fresh, refusal, refusal_message
from tests.probes.conftest import Clients
from tests.support.compute import NETWORK, ROLE, Site
from tests.support.requests import eventually


def command(*arguments: str) -> dict[str, Any]:
    return {"containerOverrides": [{"name": "web", "command": list(arguments)}]}


def address(task: dict[str, Any]) -> str:
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    return str(details["privateIPv4Address"])


def logged(aws: Clients, group: str, stream: str) -> list[str]:
    try:
        events = aws("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    except ClientError:
        return []
    return [event["message"] for event in events]


def test_a_task_tells_its_exit_code(site: Site) -> None:
    task = site.until_task_is(site.run(site.register(), overrides=command("exit", "3")), "STOPPED")
    assert task["containers"][0]["exitCode"] == 3
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["createdAt"] <= task["startedAt"] <= task["stoppedAt"]


def test_a_task_has_an_address_of_its_own_on_which_it_serves(site: Site) -> None:
    definition = site.register()
    tasks = [site.until_task_is(site.run(definition), "RUNNING") for _ in range(2)]
    addresses = [address(task) for task in tasks]
    assert addresses[0] != addresses[1]
    shown = [task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for task in tasks]
    assert shown == addresses
    eventually(lambda: all(_listens(where) for where in addresses), "both listen")


def _listens(where: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex((where, 8080)) == 0


def test_secrets_and_overrides_are_in_the_environment_and_nothing_of_the_server_is(site: Site, aws: Clients) -> None:
    secret = aws("secretsmanager").create_secret(Name=fresh("s/app"), SecretString='{"password": "p1", "n": 5}')
    name = f"/{fresh('p')}"
    aws("ssm").put_parameter(Name=name, Value="from-ssm", Type="String")
    definition = site.register(
        environment={"FIXED": "f", "CHANGED": "before"},
        secrets=[
            {"name": "PASSWORD", "valueFrom": f"{secret['ARN']}:password::"},
            {"name": "WHOLE", "valueFrom": secret["ARN"]},
            {"name": "PARAMETER", "valueFrom": name},
        ],
    )
    override = {"containerOverrides": [{"name": "web", "environment": [{"name": "CHANGED", "value": "after"}]}]}
    task = site.until_task_is(site.run(definition, overrides=override), "RUNNING")
    site.elb.register_targets(TargetGroupArn=site.target_group, Targets=[{"Id": address(task), "Port": 8080}])
    eventually(lambda: site.health() == ["healthy"], "the task is healthy")
    seen = site.get("/seen")[1]["environment"]
    seen.pop("LC_CTYPE", None)  # the interpreter's own
    assert seen == {
        "FIXED": "f",
        "CHANGED": "after",
        "PASSWORD": "p1",
        "WHOLE": '{"password": "p1", "n": 5}',
        "PARAMETER": "from-ssm",
        "SNAPLIFT_TASK_ADDRESS": address(task),
        "PATH": seen["PATH"],
    }


def test_secrets_are_read_when_a_task_starts(site: Site, aws: Clients) -> None:
    manager = aws("secretsmanager")
    arn = manager.create_secret(Name=fresh("s/app"), SecretString="old")["ARN"]
    definition = site.register(secrets=[{"name": "S", "valueFrom": arn}])
    manager.put_secret_value(SecretId=arn, SecretString="new")
    task = site.until_task_is(site.run(definition), "RUNNING")
    site.elb.register_targets(TargetGroupArn=site.target_group, Targets=[{"Id": address(task), "Port": 8080}])
    eventually(lambda: site.health() == ["healthy"], "the task is healthy")
    assert site.get("/seen")[1]["environment"]["S"] == "new"


@pytest.mark.parametrize("value_from", ["/no/such/parameter", "arn:secret", "arn:secret:missing::"])
def test_a_secret_that_cannot_be_read_stops_the_task(site: Site, aws: Clients, value_from: str) -> None:
    arn = aws("secretsmanager").create_secret(Name=fresh("s/app"), SecretString='{"a": "top-secret"}')["ARN"]
    value_from = value_from.replace("arn:secret", arn if "missing" in value_from else f"{arn}x")
    task = site.run(site.register(secrets=[{"name": "S", "valueFrom": value_from}]))
    stopped = site.until_task_is(task, "STOPPED")
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets")
    assert "top-secret" not in json.dumps(stopped, default=str)


def test_an_image_that_is_not_there_stops_the_task(site: Site) -> None:
    image = site.image[:-4] + "0000"
    task = site.until_task_is(site.run(site.register(image=image)), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError:")
    assert "exitCode" not in task["containers"][0]


def test_output_is_in_the_log_stream_of_the_task(site: Site, aws: Clients) -> None:
    group = fresh("/snaplift/probe")
    aws("logs").create_log_group(logGroupName=group)
    options = {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
    definition = site.register(logConfiguration={"logDriver": "awslogs", "options": options})
    task = site.run(definition, overrides=command("exit", "0"))
    stream = f"app/web/{task.rpartition('/')[2]}"
    eventually(lambda: logged(aws, group, stream) == ["exits with 0"], "the line is logged")


def test_a_log_group_that_is_not_there_stops_the_task(site: Site) -> None:
    options = {"awslogs-group": fresh("/none"), "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
    definition = site.register(logConfiguration={"logDriver": "awslogs", "options": options})
    task = site.until_task_is(site.run(definition), "STOPPED")
    assert "specified log group does not exist" in task["stoppedReason"]


def test_stopping_a_task_ends_its_process(site: Site) -> None:
    arn = site.run(site.register())
    where = address(site.until_task_is(arn, "RUNNING"))
    eventually(lambda: _listens(where), "it listens")
    site.ecs.stop_task(cluster=site.cluster, task=arn, reason="enough")
    task = site.until_task_is(arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == 0
    assert not _listens(where)


def test_a_process_that_ignores_sigterm_is_killed_after_its_stop_timeout(site: Site) -> None:
    arn = site.run(site.register(stopTimeout=1), overrides=command("hang"))
    site.until_task_is(arn, "RUNNING")
    site.ecs.stop_task(cluster=site.cluster, task=arn)
    # 137 where it had set its handler before it was stopped, 143 where it had not.
    assert site.until_task_is(arn, "STOPPED")["containers"][0]["exitCode"] in (137, 143)


def test_stopped_tasks_are_listed_apart(site: Site) -> None:
    definition = site.register()
    running = site.run(definition, startedBy="probe")
    stopped = site.run(definition, overrides=command("exit", "0"), startedBy="probe")
    site.until_task_is(stopped, "STOPPED")
    listed = site.ecs.list_tasks
    assert listed(cluster=site.cluster, startedBy="probe")["taskArns"] == [running]
    assert listed(cluster=site.cluster, desiredStatus="STOPPED", family=site.name)["taskArns"] == [stopped]
    assert listed(cluster=site.cluster, family=f"{site.name}2", desiredStatus="STOPPED")["taskArns"] == []


def test_the_same_client_token_gives_the_same_task(site: Site) -> None:
    definition = site.register()
    token = fresh("token")
    assert site.run(definition, clientToken=token) == site.run(definition, clientToken=token)
    arguments = {"cluster": site.cluster, "launchType": "FARGATE", "networkConfiguration": NETWORK}
    other = {**arguments, "taskDefinition": definition, "clientToken": token, "startedBy": "another"}
    assert refusal(site.ecs.run_task, **other) == "ConflictException"


def test_tags_of_the_definition_reach_the_task_when_asked_for(site: Site) -> None:
    definition = site.register(tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "1"}])
    arn = site.run(definition, propagateTags="TASK_DEFINITION", tags=[{"key": "b", "value": "2"}])
    described = site.ecs.describe_tasks(cluster=site.cluster, tasks=[arn], include=["TAGS"])["tasks"][0]
    assert described["tags"] == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]


def test_containers_start_in_the_order_of_their_dependencies(site: Site) -> None:
    """The first has to succeed before the second starts; the task ends with its essential container."""
    containers: list[dict[str, Any]] = [
        {"name": "migrate", "image": site.image, "essential": False, "command": ["exit", "0"]},
        {
            "name": "web",
            "image": site.image,
            "command": ["exit", "4"],
            "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}],
        },
    ]
    registered = site.ecs.register_task_definition(
        family=site.name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=ROLE,
        containerDefinitions=containers,
    )
    definition = registered["taskDefinition"]["taskDefinitionArn"]
    task = site.until_task_is(site.run(definition), "STOPPED")
    assert {each["name"]: each["exitCode"] for each in task["containers"]} == {"migrate": 0, "web": 4}
    failing = [{**containers[0], "command": ["exit", "1"]}, containers[1]]
    site.ecs.register_task_definition(
        **{key: registered["taskDefinition"][key] for key in ("family", "networkMode", "cpu", "memory")},
        requiresCompatibilities=["FARGATE"],
        executionRoleArn=ROLE,
        containerDefinitions=failing,
    )
    task = site.until_task_is(site.run(site.name), "STOPPED")
    assert "migrate" in task["stoppedReason"]


def test_a_containers_own_health_check_decides_the_tasks_health(site: Site) -> None:
    def health_of(check: str) -> str:
        task = site.run(site.register(healthCheck={"command": ["CMD-SHELL", check], "retries": 1, "interval": 5}))

        def known() -> str | None:
            status = str(site.task(task)["healthStatus"])
            return None if status == "UNKNOWN" else status

        return str(eventually(known, "its health is known"))

    assert (health_of("exit 0"), health_of("exit 1")) == ("HEALTHY", "UNHEALTHY")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"taskDefinition": "nope:99"}, "ClientException", "TaskDefinition not found"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found"),
        ({"networkConfiguration": {}}, "InvalidParameterException", "Network Configuration"),
        ({"count": 11}, "InvalidParameterException", "between 1 and 10"),
        ({"overrides": {"containerOverrides": [{"name": "db"}]}}, "InvalidParameterException", "not a container"),
    ],
)
def test_tasks_that_cannot_run_are_refused(site: Site, change: dict[str, Any], code: str, words: str) -> None:
    fit = {
        "cluster": site.cluster,
        "taskDefinition": site.register(),
        "launchType": "FARGATE",
        "networkConfiguration": NETWORK,
    }
    assert refusal(site.ecs.run_task, **{**fit, **change}) == code
    assert words in refusal_message(site.ecs.run_task, **{**fit, **change})


def test_a_deregistered_definition_starts_nothing_and_goes_on_running(site: Site) -> None:
    definition = site.register()
    task = site.run(definition)
    site.until_task_is(task, "RUNNING")
    site.ecs.deregister_task_definition(taskDefinition=definition)
    arguments = {"cluster": site.cluster, "launchType": "FARGATE", "networkConfiguration": NETWORK}
    assert "inactive" in refusal_message(site.ecs.run_task, taskDefinition=definition, **arguments)
    assert site.task(task)["lastStatus"] == "RUNNING"


def test_what_is_not_there_is_missing(site: Site) -> None:
    answer = site.ecs.describe_tasks(cluster=site.cluster, tasks=["0" * 32])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]
    assert refusal(site.ecs.stop_task, cluster=site.cluster, task="0" * 32) == "InvalidParameterException"
    assert refusal(site.ecs.describe_task_definition, taskDefinition="nope") == "ClientException"


def test_a_cluster_in_use_is_not_deleted(site: Site) -> None:
    task = site.run(site.register())
    assert refusal(site.ecs.delete_cluster, cluster=site.cluster) == "ClusterContainsTasksException"
    site.ecs.stop_task(cluster=site.cluster, task=task)
    site.until_task_is(task, "STOPPED")
    assert refusal(site.ecs.delete_cluster, cluster=site.cluster) is None
    site.ecs.create_cluster(clusterName=site.cluster)


def test_a_task_is_of_the_servers_user(site: Site) -> None:
    task = site.run(site.register(entryPoint=["/bin/sh", "-c"], command=[f"test $(id -u) = {os.getuid()}"]))
    assert site.until_task_is(task, "STOPPED")["containers"][0]["exitCode"] == 0
