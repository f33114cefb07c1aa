"""How the probes put their questions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

DEADLINE_SECONDS = 120.0
PAUSE_SECONDS = 0.1
FINISHED = ("_COMPLETE", "_FAILED")


def refusal(call: Callable[..., Any], **arguments: Any) -> str | None:
    """The error code that AWS answers a call with, or None if it takes it."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def refusal_message(call: Callable[..., Any], **arguments: Any) -> str:
    """The words with which AWS refuses a call, or nothing if it takes it."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    return ""


def eventually(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    """The condition's value as soon as it is true.

    :raises AssertionError: it never was, within `seconds`
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(PAUSE_SECONDS)
    return value


def fresh(prefix: str = "probe") -> str:
    """A name that nothing else has."""
    return f"{prefix}-{uuid4().hex[:8]}"


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def finished_stack(cloudformation: Any, stack_id: str) -> dict[str, Any]:
    """The stack once its operation has ended, however it ended."""

    def ended() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        status = stack["StackStatus"]
        return stack if status.endswith(FINISHED) else None

    found: dict[str, Any] = eventually(ended, f"{stack_id} ends")
    return found


def create_stack(cloudformation: Any, template: Mapping[str, Any], **arguments: Any) -> dict[str, Any]:
    """Create a stack (under a fresh name, unless one is given) and return it once that has ended."""
    arguments.setdefault("StackName", fresh("stack"))
    created = cloudformation.create_stack(TemplateBody=json.dumps(template), **arguments)
    return finished_stack(cloudformation, created["StackId"])


def update_stack(cloudformation: Any, stack_id: str, template: Mapping[str, Any], **arguments: Any) -> Any:
    cloudformation.update_stack(StackName=stack_id, TemplateBody=json.dumps(template), **arguments)
    return finished_stack(cloudformation, stack_id)


def delete_stack(cloudformation: Any, stack_id: str, **arguments: Any) -> dict[str, Any]:
    cloudformation.delete_stack(StackName=stack_id, **arguments)
    eventually(
        lambda: cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"].startswith("DELETE_"),
        f"{stack_id} begins to be deleted",
    )
    return finished_stack(cloudformation, stack_id)


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def events(cloudformation: Any, stack_id: str) -> list[dict[str, Any]]:
    """All events of a stack, newest first."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]]


def reasons(cloudformation: Any, stack_id: str, status: str) -> dict[str, str]:
    """Why resources of a stack came into a status, by logical id."""
    return {
        event["LogicalResourceId"]: event.get("ResourceStatusReason", "")
        for event in events(cloudformation, stack_id)
        if event["ResourceStatus"] == status
    }
