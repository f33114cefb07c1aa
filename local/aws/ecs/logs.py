"""What containers write, as CloudWatch Logs events."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.aws.ecs.secrets import CannotStart


@dataclass(frozen=True)
class LogStream:
    """A stream of a log group, which exists."""

    group: str
    name: str
    account: str
    region: str

    def take(self, lines: Iterable[bytes]) -> None:
        """One event for each line, until there are no more."""
        from ministack.core.responses import request_scope
        from ministack.services import cloudwatch_logs

        with request_scope(self.account, self.region):
            for line in lines:
                event = {
                    "timestamp": int(time.time() * 1000),
                    "message": line.decode(errors="replace").rstrip("\n"),
                }
                cloudwatch_logs._put_log_events(
                    {"logGroupName": self.group, "logStreamName": self.name, "logEvents": [event]}
                )


def open_stream(container: Mapping[str, Any], task_id: str, runtime_id: str) -> LogStream | None:
    """Make the stream that a container definition's ``awslogs`` options ask for; None without them.

    :raises CannotStart: its log group does not exist
    """
    from ministack.core.responses import get_account_id, get_region, request_scope
    from ministack.services import cloudwatch_logs

    configuration = container.get("logConfiguration") or {}
    if configuration.get("logDriver") != "awslogs":
        return None
    options = configuration.get("options") or {}
    prefix = options.get("awslogs-stream-prefix")
    name = f"{prefix}/{container['name']}/{task_id}" if prefix else runtime_id
    stream = LogStream(options["awslogs-group"], name, get_account_id(), options.get("awslogs-region") or get_region())
    with request_scope(stream.account, stream.region):
        if str(options.get("awslogs-create-group", "")).lower() == "true":
            cloudwatch_logs._create_log_group({"logGroupName": stream.group})
        if stream.group not in cloudwatch_logs._log_groups:
            raise CannotStart(
                "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
                "times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log "
                f"group does not exist. ({stream.group})"
            )
        cloudwatch_logs._create_log_stream({"logGroupName": stream.group, "logStreamName": stream.name})
    return stream
