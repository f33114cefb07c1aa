"""Elastic Load Balancing: what a listener's rules take."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from snaplift.aws.hooks.base import PlaceMixin


class ListenerHook(PlaceMixin, AwsGenericHook[Any]):
    """Look at a listener. (The provider has no hook for load balancers.)"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "elbv2"})

    def priorities(self, listener: str) -> set[int]:
        """The priorities that a listener's rules have."""
        pages = self.get_conn().get_paginator("describe_rules").paginate(ListenerArn=listener)
        rules = [rule for page in pages for rule in page["Rules"]]
        return {int(rule["Priority"]) for rule in rules if rule["Priority"] != "default"}
