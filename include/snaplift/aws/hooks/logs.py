"""CloudWatch Logs: whether tasks can write."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.logs import AwsLogsHook

from snaplift.aws.hooks.base import PlaceMixin


class LogGroupHook(PlaceMixin, AwsLogsHook):
    """Look log groups up."""

    def exists(self, name: str) -> bool:
        """Say whether there is a log group of this very name."""
        client: Any = self.get_conn()
        pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        return any(group["logGroupName"] == name for page in pages for group in page["logGroups"])
