"""From what a step says, waiting or done, to the links that its task has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink

from snaplift.aws.links.base import ConsoleLink, is_shown
from snaplift.aws.links.cloudformation import StackLink
from snaplift.aws.links.dynamodb import LockLink
from snaplift.aws.links.ecs import DeploymentLink, ServiceLink, TaskDefinitionLink, TaskLink
from snaplift.aws.links.logs import LogGroupLink
from snaplift.aws.links.rds import InstanceLink, SnapshotLink
from snaplift.aws.links.site import SiteLink
from snaplift.aws.links.ssm import PointerLink
from snaplift.promotion.wait import Wait

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from snaplift.aws.steps.promotion import Done
    from snaplift.promotion.plan import Place, Plan

Links = dict[type[BaseAwsLink], dict[str, str]]
"""By link the values that its address is made of; none: the link is taken back."""

OF_STEP: Final[dict[str, tuple[type[BaseAwsLink], ...]]] = {
    "stack": (StackLink,),
    "namespace": (StackLink,),
    "show": (StackLink,),
    "apply": (StackLink,),
    "plan": (SiteLink,),
    "lock": (LockLink,),
    "snapshot": (SnapshotLink, InstanceLink),
    "database": (StackLink, InstanceLink),
    "mask": (TaskLink, LogGroupLink, InstanceLink),
    "adapt": (TaskLink, LogGroupLink),
    "register": (TaskDefinitionLink,),
    "smoke": (TaskLink, LogGroupLink),
    "deploy": (ServiceLink, TaskDefinitionLink, StackLink),
    "confirm": (DeploymentLink,),
    "activate": (PointerLink, SiteLink),
    "retire": (StackLink, InstanceLink, SnapshotLink),
    "dismantle": (StackLink, InstanceLink),
    "finish": (SiteLink, DeploymentLink, StackLink),
}
"""What a step's task may link to. Each is fetched when a task ends or waits, so a task has no more than it can have."""

LINKS: Final = tuple(sorted({link for links in OF_STEP.values() for link in links}, key=lambda link: link.name))
"""All there are."""


def links_of_step(step: str) -> tuple[BaseAwsLink, ...]:
    """Make the links that a step's task may have.

    Without AWS's console there is the site's only: Airflow would show a heading with nothing below it.
    """
    return tuple(link() for link in OF_STEP.get(step, ()) if is_shown() or not issubclass(link, ConsoleLink))


@dataclass(frozen=True)
class Scene:
    """What a link needs beside the outcome."""

    namespace: str
    cluster: str
    lock_table: str
    log_group: str
    stream_prefix: str
    site: str
    serves: bool
    """Something was active before the promotion."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        from snaplift.promotion.values import site_url

        return cls(
            namespace=str(plan.name),
            cluster=plan.platform.cluster_name,
            lock_table=plan.place.lock_table,
            log_group=plan.namespace.log_group_name,
            stream_prefix=f"{plan.release or 'origin'}/",
            site=site_url(plan.platforms, plan.tenant, plan.environment) + "/",
            serves=plan.before.active is not None,
        )


def _stack(stack_id: str, _: Scene | None) -> Links:
    return {StackLink: {"stack_id": stack_id}}


def _instance(identifier: str, _: Scene | None) -> Links:
    return {InstanceLink: {"instance": identifier}}


def _no_instance(_: str, __: Scene | None) -> Links:
    return {InstanceLink: {}}


def _snapshot(identifier: str, _: Scene | None) -> Links:
    return {SnapshotLink: {"snapshot": identifier}}


def _task_definition(arn: str, _: Scene | None) -> Links:
    family, _colon, revision = arn.rpartition("/")[2].rpartition(":")
    return {TaskDefinitionLink: {"family": family, "revision": revision}}


def _service(name: str, scene: Scene | None) -> Links:
    return {ServiceLink: {"cluster": scene.cluster, "service": name}} if scene else {}


def _deployment(arn: str, _: Scene | None) -> Links:
    _arn, cluster, service, _id = arn.split("/")  # arn:…:service-deployment/<cluster>/<service>/<id>
    return {DeploymentLink: {"cluster": cluster, "service": service}}


def _task(arn: str, scene: Scene | None) -> Links:
    _arn, cluster, task = arn.split("/")  # arn:…:task/<cluster>/<id>
    found: Links = {TaskLink: {"cluster": cluster, "task": task}}
    if scene:
        found[LogGroupLink] = {"log_group": scene.log_group, "stream_prefix": scene.stream_prefix}
    return found


def _pointer(name: str, _: Scene | None) -> Links:
    return {PointerLink: {"pointer": name}}


def _lock(_: str, scene: Scene | None) -> Links:
    return {LockLink: {"table": scene.lock_table, "namespace": scene.namespace}} if scene else {}


_OF_KIND: Final[dict[str, Callable[[str, Scene | None], Links]]] = {
    "stack": _stack,
    "db_instance": _instance,
    "db_snapshot": _snapshot,
    "service_deployment": _deployment,
    "task": _task,
    "lock": _lock,
}
"""By a wait's kind."""

_OF_KEY: Final[dict[str, Callable[[str, Scene | None], Links]]] = {
    "stack": _stack,
    "instance": _instance,
    "removed": _no_instance,
    "snapshot": _snapshot,
    "final_snapshot": _snapshot,
    "task_definition": _task_definition,
    "service": _service,
    "deployment": _deployment,
    "task": _task,
    "pointer": _pointer,
    "fence": _lock,
}
"""By a key of a step's result."""


def links_of_wait(wait: Wait, scene: Scene | None) -> Links:
    """Link to what is waited for, while it comes to be or goes."""
    link = _OF_KIND.get(wait.kind)
    return link(wait.name, scene) if link else {}


def links_of_result(result: dict[str, Any], scene: Scene | None) -> Links:
    """Link to what was made, and to the site where something serves."""
    found: Links = {}
    for key in result.keys() & _OF_KEY.keys():
        if result[key] is not None:
            found |= _OF_KEY[key](str(result[key]), scene)
    if scene and (scene.serves or not result.keys().isdisjoint({"pointer", "active"})):
        found[SiteLink] = {"url": scene.site}
    return found


@cache
def _partition(region: str) -> str:
    """Botocore reads all its regions for it, each time."""
    import boto3  # takes a second: not while DAGs are parsed

    return boto3.Session(region_name=region).get_partition_for_region(region)


def persist(
    context: Context, operator: BaseOperator, outcome: Wait | Done, place: Place | None, scene: Scene | None
) -> None:
    """Write down those of an outcome's links that its task has."""
    if isinstance(outcome, Wait):
        found, region = links_of_wait(outcome, scene), outcome.region
    else:
        found, region = links_of_result(outcome.result, scene), place.region if place else ""
    wanted = [link for link in found if any(isinstance(one, link) for one in operator.operator_extra_links)]
    if not wanted or not region:
        return
    partition = _partition(region)
    for link in wanted:
        link.persist(context=context, operator=operator, region_name=region, aws_partition=partition, **found[link])
