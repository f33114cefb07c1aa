"""ECS's pages."""

from __future__ import annotations

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK

from snaplift.aws.links.base import ConsoleLink

_SERVICE = BASE_AWS_CONSOLE_LINK + "/ecs/v2/clusters/{cluster}/services/{service}"


class TaskDefinitionLink(ConsoleLink):
    """One revision of a task definition."""

    name = "ECS task definition"
    key = "ecs_task_definition"
    format_str = BASE_AWS_CONSOLE_LINK + "/ecs/v2/task-definitions/{family}/{revision}/containers?region={region_name}"


class ServiceLink(ConsoleLink):
    """A service: its tasks and their health."""

    name = "ECS service"
    key = "ecs_service"
    format_str = _SERVICE + "/health?region={region_name}"


class DeploymentLink(ConsoleLink):
    """The deployments of a service, those under way and those that were rolled back."""

    name = "ECS deployments"
    key = "ecs_deployment"
    format_str = _SERVICE + "/deployments?region={region_name}"


class TaskLink(ConsoleLink):
    """A one-off task; ECS keeps a stopped one for about an hour."""

    name = "ECS task"
    key = "ecs_task"
    format_str = BASE_AWS_CONSOLE_LINK + "/ecs/v2/clusters/{cluster}/tasks/{task}/configuration?region={region_name}"
