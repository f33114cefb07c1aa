"""What snaplift's hooks have beside the provider's: a client with time-outs, and waits that know where they look."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Literal

from botocore.config import Config
from botocore.exceptions import IncompleteReadError

from snaplift.aws.fence import Fence
from snaplift.promotion.wait import Kind, Wait

# They say for every client where it found its credentials and endpoint: most lines of a task's log, and never why.
for _chatter in (
    "airflow.providers.amazon.aws.utils.connection_wrapper.AwsConnectionWrapper",
    "botocore.configprovider",
):
    logging.getLogger(_chatter).setLevel(logging.WARNING)

CLIENT_CONFIG = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5}
)  # fmt: skip


def refuse_part(response_dict: Any, **_: Any) -> None:
    """Botocore's ``before-parse`` handler: an answer that was cut short is an error.

    Botocore asks for the whole of no answer (``enforce_content_length=False``) and takes JSON that it cannot read for
    an empty answer: a lock, a service or a page of a listing would not be there.

    :raises IncompleteReadError: transient.
    """
    expected = response_dict["headers"].get("content-length")
    body = response_dict["body"]
    if expected is not None and isinstance(body, bytes) and len(body) < int(expected):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=expected)


Sessions = dict[tuple[str | None, bool], Any]
"""Sessions that hooks of one place share, by region and whether they are for a triggerer."""


class PlaceMixin:
    """For a hook of the provider: its waits carry its connection and region."""

    aws_conn_id: str | None
    region_name: Any

    def __init__(self, *args: Any, fence: Fence | None = None, sessions: Sessions | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fence = fence
        self.sessions = sessions if sessions is not None else {}

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:  # noqa: FBT001
        """Take the session that the place's other hooks have made.

        The provider makes one for each client, and each reads AWS's models from disk again: most of a task's start.
        """
        key = (region_name, deferrable)
        if key not in self.sessions:
            self.sessions[key] = super().get_session(region_name, deferrable=deferrable)  # type: ignore[misc]
        return self.sessions[key]

    def get_client_type(self, *args: Any, **kwargs: Any) -> Any:
        """Make the client; with a fence, none of its writes passes without the lock."""
        client = super().get_client_type(*args, **kwargs)  # type: ignore[misc]
        client.meta.events.register("before-parse", refuse_part)
        if self.fence is not None:
            client.meta.events.register("before-call", self.fence.before_call)
        return client

    def wait(
        self,
        kind: Kind,
        name: str,
        *,
        done: tuple[str, ...],
        failed: tuple[str, ...] = (),
        absent: Literal["done", "failed"] = "failed",
        identity: str | None = None,
        scope: str | None = None,
        timeout: timedelta,
        interval: timedelta = timedelta(seconds=15),
    ) -> Wait:
        """Say what to wait for, in this hook's account and region."""
        return Wait(
            connection=self.aws_conn_id or "",
            region=str(self.region_name),
            kind=kind,
            name=name,
            scope=scope,
            identity=identity,
            done=done,
            failed=failed,
            absent=absent,
            interval=interval.total_seconds(),
            timeout=timeout.total_seconds(),
        )


def from_tag_list(tags: Any) -> dict[str, str]:
    """Read tags as most services give them; ECS has its keys in lower case."""
    return {str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value"))) for tag in tags or ()}


def to_tag_list(tags: dict[str, str]) -> Any:
    """Write tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
