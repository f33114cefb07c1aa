"""ECS: revisions, services whose deployments succeed, fail, are stopped or superseded, and tasks that come and go."""

# ruff: noqa: N803  # arguments are called as in AWS's API
from __future__ import annotations

from typing import Any

from tests.model.references import check_service_unused
from tests.model.world import SERVING, Deployment, Service, Task, World, refusal

_UNDER_WAY = frozenset(
    {"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
)  # fmt: skip
PORT = 3306
DRAINING = 420
"""Seconds that a task takes to stop: its requests are given the load balancer's five minutes, then it its own two."""


class Ecs:
    def __init__(self, world: World) -> None:
        self.world = world

    # -- what happens to a service ---------------------------------------------------------------------------------

    def make(self, name: str, definition: str) -> None:
        """Make a service; ECS starts one without a count with one task."""
        made = Service(name, 1, self._deployment(definition))
        self.world.services[name] = made
        self._announce(made, made.primary)

    def _deployment(self, definition: str) -> Deployment:
        arn = f"arn:aws:ecs:eu-central-1:123456789012:service-deployment/{self.world.next()}"
        return Deployment(arn, definition, self.world.now, told_to_fail=self.world.befalls("deployment"))

    def _announce(self, service: Service, deployment: Deployment) -> None:
        service.history.append(deployment)
        self.world.later(20, self._begin, service, deployment)
        self.world.later(240, self._end, service, deployment)

    def _begin(self, service: Service, deployment: Deployment) -> None:
        if deployment.status == "PENDING" and service.status == "ACTIVE":
            deployment.status = "IN_PROGRESS"
            self._scale(service)

    def _end(self, service: Service, deployment: Deployment) -> None:
        if deployment.status != "IN_PROGRESS" or service.status != "ACTIVE":
            return
        if deployment.told_to_fail or not self.can_serve(deployment.definition):
            self._roll_back(service, deployment, "(deployment failed: tasks failed to start)")
            return
        deployment.status, deployment.rollout = "SUCCESSFUL", "COMPLETED"
        service.good = deployment.definition
        self._stop_others(service)

    def can_serve(self, definition: str) -> bool:
        """Say whether tasks of a revision get healthy: database, way to it, and credentials are all there."""
        instance = self.world.instance_of(definition)
        if instance is None or instance.status not in SERVING:
            return False
        family = definition.rpartition("/")[2].rpartition(":")[0]
        reached = (instance.group, f"sg-{family}-service", PORT) in self.world.ingress
        secrets = [self.world.secrets.get(arn) for arn in self.world.secrets_of(definition)]
        return reached and all(secret is not None and instance.opens(secret) for secret in secrets)

    def _roll_back(self, service: Service, deployment: Deployment, reason: str) -> None:
        deployment.status, deployment.rollout, deployment.reason = "ROLLBACK_IN_PROGRESS", "FAILED", reason
        if service.good:
            # DescribeServices has the old revision as PRIMARY again; ListServiceDeployments has no new deployment.
            service.primary = Deployment("", service.good, self.world.now)
            self._scale(service)
        self._stop_others(service)
        self.world.later(120, self._rolled_back, service, deployment, service.primary)

    def _rolled_back(self, service: Service, deployment: Deployment, old: Deployment) -> None:
        if deployment.status == "ROLLBACK_IN_PROGRESS":
            deployment.status = "ROLLBACK_SUCCESSFUL" if old is not deployment else "ROLLBACK_FAILED"
            if service.primary is old and old is not deployment:
                old.rollout = "COMPLETED"

    def remove(self, name: str) -> None:
        """Begin to delete a service, as CloudFormation does."""
        service = self.world.services.get(name)
        if service is not None and service.status == "ACTIVE":
            check_service_unused(self.world, service)
            service.status = "INACTIVE"
            for task in self._tasks(service):
                self.stop(task)

    def drains(self, name: str) -> bool:
        return any(task.service == name and task.status != "STOPPED" for task in self.world.tasks.values())

    # -- tasks -----------------------------------------------------------------------------------------------------

    def _tasks(self, service: Service) -> list[Task]:
        return [task for task in self.world.tasks.values() if task.service == service.name and task.runs]

    def _scale(self, service: Service) -> None:
        have = [task for task in self._tasks(service) if task.definition == service.primary.definition]
        for _ in range(service.desired - len(have)):
            self._start(service.primary.definition, service=service.name)

    def _stop_others(self, service: Service) -> None:
        for task in self._tasks(service):
            if task.definition != service.primary.definition:
                self.stop(task)

    def _start(self, definition: str, *, service: str = "", started_by: str = "", ends: bool = False) -> Task:
        number = self.world.next()
        made = Task(f"arn:aws:ecs:eu-central-1:123456789012:task/{number}", definition, "PROVISIONING", started_by,
                    service, ends=ends)  # fmt: skip
        self.world.tasks[made.arn] = made
        self.world.later(40, self._started, made)
        return made

    def _started(self, task: Task) -> None:
        if task.status == "PROVISIONING":
            task.status = "RUNNING"
            if task.ends:
                self.world.later(60, self._stopped, task, int(self.world.befalls("task")))

    def stop(self, task: Task) -> None:
        if task.runs:
            task.status = "STOPPING"
            self.world.later(DRAINING if task.service else 45, self._stopped, task, 137)

    def _stopped(self, task: Task, exit_code: int) -> None:
        if task.status != "STOPPED":
            task.status, task.exit_code = "STOPPED", exit_code
            self.world.later(3600, self._forget, task)

    def _forget(self, task: Task) -> None:
        self.world.tasks.pop(task.arn, None)

    # -- the API: revisions ----------------------------------------------------------------------------------------

    def register_task_definition(self, family: str, tags: Any, **given: Any) -> dict[str, Any]:
        number = 1 + sum(_family(arn) == family for arn in self.world.definitions)
        arn = f"arn:aws:ecs:eu-central-1:123456789012:task-definition/{family}:{number}"
        self.world.definitions[arn] = {**given, "tags": tags}
        return {"taskDefinition": {"taskDefinitionArn": arn}}

    def list_task_definitions(self, familyPrefix: str, maxResults: int, **_: Any) -> dict[str, Any]:
        found = [arn for arn in self.world.definitions if _family(arn).startswith(familyPrefix)]
        return {"taskDefinitionArns": found[::-1][:maxResults]}

    def describe_task_definition(self, taskDefinition: str, **_: Any) -> dict[str, Any]:
        if taskDefinition not in self.world.definitions:
            raise refusal("ClientException", "Unable to describe task definition.")
        definition = {**self.world.definitions[taskDefinition]}
        return {"tags": definition.pop("tags"), "taskDefinition": {**definition, "status": "ACTIVE"}}

    # -- the API: services -----------------------------------------------------------------------------------------

    def describe_services(self, cluster: str, services: list[str]) -> dict[str, Any]:
        found = self.world.services.get(services[0])
        if found is None:
            return {"services": [], "failures": [{"reason": "MISSING"}]}
        runs = self._tasks(found)
        # A deployment is told of as long as it has tasks that run: those which are stopping are no longer counted.
        others = {task.definition for task in runs} - {found.primary.definition}
        described = {
            "serviceArn": f"arn:service/{found.name}",
            "status": found.status,
            "taskDefinition": found.primary.definition,
            "desiredCount": found.desired,
            "runningCount": sum(task.status == "RUNNING" for task in runs),
            "deployments": [
                {"status": "PRIMARY", "taskDefinition": found.primary.definition, "rolloutState": found.primary.rollout}
            ]
            + [{"status": "ACTIVE", "taskDefinition": other, "rolloutState": "COMPLETED"} for other in others],
        }
        return {"services": [described], "failures": []}

    def update_service(self, cluster: str, service: str, taskDefinition: str, **given: Any) -> None:
        found = self.world.services.get(service)
        if found is None or found.status != "ACTIVE":
            raise refusal("ServiceNotActiveException", f"Service {service} was not ACTIVE.")
        if taskDefinition not in self.world.definitions:
            raise refusal("ClientException", f"TaskDefinition {taskDefinition} not found.")
        found.desired = given.get("desiredCount", found.desired)
        if taskDefinition == found.primary.definition:
            self._scale(found)
            return
        for deployment in found.history:
            if deployment.status in _UNDER_WAY:
                deployment.status, deployment.reason = "STOPPED", "superseded"
        found.primary = self._deployment(taskDefinition)
        self._announce(found, found.primary)

    def _history(self, service: str) -> list[Deployment]:
        if service not in self.world.services:
            raise refusal("ServiceNotFoundException", f"Service {service} not found.")
        return self.world.services[service].history

    def list_service_deployments(self, cluster: str, service: str, maxResults: int) -> dict[str, Any]:
        arns = [deployment.arn for deployment in self._history(service)][::-1][:maxResults]
        return {"serviceDeployments": [{"serviceDeploymentArn": arn} for arn in arns]}

    def describe_service_deployments(self, serviceDeploymentArns: list[str]) -> dict[str, Any]:
        found = [d for s in self.world.services.values() for d in s.history if d.arn in serviceDeploymentArns]
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": each.arn,
                    "status": each.status,
                    "statusReason": each.reason,
                    "createdAt": each.created,
                    "targetServiceRevision": {"arn": each.arn},
                }
                for each in found
            ]
        }

    def describe_service_revisions(self, serviceRevisionArns: list[str]) -> dict[str, Any]:
        found = [d for s in self.world.services.values() for d in s.history if d.arn in serviceRevisionArns]
        return {"serviceRevisions": [{"taskDefinition": each.definition} for each in found]}

    def stop_service_deployment(self, serviceDeploymentArn: str, stopType: str) -> None:
        assert stopType == "ROLLBACK"
        for service in self.world.services.values():
            for each in service.history:
                if each.arn == serviceDeploymentArn:
                    if each.status not in {"PENDING", "IN_PROGRESS"}:
                        raise refusal("ConflictException", f"The deployment is {each.status}.")
                    each.status = "ROLLBACK_REQUESTED"
                    self.world.later(15, self._roll_back_requested, service, each)

    def _roll_back_requested(self, service: Service, deployment: Deployment) -> None:
        if deployment.status == "ROLLBACK_REQUESTED":
            self._roll_back(service, deployment, "(stopped by a person)")

    # -- the API: tasks --------------------------------------------------------------------------------------------

    def run_task(self, clientToken: str, taskDefinition: str, overrides: Any, **_: Any) -> dict[str, Any]:
        made = next((task for task in self.world.tasks.values() if task.started_by == clientToken), None)
        if made is None:
            ends = "command" in overrides["containerOverrides"][0]
            made = self._start(taskDefinition, started_by=clientToken, ends=ends)
        return {"tasks": [_described(made)], "failures": []}

    def list_tasks(self, cluster: str, desiredStatus: str, **given: Any) -> dict[str, Any]:
        found = [task for task in self.world.tasks.values() if task.runs == (desiredStatus == "RUNNING")]
        if "startedBy" in given:
            found = [task for task in found if task.started_by == given["startedBy"]]
        if "family" in given:
            found = [task for task in found if _family(task.definition) == given["family"]]
        return {"taskArns": [task.arn for task in found]}

    def describe_tasks(self, cluster: str, tasks: list[str]) -> dict[str, Any]:
        return {
            "tasks": [_described(self.world.tasks[arn]) for arn in tasks if arn in self.world.tasks],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in tasks if arn not in self.world.tasks],
        }

    def stop_task(self, cluster: str, task: str, reason: str) -> None:
        found = self.world.tasks[task]
        if found.service:
            self.world.violations.append(f"task {task} of service {found.service} was stopped")
        self.stop(found)


def _family(definition: str) -> str:
    return definition.rpartition("/")[2].rpartition(":")[0]


def _described(task: Task) -> dict[str, Any]:
    address = [{"name": "privateIPv4Address", "value": task.arn.rpartition("/")[2]}]
    return {
        "taskArn": task.arn,
        "taskDefinitionArn": task.definition,
        "lastStatus": task.status,
        "attachments": [{"details": address}] if task.status == "RUNNING" else [],
        "containers": [{"name": "web", **({} if task.exit_code is None else {"exitCode": task.exit_code})}],
    }
