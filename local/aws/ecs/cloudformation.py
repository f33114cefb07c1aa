"""AWS::ECS::Service: made, changed and deleted by the same calls, each waited for as CloudFormation does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from local.aws import patching
from local.aws.ecs.deployments import Deployment, Status
from local.aws.ecs.refusal import Refusal
from local.aws.ecs.service import Service
from local.aws.ecs.service_api import ServiceApi

if TYPE_CHECKING:
    from local.aws.server import Server

_TYPE = "AWS::ECS::Service"
_PAUSE = 0.1
_PROPERTIES = (
    "CapacityProviderStrategy",
    "DeploymentConfiguration",
    "DeploymentController",
    "DesiredCount",
    "EnableECSManagedTags",
    "EnableExecuteCommand",
    "HealthCheckGracePeriodSeconds",
    "LaunchType",
    "LoadBalancers",
    "NetworkConfiguration",
    "PlatformVersion",
    "PropagateTags",
    "Tags",
    "TaskDefinition",
)
_NOT_UPDATED = ("DeploymentController", "LaunchType", "Tags")
_NUMBERS = frozenset(
    {
        "containerPort",
        "desiredCount",
        "healthCheckGracePeriodSeconds",
        "maximumPercent",
        "minimumHealthyPercent",
        "value",
        "weight",
        "base",
    }
)
_BOOLEANS = frozenset({"enable", "rollback", "resetOnHealthyTask", "enableECSManagedTags", "enableExecuteCommand"})


def install(server: Server, services: ServiceApi) -> None:
    """Take the place of ministack's resource handler, in a thread of its own: it waits."""
    from ministack.services.cloudformation import provisioners, stacks

    handlers = provisioners._RESOURCE_HANDLERS
    known = patching.entry(handlers, _TYPE, of="_RESOURCE_HANDLERS")
    resource = _ServiceResource(server, services)
    handlers[_TYPE] = {
        **known,
        "create": resource.create,
        "update": resource.update,
        "update_with_logical_id": False,
        "delete": resource.delete,
    }
    patching.require(stacks, "_runs_on_worker_thread")
    before: Callable[[str], bool] = stacks._runs_on_worker_thread
    patching.replace(stacks, "_runs_on_worker_thread", lambda kind: kind == _TYPE or before(kind))


class _ServiceResource:
    def __init__(self, server: Server, services: ServiceApi) -> None:
        self._server = server
        self._services = services

    def create(self, logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        """:raises ValueError: it was refused, or its first deployment failed"""
        name = properties.get("ServiceName") or f"{stack}-{logical_id}-{uuid4().hex[:12]}"
        request = {**_request(properties), "serviceName": name, "cluster": properties.get("Cluster", "default")}
        service = self._called(self._services.create, request)
        arn, attributes = _attributes(service)
        try:
            self._await(service)
        except ValueError:
            # ministack's rollback knows no physical id of a resource that failed, so it would stay.
            self.delete(arn, properties)
            raise
        return arn, attributes

    def update(self, arn: str, _: dict[str, Any], properties: dict[str, Any], __: str) -> tuple[str, dict[str, str]]:
        """:raises ValueError: it was refused, or the deployment failed"""
        request = _request({name: value for name, value in properties.items() if name not in _NOT_UPDATED})
        request.update(service=arn, cluster=properties.get("Cluster", "default"))
        known = self._services.known(arn)
        before = known.deployments[0] if known else None
        service = self._called(self._services.update, request)
        if service.deployments[0] is not before:
            self._await(service)
        return _attributes(service)

    def delete(self, arn: str, properties: dict[str, Any]) -> None:
        """One that is not there any more is deleted."""
        request = {"service": arn, "cluster": properties.get("Cluster", "default"), "force": True}
        try:
            service = self._services.find(request)
            self._services.delete(request)
        except Refusal as refusal:
            if refusal.code in ("ServiceNotFoundException", "ClusterNotFoundException"):
                return
            raise ValueError(_message(refusal.message, "GeneralServiceException")) from refusal
        while service.status != "INACTIVE":
            self._server.background.pause(_PAUSE)

    def _called(self, call: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]) -> Service:
        try:
            shown = call(request)["service"]
            return self._services.find({"service": shown["serviceArn"], "cluster": shown["clusterArn"]})
        except Refusal as refusal:
            words = f"{refusal.message} (Service: AmazonECS; Status Code: 400; Error Code: {refusal.code})"
            raise ValueError(_message(words, "InvalidRequest")) from refusal

    def _await(self, service: Service) -> None:
        deployment = service.deployments[0]
        while not deployment.ended:
            if deployment.breaker_status == "TRIGGERED":
                break
            self._server.background.pause(_PAUSE)
        if deployment.status is not Status.SUCCESSFUL:
            raise ValueError(_message(_failure(deployment), "GeneralServiceException"))


def _failure(deployment: Deployment) -> str:
    if deployment.breaker_status == "TRIGGERED":
        return "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
    return f"Error occurred during operation 'Service deployment {deployment.status}: {deployment.status_reason}'."


def _message(words: str, code: str) -> str:
    return f'Resource handler returned message: "{words}" (RequestToken: {uuid4()}, HandlerErrorCode: {code})'


def _attributes(service: Service) -> tuple[str, dict[str, str]]:
    arn = str(service.record["serviceArn"])
    return arn, {"ServiceArn": arn, "Name": service.name}


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {_lower(name): _converted(_lower(name), properties[name]) for name in _PROPERTIES if name in properties}


def _converted(name: str, value: Any) -> Any:
    """A template's value as the API takes it: other case, and numbers that a template may give as text."""
    if isinstance(value, Mapping):
        return {_lower(key): _converted(_lower(key), each) for key, each in value.items()}
    if isinstance(value, list):
        return [_converted(name, each) for each in value]
    if name in _NUMBERS and isinstance(value, str) and value.isdigit():  # a tag's "value" is a text
        return int(value)
    if name in _BOOLEANS and isinstance(value, str):
        return value.lower() == "true"
    return value


def _lower(name: str) -> str:
    return re.sub("^[A-Z]", lambda first: first.group().lower(), name)
