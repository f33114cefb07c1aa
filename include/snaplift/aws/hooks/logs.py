"""CloudWatch Logs: whether tasks can write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from airflow.providers.amazon.aws.hooks.logs import AwsLogsHook

from snaplift import naming
from snaplift.aws.errors import absent_is_none
from snaplift.aws.hooks.base import PlaceMixin


class FoundLogGroup(NamedTuple):
    """A log group, as it was found."""

    name: str
    arn: str
    created_at: datetime | None


class LogGroupHook(PlaceMixin, AwsLogsHook):
    """Look log groups up."""

    def exists(self, name: str) -> bool:
        """Say whether there is a log group of this very name."""
        client: Any = self.get_conn()
        pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        return any(group["logGroupName"] == name for page in pages for group in page["logGroups"])

    def all(self, prefix: str = naming.LOG_GROUPS) -> Iterator[FoundLogGroup]:
        """List every log group whose name begins so, to the last page; whose each is, :meth:`tags` says."""
        client: Any = self.get_conn()
        for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for found in page["logGroups"]:
                made = found.get("creationTime")
                moment = datetime.fromtimestamp(made / 1000, UTC) if made else None
                # The older of its two ARNs ends in ":*" and is no resource that has tags.
                yield FoundLogGroup(found["logGroupName"], found["arn"].removesuffix(":*"), moment)

    def tags(self, arn: str) -> dict[str, str]:
        """Read a log group's tags."""
        client: Any = self.get_conn()
        return dict(client.list_tags_for_resource(resourceArn=arn)["tags"])

    def remove(self, name: str) -> None:
        """Delete a log group, with what was logged. That it is gone is no error."""
        client: Any = self.get_conn()
        with absent_is_none("ResourceNotFoundException"):
            client.delete_log_group(logGroupName=name)
