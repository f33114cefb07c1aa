"""Clusters, as ministack keeps them, and what of them AWS refuses."""

from __future__ import annotations

from typing import Any

from local.aws.ecs.refusal import Refusal, Request


class Clusters:
    """Finds the cluster that a request names."""

    def __init__(self) -> None:
        from ministack.services import ecs

        self._ecs: Any = ecs

    def of(self, request: Request) -> dict[str, Any]:
        """The request's cluster, ``default`` if it names none.

        :raises Refusal: there is no such cluster
        """
        name = self._ecs._resolve_cluster_name(request.get("cluster") or "default")
        cluster: dict[str, Any] | None = self._ecs._clusters.get(name)
        if cluster is None or cluster["status"] != "ACTIVE":
            raise Refusal("ClusterNotFoundException", "Cluster not found.")
        return cluster

    def check_deletion(self, cluster: dict[str, Any]) -> None:
        """:raises Refusal: services or tasks are still in it."""
        arn = cluster["clusterArn"]
        services = self._ecs._services.values()
        if any(each["clusterArn"] == arn and each["status"] != "INACTIVE" for each in services):
            raise Refusal(
                "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
            )
        if any(each["clusterArn"] == arn and each["lastStatus"] != "STOPPED" for each in self._ecs._tasks.values()):
            raise Refusal("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
