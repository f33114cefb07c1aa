"""Elastic Load Balancing: what is taken of a listener and its load balancer."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from snaplift.aws.errors import absent_is_none
from snaplift.aws.hooks.base import PlaceMixin
from snaplift.promotion.existing import Listener
from snaplift.promotion.quotas import Usage


class ListenerHook(PlaceMixin, AwsGenericHook[Any]):
    """Look at a listener. (The provider has no hook for load balancers.)"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "elbv2"})

    def priorities(self, listener: str) -> set[int]:
        """The priorities that a listener's rules have."""
        rules = self._all("describe_rules", "Rules", ListenerArn=listener)
        return {int(rule["Priority"]) for rule in rules if rule["Priority"] != "default"}

    def usage(self, listener: str) -> dict[str, Usage]:
        """What is used of the quotas of a listener's load balancer, as far as AWS tells: target groups and rules."""
        limits = {limit["Name"]: int(limit["Max"]) for limit in self._all("describe_account_limits", "Limits")}
        [found] = self._all("describe_listeners", "Listeners", ListenerArns=[listener])
        balancer = found["LoadBalancerArn"]
        listeners = [
            each["ListenerArn"] for each in self._all("describe_listeners", "Listeners", LoadBalancerArn=balancer)
        ]
        used = {
            "target groups": len(self._all("describe_target_groups", "TargetGroups", LoadBalancerArn=balancer)),
            "rules": sum(len(self.priorities(each)) for each in listeners),  # without each listener's default
        }
        names = {name: f"{name.replace(' ', '-')}-per-application-load-balancer" for name in used}
        return {name: Usage(used=used[name], limit=limits[names[name]]) for name in used if names[name] in limits}

    def find(self, listener: str) -> Listener | None:
        """Look a listener up, with what its load balancer is. None: there is none."""
        with absent_is_none("ListenerNotFound", "ListenerNotFoundException"):
            for found in self._all("describe_listeners", "Listeners", ListenerArns=[listener]):
                [balancer] = self._all(
                    "describe_load_balancers", "LoadBalancers", LoadBalancerArns=[found["LoadBalancerArn"]]
                )
                return Listener(
                    protocol=found["Protocol"],
                    port=found["Port"],
                    balancer_type=balancer["Type"],
                    vpc=balancer["VpcId"],
                    security_groups=tuple(balancer.get("SecurityGroups", ())),
                )
        return None

    def _all(self, operation: str, key: str, **given: Any) -> list[Any]:
        pages = self.get_conn().get_paginator(operation).paginate(**given)
        return [each for page in pages for each in page[key]]
