"""Small images, and a cluster with a load balancer to run them on."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import uuid4

from tests.support.requests import Load, ask, eventually

CONTAINER_PORT = 8080
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}
ROLE = "arn:aws:iam::000000000000:role/execution"
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Balancer:
    """A load balancer whose listener leads one host to a target group."""

    arn: str
    listener: str
    port: int
    target_group: str
    rule: str


class Site:
    """A cluster, and a load balancer, which is made when it is first asked for."""

    def __init__(self, aws: Callable[[str], Any], image: str) -> None:
        self.ecs, self.elb = aws("ecs"), aws("elbv2")
        self.image = image
        self.name = f"site-{uuid4().hex[:8]}"
        self.host = f"{self.name}.localhost"
        self.cluster = self.ecs.create_cluster(clusterName=self.name)["cluster"]["clusterName"]

    @cached_property
    def balancer(self) -> Balancer:
        arn, listener, port = _listener(self.elb, self.name)
        group = target_group(self.elb, self.name)
        return Balancer(arn, listener, port, group, forward(self.elb, listener, group, self.host))

    @property
    def load_balancer(self) -> str:
        return self.balancer.arn

    @property
    def listener(self) -> str:
        return self.balancer.listener

    @property
    def port(self) -> int:
        return self.balancer.port

    @property
    def target_group(self) -> str:
        return self.balancer.target_group

    @property
    def rule(self) -> str:
        return self.balancer.rule

    def register(self, family: str | None = None, **settings: Any) -> str:
        """Register a task definition; ``environment`` is a mapping, other settings are the container's."""
        environment = settings.pop("environment", {})
        top = {name: settings.pop(name) for name in ("tags", "executionRoleArn") if name in settings}
        container = {
            "name": "web",
            "image": self.image,
            "portMappings": [{"containerPort": CONTAINER_PORT}],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            "stopTimeout": 2,
            **settings,
        }
        answer = self.ecs.register_task_definition(
            family=family or self.name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
            **{"executionRoleArn": ROLE, **top},
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def serve(self, definition: str, **settings: Any) -> str:
        """Create the service behind the load balancer, without waiting for it."""
        settings = {
            "serviceName": self.name,
            "desiredCount": 2,
            "deploymentConfiguration": BREAKER,
            "loadBalancers": [self.balanced()],
            **settings,
        }
        answer = self.ecs.create_service(
            cluster=self.cluster,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            **settings,
        )
        return str(answer["service"]["serviceArn"])

    def balanced(self) -> dict[str, Any]:
        return {"containerName": "web", "containerPort": CONTAINER_PORT, "targetGroupArn": self.target_group}

    def update(self, **settings: Any) -> dict[str, Any]:
        answer = self.ecs.update_service(cluster=self.cluster, service=self.name, **settings)
        found: dict[str, Any] = answer["service"]
        return found

    def service(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster=self.cluster, services=[self.name])["services"][0]
        return found

    def primary(self) -> dict[str, Any]:
        found: dict[str, Any] = next(each for each in self.service()["deployments"] if each["status"] == "PRIMARY")
        return found

    def until_deployed(self, definition: str) -> None:
        """Wait until the only deployment is a completed one of this definition."""

        def deployed() -> bool:
            deployments = self.service()["deployments"]
            return [(each["taskDefinition"], each["rolloutState"]) for each in deployments] == [
                (definition, "COMPLETED")
            ]

        eventually(deployed, f"{definition} is deployed")

    def deployments(self, **filters: Any) -> list[dict[str, Any]]:
        """The service deployments, the newest first, described in full."""
        listed = self.ecs.list_service_deployments(cluster=self.cluster, service=self.name, **filters)
        arns = [each["serviceDeploymentArn"] for each in listed["serviceDeployments"]]
        if not arns:
            return []
        described = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        return sorted(described, key=lambda each: arns.index(each["serviceDeploymentArn"]))

    def until_newest_is(self, *statuses: str) -> dict[str, Any]:
        """The newest service deployment, once it is in one of these states."""

        def found() -> dict[str, Any] | None:
            newest = self.deployments()[0]
            return newest if newest["status"] in statuses else None

        deployment: dict[str, Any] = eventually(found, f"the newest deployment of {self.name} is {statuses}")
        return deployment

    def run(self, definition: str, **settings: Any) -> str:
        """Run a one-off task and return its ARN."""
        answer = self.ecs.run_task(
            cluster=self.cluster,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            **settings,
        )
        assert not answer["failures"], answer["failures"]
        return str(answer["tasks"][0]["taskArn"])

    def task(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0]
        return found

    def until_task_is(self, arn: str, state: str) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            task = self.task(arn)
            return task if task["lastStatus"] == state else None

        found: dict[str, Any] = eventually(there, f"{arn} is {state}")
        return found

    def tasks(self, **filters: Any) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.cluster, **filters)["taskArns"]
        if not arns:
            return []
        found: list[dict[str, Any]] = self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]
        return found

    def health(self) -> list[str]:
        """The states of the group's targets."""
        found = self.elb.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"]
        return sorted(each["TargetHealth"]["State"] for each in found)

    def get(self, path: str = "/", host: str | None = None) -> tuple[int, Any]:
        """Status and JSON that the load balancer answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            return ask(connection, path, host or self.host)
        finally:
            connection.close()

    def load(self, clients: int = 4) -> Load:
        """Clients that ask this site as long as the context lasts."""
        return Load(self.port, self.host, clients)

    def close(self) -> None:
        """Delete the service and the load balancer, so that nothing of it runs on."""
        with suppress(self.ecs.exceptions.ServiceNotFoundException):
            self.ecs.delete_service(cluster=self.cluster, service=self.name, force=True)
        for task in self.tasks():
            self.ecs.stop_task(cluster=self.cluster, task=task["taskArn"])
        if "balancer" in self.__dict__:
            self.elb.delete_load_balancer(LoadBalancerArn=self.load_balancer)


def forward(elb: Any, listener: str, target_group: str, host: str, priority: int = 1) -> str:
    """Lead a host's requests to a target group."""
    made = elb.create_rule(
        ListenerArn=listener,
        Priority=priority,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )
    return str(made["Rules"][0]["RuleArn"])


def control(endpoint: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Ask what only the laptop's AWS answers; with a body, change it."""
    request = urllib.request.Request(
        f"{endpoint}/_local/{path}",
        data=None if body is None else json.dumps(body).encode(),
        method="GET" if body is None else "PUT",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _listener(elb: Any, name: str) -> tuple[str, str, int]:
    made = elb.create_load_balancer(Name=name, Subnets=["subnet-1", "subnet-2"])
    load_balancer, port = str(made["LoadBalancers"][0]["LoadBalancerArn"]), free_port()
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "no such site"}}
    listener = elb.create_listener(LoadBalancerArn=load_balancer, Port=port, Protocol="HTTP", DefaultActions=[nothing])
    return load_balancer, str(listener["Listeners"][0]["ListenerArn"]), port


def target_group(elb: Any, name: str, **settings: Any) -> str:
    """Make a target group that asks ``/healthz`` and return its ARN."""
    made = elb.create_target_group(
        **{
            "Name": name,
            "Port": CONTAINER_PORT,
            "Protocol": "HTTP",
            "VpcId": "vpc-1",
            "TargetType": "ip",
            "HealthCheckPath": "/healthz",
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            "HealthCheckTimeoutSeconds": 2,
            **settings,
        }
    )
    return str(made["TargetGroups"][0]["TargetGroupArn"])
