"""The calls on task definitions and tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from local.aws.ecs.clusters import Clusters
from local.aws.ecs.definitions import Definition, Definitions, check
from local.aws.ecs.launching import Launcher
from local.aws.ecs.refusal import Refusal, Request, client_error, invalid
from local.aws.ecs.tasks import Surroundings, Task

Reply = dict[str, Any]
_PAGE = 100
_MOST_TASKS = 10


class TaskApi:
    """RunTask and its kin."""

    def __init__(
        self, surroundings: Surroundings, clusters: Clusters, definitions: Definitions, launcher: Launcher
    ) -> None:
        from ministack.services import ecs

        self._ecs: Any = ecs
        self._surroundings = surroundings
        self._clusters = clusters
        self._definitions = definitions
        self._launcher = launcher
        self._by_token: dict[tuple[str, str], tuple[str, list[Task]]] = {}

    @property
    def handlers(self) -> dict[str, Callable[[Request], Reply]]:
        """By the name of the call."""
        return {
            "DeleteCluster": self.delete_cluster,
            "RegisterTaskDefinition": self.register,
            "DeregisterTaskDefinition": self.deregister,
            "DescribeTaskDefinition": self.describe_definition,
            "ListTaskDefinitions": self.list_definitions,
            "RunTask": self.run,
            "StopTask": self.stop,
            "DescribeTasks": self.describe,
            "ListTasks": self.list_tasks,
        }

    def delete_cluster(self, request: Request) -> Reply:
        self._clusters.check_deletion(self._clusters.of(request))
        return _reply(self._ecs._delete_cluster(request))

    def register(self, request: Request) -> Reply:
        check(request)
        return _reply(self._ecs._register_task_definition(request))

    def deregister(self, request: Request) -> Reply:
        found = self._definitions.find(request.get("taskDefinition", ""))
        if found is None or ":" not in request["taskDefinition"]:
            raise client_error(
                "The specified task definition does not exist. Specify a valid account, family, revision and try again."
            )
        return _reply(self._ecs._deregister_task_definition({"taskDefinition": found["taskDefinitionArn"]}))

    def describe_definition(self, request: Request) -> Reply:
        found = self._definitions.find(request.get("taskDefinition", ""))
        if found is None:
            raise client_error("Unable to describe task definition.")
        reply: Reply = {"taskDefinition": found}
        if "TAGS" in request.get("include", []):
            reply["tags"] = self._ecs._tags.get(found["taskDefinitionArn"], [])
        return reply

    def list_definitions(self, request: Request) -> Reply:
        arns = self._definitions.arns(
            request.get("familyPrefix"),
            request.get("status", "ACTIVE"),
            descending=request.get("sort") == "DESC",
        )
        return page(request, "taskDefinitionArns", arns)

    def run(self, request: Request) -> Reply:
        cluster = self._clusters.of(request)
        definition = self._definitions.usable(request.get("taskDefinition", ""))
        count = int(request.get("count", 1))
        if not 1 <= count <= _MOST_TASKS:
            raise invalid(f"count should be between 1 and {_MOST_TASKS}")
        check_network(definition, request)
        check_launch_type(definition, request)
        fingerprint = json.dumps(request, sort_keys=True)
        token = (cluster["clusterArn"], request.get("clientToken", ""))
        with self._surroundings.lock:
            known = self._by_token.get(token)
            if known is not None and known[0] != fingerprint:
                raise Refusal("ConflictException", "The client token was used with other parameters before.")
            if known is None:
                described = {**request, "tags": self._tags(definition, request)}
                tasks = [self._launcher.launch(cluster, definition, described) for _ in range(count)]
                known = fingerprint, tasks
                if token[1]:
                    self._by_token[token] = known
            return {"tasks": [self.shown(task) for task in known[1]], "failures": []}

    def stop(self, request: Request) -> Reply:
        task = self._launcher.find(self._clusters.of(request)["clusterArn"], request.get("task", ""))
        if task is None:
            raise invalid("The referenced task was not found.")
        task.stop("UserInitiated", request.get("reason") or "Task stopped by user")
        return {"task": self.shown(task)}

    def describe(self, request: Request) -> Reply:
        cluster = self._clusters.of(request)
        tasks, failures = [], []
        for reference in request.get("tasks", []):
            task = self._launcher.find(cluster["clusterArn"], reference)
            if task is None:
                base = cluster["clusterArn"].replace(":cluster/", ":task/")
                arn = reference if reference.startswith("arn:") else f"{base}/{reference}"
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                tasks.append(self.shown(task, with_tags="TAGS" in request.get("include", [])))
        return {"tasks": tasks, "failures": failures}

    def list_tasks(self, request: Request) -> Reply:
        cluster = self._clusters.of(request)
        wanted = {
            "desiredStatus": request.get("desiredStatus", "RUNNING"),
            "startedBy": request.get("startedBy"),
            "launchType": request.get("launchType"),
            "group": f"service:{_last(request['serviceName'])}" if request.get("serviceName") else None,
        }
        family = request.get("family")
        with self._surroundings.lock:
            arns = [
                task.record["taskArn"]
                for task in self._launcher.of(cluster["clusterArn"])
                if all(task.record.get(name) == value for name, value in wanted.items() if value is not None)
                and (not family or f"/{family}:" in task.record["taskDefinitionArn"])
            ]
        return page(request, "taskArns", arns)

    def shown(self, task: Task, *, with_tags: bool = True) -> Reply:
        """A task's record, as it is now."""
        with self._surroundings.lock:
            record: Reply = json.loads(json.dumps(self._ecs._sanitize(task.record)))
        record["tags"] = self._ecs._tags.get(record["taskArn"], []) if with_tags else []
        return record

    def _tags(self, definition: Definition, request: Request) -> Any:
        tags = {each["key"]: each for each in request.get("tags") or []}
        if request.get("propagateTags") == "TASK_DEFINITION":
            inherited = self._ecs._tags.get(definition["taskDefinitionArn"], [])
            tags = {**{each["key"]: each for each in inherited}, **tags}
        return list(tags.values())


def check_network(definition: Definition, request: Mapping[str, Any]) -> None:
    """:raises Refusal: the definition's network mode asks for a network, or for none."""
    given = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition.get("networkMode") == "awsvpc":
        if not given:
            raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
        if not given.get("subnets"):
            raise invalid("subnets can not be empty.")
    elif given:
        raise invalid("Network Configuration is not valid for the given networkMode of this task definition.")


def check_launch_type(definition: Definition, request: Mapping[str, Any]) -> None:
    """:raises Refusal: the definition was not registered for Fargate."""
    if request.get("launchType") == "FARGATE" and "FARGATE" not in definition.get("requiresCompatibilities", []):
        raise invalid("Task definition does not support launch_type FARGATE.")


def page(request: Request, name: str, found: list[Any]) -> Reply:
    """One page of a list, and the token of the next."""
    start = int(request.get("nextToken") or 0)
    end = start + int(request.get("maxResults") or _PAGE)
    reply: Reply = {name: found[start:end]}
    if end < len(found):
        reply["nextToken"] = str(end)
    return reply


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


def _reply(answer: tuple[int, dict[str, str], bytes]) -> Reply:
    """The members of an answer of ministack's."""
    status, _, body = answer
    reply: Reply = json.loads(body)
    if status >= 400:
        raise Refusal(str(reply.get("__type", "ClientException")), str(reply.get("message", reply)))
    return reply
