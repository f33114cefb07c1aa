"""The calls on services."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from local.aws.ecs.clusters import Clusters
from local.aws.ecs.definitions import Definition, Definitions
from local.aws.ecs.deployments import Deployment, Revision, new_revision
from local.aws.ecs.launching import Launcher
from local.aws.ecs.refusal import Refusal, Request, client_error, invalid
from local.aws.ecs.service import Service, settings_of
from local.aws.ecs.task_api import check_launch_type, check_network, page
from local.aws.ecs.tasks import Surroundings, Task

Reply = dict[str, Any]
_DEFAULT_CONFIGURATION = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
}
_MOST_DESCRIBED = 10
_FOR_NEW_TASKS = (
    "loadBalancers",
    "networkConfiguration",
    "platformVersion",
    "capacityProviderStrategy",
)
_IN_PLACE = ("healthCheckGracePeriodSeconds", "enableExecuteCommand", "propagateTags", "enableECSManagedTags")


class ServiceApi:
    """CreateService and its kin."""

    def __init__(
        self, surroundings: Surroundings, clusters: Clusters, definitions: Definitions, launcher: Launcher
    ) -> None:
        from ministack.services import ecs

        self._ecs: Any = ecs
        self._surroundings = surroundings
        self._clusters = clusters
        self._definitions = definitions
        self._launcher = launcher
        self._services: dict[str, Service] = {}
        surroundings.balancing.subscribe(self._wake_all)

    @property
    def handlers(self) -> dict[str, Callable[[Request], Reply]]:
        """By the name of the call."""
        return {
            "CreateService": self.create,
            "UpdateService": self.update,
            "DeleteService": self.delete,
            "DescribeServices": self.describe,
            "ListServices": self.list_services,
        }

    def create(self, request: Request) -> Reply:
        cluster = self._clusters.of(request)
        definition = self._definitions.usable(request.get("taskDefinition", ""))
        name = request["serviceName"]
        arn = f"{cluster['clusterArn'].replace(':cluster/', ':service/')}/{name}"
        check_network(definition, request)
        check_launch_type(definition, request)
        self._check_load_balancers(definition, request)
        with self._surroundings.lock:
            if known := self._services.get(arn):
                if known.status == "DRAINING":
                    raise invalid("Unable to Start a service that is still Draining.")
                if known.status == "ACTIVE":
                    if known.record["_request"] != _fingerprint(request):
                        raise invalid("Creation of service was not idempotent.")
                    return {"service": self.shown(known)}
            service = Service(self._surroundings, self._record(arn, cluster, definition, request), self._launch)
            service.deploy(self._revision(service))
            self._services[arn] = service
            self._ecs._services[f"{cluster['clusterName']}/{name}"] = service.record
            self._ecs._tags[arn] = list(request.get("tags") or [])
        self._surroundings.server.background.start(f"service {name}", service.run)
        return {"service": self.shown(service)}

    def update(self, request: Request) -> Reply:
        service = self.find(request)
        if service.status != "ACTIVE":
            raise Refusal("ServiceNotActiveException", "Service was not ACTIVE.")
        with self._surroundings.lock:
            record = {**service.record, **{name: request[name] for name in _FOR_NEW_TASKS if name in request}}
            if "taskDefinition" in request:
                record["taskDefinition"] = self._definitions.usable(request["taskDefinition"])["taskDefinitionArn"]
            definition = self._definition(record["taskDefinition"])
            check_network(definition, record)
            self._check_load_balancers(definition, record)
            changes = {name: request[name] for name in (*_FOR_NEW_TASKS, *_IN_PLACE) if name in request}
            service.record.update(changes, deploymentConfiguration=_configuration(request, service.record))
            if request.get("desiredCount") is not None:
                service.scale(int(request["desiredCount"]))
            if request.get("forceNewDeployment") or settings_of(record) != service.primary.revision.settings:
                service.record["taskDefinition"] = record["taskDefinition"]
                service.deploy(self._revision(service))
        return {"service": self.shown(service)}

    def delete(self, request: Request) -> Reply:
        service = self.find(request)
        if service.status == "INACTIVE":
            raise Refusal("ServiceNotFoundException", "Service not found.")
        if service.desired > 0 and not request.get("force"):
            raise invalid("The service cannot be stopped while it is scaled above 0.")
        if service.status == "ACTIVE":
            service.delete()
        return {"service": self.shown(service)}

    def describe(self, request: Request) -> Reply:
        cluster = self._clusters.of(request)
        references = request.get("services") or []
        if not 1 <= len(references) <= _MOST_DESCRIBED:
            raise invalid(f"Services cannot be empty, and no more than {_MOST_DESCRIBED} can be described.")
        services, failures = [], []
        for reference in references:
            arn = self._arn(cluster, reference)
            if arn in self._services:
                services.append(self.shown(self._services[arn], with_tags="TAGS" in request.get("include", [])))
            else:
                failures.append({"arn": arn, "reason": "MISSING"})
        return {"services": services, "failures": failures}

    def list_services(self, request: Request) -> Reply:
        cluster = self._clusters.of(request)
        arns = [
            arn
            for arn, service in self._services.items()
            if service.record["clusterArn"] == cluster["clusterArn"]
            and service.status != "INACTIVE"
            and request.get("launchType") in (None, service.record["launchType"])
        ]
        return page({"maxResults": 10, **request}, "serviceArns", arns)

    def find(self, request: Request) -> Service:
        """The service that a request names.

        :raises Refusal: there is no such cluster or service
        """
        service = self._services.get(self._arn(self._clusters.of(request), request.get("service", "")))
        if service is None:
            raise Refusal("ServiceNotFoundException", "Service not found.")
        return service

    def known(self, arn: str) -> Service | None:
        """The service with this ARN, INACTIVE ones included."""
        return self._services.get(arn)

    def all(self) -> list[Service]:
        """Every service there is or was."""
        return list(self._services.values())

    def shown(self, service: Service, *, with_tags: bool = True) -> Reply:
        """A service's record, as it is now."""
        with self._surroundings.lock:
            record: Reply = json.loads(json.dumps(self._ecs._sanitize(service.record)))
        record["tags"] = self._ecs._tags.get(record["serviceArn"], []) if with_tags else []
        return record

    def _arn(self, cluster: Mapping[str, Any], reference: str) -> str:
        name = reference.rpartition("/")[2]
        return f"{cluster['clusterArn'].replace(':cluster/', ':service/')}/{name}"

    def _definition(self, arn: str) -> Definition:
        found = self._definitions.find(arn)
        assert found is not None, f"{arn} was checked"
        return found

    def _record(self, arn: str, cluster: Mapping[str, Any], definition: Definition, request: Request) -> dict[str, Any]:
        from ministack.core.responses import get_account_id

        strategy = request.get("capacityProviderStrategy") or None
        return {
            "_request": _fingerprint(request),
            "serviceArn": arn,
            "serviceName": request["serviceName"],
            "clusterArn": cluster["clusterArn"],
            "status": "ACTIVE",
            "desiredCount": int(request.get("desiredCount", 1)),
            "runningCount": 0,
            "pendingCount": 0,
            "launchType": None if strategy else request.get("launchType") or "FARGATE",
            "capacityProviderStrategy": strategy,
            "platformVersion": request.get("platformVersion") or "LATEST",
            "platformFamily": "Linux",
            "taskDefinition": definition["taskDefinitionArn"],
            "deploymentConfiguration": _configuration(request, {}),
            "deploymentController": request.get("deploymentController") or {"type": "ECS"},
            "deployments": [],
            "events": [],
            "loadBalancers": request.get("loadBalancers") or [],
            "serviceRegistries": [],
            "networkConfiguration": request.get("networkConfiguration") or {},
            "healthCheckGracePeriodSeconds": int(request.get("healthCheckGracePeriodSeconds") or 0),
            "schedulingStrategy": "REPLICA",
            "placementConstraints": [],
            "placementStrategy": [],
            "createdAt": time.time(),
            "createdBy": f"arn:aws:iam::{get_account_id()}:root",
            "enableECSManagedTags": bool(request.get("enableECSManagedTags")),
            "propagateTags": request.get("propagateTags") or "NONE",
            "enableExecuteCommand": bool(request.get("enableExecuteCommand")),
        }

    def _revision(self, service: Service) -> Revision:
        record = service.record
        containers = self._definition(record["taskDefinition"])["containerDefinitions"]
        images = []
        for container in containers:
            digest = self._surroundings.images.digest(container["image"])
            shown = {"containerName": container["name"], "image": container["image"]}
            images.append({**shown, "imageDigest": digest} if digest else shown)
        return new_revision(record["serviceArn"], record["clusterArn"], settings_of(record), images)

    def _launch(self, service: Service, deployment: Deployment) -> Task:
        settings = deployment.revision.settings
        definition = self._definition(settings["taskDefinition"])
        cluster = {"clusterArn": service.record["clusterArn"]}
        cluster["clusterName"] = cluster["clusterArn"].rpartition("/")[2]
        request = {
            "group": f"service:{service.name}",
            "startedBy": deployment.id,
            "launchType": service.record["launchType"],
            "networkConfiguration": settings["networkConfiguration"],
            "tags": self._task_tags(service, definition),
        }
        targets = [(each["targetGroupArn"], int(each["containerPort"])) for each in settings["loadBalancers"]]
        return self._launcher.launch(cluster, definition, request, targets=targets, changed=service.wake)

    def _task_tags(self, service: Service, definition: Definition) -> Any:
        tags = []
        if service.record["enableECSManagedTags"]:
            names = {"clusterName": service.record["clusterArn"].rpartition("/")[2], "serviceName": service.name}
            tags = [{"key": f"aws:ecs:{key}", "value": value} for key, value in names.items()]
        source = {
            "SERVICE": service.record["serviceArn"],
            "TASK_DEFINITION": definition["taskDefinitionArn"],
        }.get(service.record["propagateTags"])
        return [*tags, *(self._ecs._tags.get(source, []) if source else [])]

    def _check_load_balancers(self, definition: Definition, request: Mapping[str, Any]) -> None:
        from ministack.services import alb

        containers = {each["name"]: each for each in definition["containerDefinitions"]}
        for each in request.get("loadBalancers") or []:
            container = containers.get(each.get("containerName", ""))
            if container is None:
                raise invalid(f"The container {each.get('containerName')} does not exist in the task definition.")
            ports = [mapping["containerPort"] for mapping in container.get("portMappings", [])]
            if each.get("containerPort") not in ports:
                raise invalid(
                    f"The container {container['name']} did not have a container port {each.get('containerPort')} "
                    "defined."
                )
            arn = each.get("targetGroupArn", "")
            if arn not in alb._tgs:
                raise invalid(f"Unable to assume role and validate the specified targetGroupArn: {arn} not found.")
            if not self._surroundings.balancing.in_use(arn):
                raise invalid(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")

    def _wake_all(self) -> None:
        for service in self.all():
            service.wake()


def _configuration(request: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What a request does not say stays as it was, or is AWS's default."""
    before = known.get("deploymentConfiguration") or _DEFAULT_CONFIGURATION
    merged = {**before, **(request.get("deploymentConfiguration") or {})}
    lowest, highest = merged["minimumHealthyPercent"], merged["maximumPercent"]
    if highest <= lowest and highest <= 100 and lowest >= 100:
        raise invalid("maximumPercent must be greater than minimumHealthyPercent")
    if not isinstance(merged.get("deploymentCircuitBreaker"), dict):
        raise client_error("deploymentCircuitBreaker is not an object")
    return merged


def _fingerprint(request: Request) -> str:
    return json.dumps({name: value for name, value in request.items() if name != "clientToken"}, sort_keys=True)
