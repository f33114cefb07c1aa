"""ECS: revisions, services and one-off tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.hooks.ecs import EcsHook
from botocore.exceptions import ClientError

from snaplift import naming
from snaplift.aws.errors import StepFailed, code
from snaplift.aws.hooks.base import PlaceMixin, from_tag_list
from snaplift.promotion import deployment
from snaplift.promotion.wait import Wait

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

DESCRIBED = 100
"""Tasks that one DescribeTasks takes."""
RECENT = 30
"""How many of a family's latest revisions are compared before a new one is registered."""


@dataclass(frozen=True)
class FoundTask:
    """A one-off task, as it was found."""

    arn: str
    task_definition: str
    status: str
    address: str | None
    """In the VPC."""
    exit_codes: dict[str, int | None]
    reason: str


@dataclass(frozen=True)
class RevisionNeeds:
    """What has to be there for a revision's tasks to come up, beside their database."""

    status: str
    images: tuple[str, ...]
    secrets: tuple[str, ...]
    """ARNs."""
    roles: tuple[str, ...]
    """ARNs."""
    log_groups: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """A one-off task of a revision, the same at every try."""

    cluster: str
    task_definition: str
    container: str
    command: tuple[str, ...]
    """Empty: the revision's own."""
    environment: dict[str, str]
    token: str
    """RunTask's clientToken and startedBy: at most 36 characters of ``[a-zA-Z0-9-_/]``."""
    network: dict[str, Any]
    tags: dict[str, str]


class ServiceHook(PlaceMixin, EcsHook):
    """Register, deploy, observe and run, safe under retry.

    The provider's register operator makes a new revision at every retry, its run-task operator finds its task again
    only through XCom, and it has no operator that updates a service.
    """

    @property
    def client(self) -> ECSClient:
        return cast("ECSClient", self.get_conn())

    # -- revisions ---------------------------------------------------------------------------------------------

    def ensure_revision(self, definition: dict[str, Any], tags: dict[str, str]) -> str:
        """Register a task definition, or adopt the recent one with the same content. Returns its ARN.

        RegisterTaskDefinition takes no client token, so the content's hash is on it as a tag.
        """
        for arn in self._recent(definition["family"]):
            have = self.revision_tags(arn)
            if all(have.get(key) == tags[key] for key in (naming.INSTALLATION_TAG, naming.CONTENT_TAG)):
                return arn
        given = [{"key": key, "value": value} for key, value in sorted(tags.items())]
        made = self.client.register_task_definition(**definition, tags=given)  # type: ignore[arg-type]
        arn = made["taskDefinition"]["taskDefinitionArn"]
        self.log.info("registered %s", arn)
        return arn

    def revision_tags(self, arn: str) -> dict[str, str]:
        """Read a task definition's tags."""
        return from_tag_list(self.client.describe_task_definition(taskDefinition=arn, include=["TAGS"]).get("tags"))

    def needs(self, arn: str) -> RevisionNeeds:
        """Read what a revision's tasks need.

        :raises ClientError: also where there is no such revision; ECS keeps those that were deregistered.
        """
        return needs_of(self.client.describe_task_definition(taskDefinition=arn)["taskDefinition"])

    def _recent(self, family: str) -> list[str]:
        listed = self.client.list_task_definitions(
            familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=RECENT
        )["taskDefinitionArns"]
        # The filter is a prefix in AWS's words; only this very family is meant.
        return [arn for arn in listed if arn.rpartition("/")[2].rpartition(":")[0] == family]

    # -- services ----------------------------------------------------------------------------------------------

    def active_clusters(self, cluster: str) -> tuple[str, ...]:
        """Look a cluster up by its name. None: there is none, or it is going."""
        found = self.client.describe_clusters(clusters=[cluster])["clusters"]
        return tuple(each["clusterName"] for each in found if each["status"] == "ACTIVE")

    def service(self, cluster: str, name: str) -> deployment.Service | None:
        """Look a service up. None: there is none, or it was deleted.

        :raises StepFailed: it could not be looked up.
        """
        answer = self.client.describe_services(cluster=cluster, services=[name])
        if odd := [failure for failure in answer["failures"] if failure.get("reason") != "MISSING"]:
            raise StepFailed(f"service {name} in cluster {cluster} could not be looked up: {odd[0].get('reason')}")
        if not answer["services"] or answer["services"][0]["status"] == "INACTIVE":
            return None
        return found_service(answer["services"][0])

    def deploy(self, cluster: str, name: str, task_definition: str, *, count: int | None = None) -> None:
        """Roll a service to a revision."""
        self.log.info("deploying %s to %s", task_definition, name)
        given: dict[str, Any] = {} if count is None else {"desiredCount": count}
        self.client.update_service(cluster=cluster, service=name, taskDefinition=task_definition, **given)

    def latest_deployment(self, cluster: str, name: str, task_definition: str) -> deployment.Deployment | None:
        """The latest deployment of a service that has this revision as its target.

        DescribeServices forgets a deployment that was rolled back; ListServiceDeployments keeps it for 90 days.
        """
        listed = self.client.list_service_deployments(cluster=cluster, service=name, maxResults=20)
        arns = [brief["serviceDeploymentArn"] for brief in listed["serviceDeployments"]]
        if not arns:
            return None
        described = self.client.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        newest_first = sorted(described, key=lambda found: found["createdAt"], reverse=True)
        for found in newest_first:
            target = found.get("targetServiceRevision", {}).get("arn")
            if target and self._task_definition_of(target) == task_definition:
                return _deployment(found)
        return None

    def find_deployment(self, arn: str) -> deployment.Deployment | None:
        """Look a service deployment up, by its ARN."""
        described = self.client.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return _deployment(described[0]) if described else None

    def _task_definition_of(self, service_revision: str) -> str | None:
        answer = self.client.describe_service_revisions(serviceRevisionArns=[service_revision])
        return answer["serviceRevisions"][0].get("taskDefinition") if answer["serviceRevisions"] else None

    def wait_deployed(self, found: deployment.Deployment, timeout: timedelta) -> Wait:
        """Wait until this very deployment has succeeded or failed."""
        return self.wait(
            "service_deployment",
            found.arn,
            identity=found.arn,
            done=deployment.SUCCEEDED,
            failed=deployment.FAILED,
            timeout=timeout,
            interval=timedelta(seconds=10),
        )

    def stop_deployment(self, found: deployment.Deployment) -> None:
        """Have ECS roll a deployment back. That it has ended meanwhile is no error."""
        try:
            self.client.stop_service_deployment(serviceDeploymentArn=found.arn, stopType="ROLLBACK")
        except ClientError as error:
            if code(error) not in {"ConflictException", "ServiceDeploymentNotFoundException", "ClientException"}:
                raise
            self.log.info("deployment %s is not stopped: %s", found.arn, code(error))

    # -- tasks -------------------------------------------------------------------------------------------------

    def ensure_job(self, job: Job) -> FoundTask:
        """Start a one-off task, or find the one that an earlier try started.

        :raises StepFailed: ECS has no room for it.
        """
        for arn in self.tasks(job.cluster, started_by=job.token):
            if found := self.task(job.cluster, arn):
                return found
        container: dict[str, Any] = {"name": job.container}
        if job.command:
            container["command"] = list(job.command)
        if job.environment:
            container["environment"] = [{"name": k, "value": v} for k, v in sorted(job.environment.items())]
        answer = self.client.run_task(
            cluster=job.cluster,
            taskDefinition=job.task_definition,
            launchType="FARGATE",
            count=1,
            clientToken=job.token,
            startedBy=job.token,
            networkConfiguration=cast("Any", job.network),
            overrides=cast("Any", {"containerOverrides": [container]}),
            tags=[{"key": key, "value": value} for key, value in sorted(job.tags.items())],
        )
        if answer["failures"]:
            raise StepFailed(f"task {job.token} could not be started: {answer['failures'][0].get('reason')}")
        self.log.info("started %s", answer["tasks"][0]["taskArn"])
        return _task(answer["tasks"][0])

    def tasks(self, cluster: str, *, started_by: str | None = None, family: str | None = None) -> Iterator[str]:
        """ARNs of tasks, stopping and lately stopped ones included: ListTasks shows them only when asked."""
        given = {"startedBy": started_by} if started_by else {"family": family or ""}
        for status in ("RUNNING", "STOPPED"):
            pages = self.client.get_paginator("list_tasks").paginate(
                cluster=cluster, desiredStatus=status, **given  # type: ignore[arg-type]
            )  # fmt: skip
            for page in pages:
                yield from page["taskArns"]

    def family(self, cluster: str, family: str) -> Iterator[FoundTask]:
        """The tasks of a family, stopping and lately stopped ones included.

        :raises StepFailed: one could not be looked up, for another reason than that it is gone.
        """
        for arns in _batched(self.tasks(cluster, family=family)):
            answer = self.client.describe_tasks(cluster=cluster, tasks=arns)
            if odd := [failure for failure in answer["failures"] if failure.get("reason") != "MISSING"]:
                raise StepFailed(f"task {odd[0].get('arn')} could not be looked up: {odd[0].get('reason')}")
            yield from map(_task, answer["tasks"])

    def task(self, cluster: str, arn: str) -> FoundTask | None:
        """Look a task up; a stopped one is kept for about an hour.

        :raises StepFailed: it could not be looked up, which is not "there is none".
        """
        answer = self.client.describe_tasks(cluster=cluster, tasks=[arn])
        if odd := [failure for failure in answer.get("failures", []) if failure.get("reason") != "MISSING"]:
            raise StepFailed(f"task {arn} could not be looked up: {odd[0].get('reason')}")
        return _task(answer["tasks"][0]) if answer["tasks"] else None

    def wait_task(self, cluster: str, task: FoundTask, *, running: bool, timeout: timedelta) -> Wait:
        """Wait until a task runs, or until it has stopped."""
        done, failed = (("RUNNING",), ("DEACTIVATING", "STOPPING", "STOPPED")) if running else (("STOPPED",), ())
        return self.wait(
            "task",
            task.arn,
            scope=cluster,
            done=done,
            failed=failed,
            timeout=timeout,
            interval=timedelta(seconds=5),
        )

    def stop(self, cluster: str, task: FoundTask, reason: str) -> None:
        """Stop a task."""
        self.log.info("stopping %s", task.arn)
        self.client.stop_task(cluster=cluster, task=task.arn, reason=reason)

    def stop_job(self, cluster: str, token: str) -> None:
        """Stop the one-off tasks that were started with a token."""
        listed = self.client.list_tasks(cluster=cluster, startedBy=token, desiredStatus="RUNNING")
        for arn in listed["taskArns"]:
            self.log.info("stopping %s", arn)
            self.client.stop_task(cluster=cluster, task=arn, reason="its promotion no longer needs it")


def needs_of(found: Any) -> RevisionNeeds:
    """What a task definition's tasks need, as ECS describes it."""
    containers = found["containerDefinitions"]
    options = [container.get("logConfiguration", {}).get("options", {}) for container in containers]
    secrets = [secret["valueFrom"] for container in containers for secret in container.get("secrets", [])]
    return RevisionNeeds(
        status=found["status"],
        images=tuple(sorted({container["image"] for container in containers})),
        # Behind a secret's own ARN, of seven parts, there may be a key of its content.
        secrets=tuple(sorted({":".join(secret.split(":")[:7]) for secret in secrets})),
        roles=tuple(sorted(filter(None, {found.get("executionRoleArn"), found.get("taskRoleArn")}))),
        log_groups=tuple(sorted({each["awslogs-group"] for each in options if "awslogs-group" in each})),
    )


def _batched(arns: Iterator[str]) -> Iterator[list[str]]:
    """Group ARNs by as many as DescribeTasks takes."""
    while batch := list(islice(arns, DESCRIBED)):
        yield batch


def found_service(found: Any) -> deployment.Service:
    """Read a service as ECS describes it."""
    primary = next((d for d in found["deployments"] if d["status"] == "PRIMARY"), None)
    network = found.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    return deployment.Service(
        arn=found["serviceArn"],
        status=found["status"],
        task_definition=primary["taskDefinition"] if primary else found["taskDefinition"],
        rollout=primary.get("rolloutState", "") if primary else "",
        deployments=len(found["deployments"]),
        desired=found["desiredCount"],
        running=found["runningCount"],
        security_groups=tuple(network.get("securityGroups", [])),
    )


def _deployment(found: Any) -> deployment.Deployment:
    return deployment.Deployment(
        arn=found["serviceDeploymentArn"],
        status=found["status"],
        reason=found.get("statusReason", "") or found.get("rollback", {}).get("reason", ""),
    )


def _task(found: Any) -> FoundTask:
    details = [
        detail
        for attachment in found.get("attachments", [])
        for detail in attachment.get("details", [])
        if detail.get("name") == "privateIPv4Address"
    ]
    containers = found.get("containers", [])
    reasons = [found.get("stoppedReason", ""), *(container.get("reason", "") for container in containers)]
    return FoundTask(
        arn=found["taskArn"],
        task_definition=found["taskDefinitionArn"],
        status=found["lastStatus"],
        address=details[0]["value"] if details else None,
        exit_codes={container["name"]: container.get("exitCode") for container in containers},
        reason="; ".join(reason for reason in reasons if reason),
    )
