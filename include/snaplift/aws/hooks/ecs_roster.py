"""ECS: what there is of everybody's, to the last page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.providers.amazon.aws.hooks.ecs import EcsHook

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.base import PlaceMixin, from_tag_list
from snaplift.aws.hooks.ecs import RevisionNeeds, needs_of

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

SERVICES: Final = 10
"""That one DescribeServices takes."""
TASKS: Final = 100
"""That one DescribeTasks takes."""
DEREGISTERED: Final = 100
"""Revisions of a family that are looked through though nothing can be started from them any more."""


@dataclass(frozen=True)
class FoundRevision:
    """A task definition, as it was found."""

    arn: str
    name: str
    """``family:number``."""
    registered_at: datetime | None
    needs: RevisionNeeds
    tags: dict[str, str]
    images: dict[str, str] = field(default_factory=dict)
    """By container."""


@dataclass(frozen=True)
class RosterService:
    """A service, as it was found, with the revisions of all its deployments, the PRIMARY one's first."""

    arn: str
    name: str
    status: str
    revisions: tuple[str, ...]
    rollout: str
    desired: int
    running: int
    tags: dict[str, str]


@dataclass(frozen=True)
class RosterTask:
    """A task that has not stopped."""

    arn: str
    revision: str
    status: str


class RosterHook(PlaceMixin, EcsHook):
    """List services, tasks and revisions by what they are named; a cluster may be shared with others."""

    @property
    def client(self) -> ECSClient:
        return cast("ECSClient", self.get_conn())

    def revisions(self, family: str | None = None) -> Iterator[FoundRevision]:
        """Every ACTIVE revision of a family, or of all that are named as ours; whose each is, its tags say.

        ECS has no call that describes several: this asks once for each.
        """
        given: dict[str, Any] = {"familyPrefix": family} if family else {}
        for page in self.client.get_paginator("list_task_definitions").paginate(status="ACTIVE", **given):
            for arn in page["taskDefinitionArns"]:
                found = arn.rpartition("/")[2].partition(":")[0]
                if found == family if family else _is_namespace(found):
                    yield self.revision(arn)

    def remove_revision(self, arn: str) -> None:
        """Deregister a revision: nothing can be started from it any more, and ECS keeps it to be read."""
        self.log.info("deregistering %s", arn)
        self.client.deregister_task_definition(taskDefinition=arn)

    def revision(self, arn: str) -> FoundRevision:
        """Look a revision up; ECS keeps those that were deregistered."""
        answer = self.client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        found = answer["taskDefinition"]
        return FoundRevision(
            arn=found["taskDefinitionArn"],
            name=found["taskDefinitionArn"].rpartition("/")[2],
            registered_at=found.get("registeredAt"),
            needs=needs_of(found),
            tags=from_tag_list(answer.get("tags")),
            images={each["name"]: each["image"] for each in found["containerDefinitions"]},
        )

    def latest(self, family: str) -> Iterator[FoundRevision]:
        """A family's revisions, the newest first; those that were deregistered after all the others, and of these the
        latest :data:`DEREGISTERED` only: a namespace has ever more of them."""
        for status in ("ACTIVE", "INACTIVE"):
            pages = self.client.get_paginator("list_task_definitions").paginate(
                familyPrefix=family, status=status, sort="DESC"
            )
            arns = (arn for page in pages for arn in page["taskDefinitionArns"])
            # The filter is a prefix in AWS's words; only this very family is meant.
            mine = (arn for arn in arns if arn.rpartition("/")[2].rpartition(":")[0] == family)
            yield from map(self.revision, mine if status == "ACTIVE" else islice(mine, DEREGISTERED))

    def services(self, cluster: str, names: Iterable[str] | None = None) -> Iterator[RosterService]:
        """The services of a cluster of these names, or every one that is named as ours.

        :raises StepFailed: one could not be looked up, for another reason than that it is gone.
        """
        if names is None:
            pages = self.client.get_paginator("list_services").paginate(cluster=cluster)
            names = [arn for page in pages for arn in page["serviceArns"] if _is_namespace(arn.rpartition("/")[2])]
        for arns in _batched(names, SERVICES):
            answer = self.client.describe_services(cluster=cluster, services=arns, include=["TAGS"])
            _check_found(answer["failures"], f"services of cluster {cluster}")
            yield from (_service(found) for found in answer["services"] if found["status"] != "INACTIVE")

    def tasks(self, cluster: str, family: str | None = None) -> Iterator[RosterTask]:
        """Every task of a cluster (of a family) that has not stopped: running, starting, and stopping yet.

        :raises StepFailed: one could not be looked up, for another reason than that it is gone.
        """
        paginator = self.client.get_paginator("list_tasks")
        given: dict[str, Any] = {"family": family} if family else {}
        # ListTasks shows the ones that are to stop only when it is asked for them.
        pages = (
            page
            for status in ("RUNNING", "STOPPED")
            for page in paginator.paginate(cluster=cluster, desiredStatus=status, **given)
        )
        for arns in _batched((arn for page in pages for arn in page["taskArns"]), TASKS):
            answer = self.client.describe_tasks(cluster=cluster, tasks=arns)
            _check_found(answer["failures"], f"tasks of cluster {cluster}")
            for found in answer["tasks"]:
                if found["lastStatus"] != "STOPPED":
                    yield RosterTask(found["taskArn"], found["taskDefinitionArn"], found["lastStatus"])


def _is_namespace(name: str) -> bool:
    with suppress(naming.InvalidName):
        naming.Namespace.parse(name)
        return True
    return False


def _check_found(failures: Iterable[Any], what: str) -> None:
    """What is gone since it was listed is no failure; all else is."""
    if odd := [failure for failure in failures if failure.get("reason") != "MISSING"]:
        raise StepFailed(f"{what} could not be looked up: {odd[0].get('arn')} is {odd[0].get('reason')}")


def _service(found: Any) -> RosterService:
    deployments = sorted(found["deployments"], key=lambda each: each["status"] != "PRIMARY")
    primary = deployments[0] if deployments else {}
    return RosterService(
        arn=found["serviceArn"],
        name=found["serviceName"],
        status=found["status"],
        revisions=tuple(dict.fromkeys([*(each["taskDefinition"] for each in deployments), found["taskDefinition"]])),
        rollout=primary.get("rolloutState", ""),
        desired=found["desiredCount"],
        running=found["runningCount"],
        tags=from_tag_list(found.get("tags")),
    )


def _batched(arns: Iterable[str], most: int) -> Iterator[list[str]]:
    rest = iter(arns)
    while batch := list(islice(rest, most)):
        yield batch
