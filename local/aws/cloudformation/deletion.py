"""Deletes: of a stack that is still being made, of one that changes, and what is known of one that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ministack.core.responses import now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, helpers, stacks

from local.aws import patching

if TYPE_CHECKING:
    from local.aws.server import Server

DELETE_SECONDS = 0.2
CANCELLED = "Resource creation cancelled"
DELETING = "DELETE_IN_PROGRESS"

_running: dict[str, asyncio.Event] = {}
_to_be_deleted: set[str] = set()


def install(server: Server) -> None:
    """Wrap the task that ministack runs a delete in, and the call that begins it."""
    server.delays.declare("cloudformation.delete", DELETE_SECONDS)

    async def run(stack: dict[str, Any], stack_name: str, stack_id: str, *options: Any, **more: Any) -> None:
        if running := _running.get(stack_id):
            await running.wait()
        await asyncio.sleep(server.delays["cloudformation.delete"])
        await original(stack_name, stack_id, *options, **more)
        _to_be_deleted.discard(stack_id)
        if stack["StackStatus"] == "DELETE_COMPLETE":
            stack["DeletionTime"] = now_iso()
            # From now on it is known by its id alone, and a namesake does not take its place.
            cloudformation._stacks.pop(stack_name, None)
            cloudformation._stacks[stack_id] = stack

    def delete(stack_name: str, stack_id: str, *options: Any, **more: Any) -> Coroutine[Any, Any, None]:
        stack = cloudformation._stacks[stack_name]
        _to_be_deleted.add(stack_id)
        stack.update(StackStatus=DELETING, StackStatusReason="")
        return run(stack, stack_name, stack_id, *options, **more)

    original = patching.replace(stacks, "_delete_stack_async", delete)
    patching.replace(handlers, "_delete_stack_async", delete)
    _refuse_what_cannot_be_deleted()
    _cancel_what_is_not_made_yet()


@contextmanager
def in_progress(stack: dict[str, Any]) -> Iterator[None]:
    """Around a create or update: a delete that is asked for meanwhile waits for its end and then begins."""
    stack_id = stack["StackId"]
    _running[stack_id] = asyncio.Event()
    try:
        yield
    finally:
        _running.pop(stack_id).set()
        if stack_id in _to_be_deleted:
            stack["StackStatus"] = DELETING


def _refuse_what_cannot_be_deleted() -> None:
    table = handlers._ACTION_HANDLERS
    delete = patching.entry(table, "DeleteStack", of="CloudFormation's actions")

    def delete_stack(params: dict[str, Any]) -> Any:
        stack = handlers._resolve_stack(helpers._p(params, "StackName"))
        status = stack["StackStatus"] if stack else ""
        if status == DELETING:
            return helpers._xml(200, "DeleteStackResponse", "")
        if status.startswith("UPDATE_") and status.endswith("IN_PROGRESS"):
            return helpers._error(
                "ValidationError",
                f"Stack [{stack['StackName']}] cannot be deleted while in status {status}",
            )
        return delete(params)

    table["DeleteStack"] = delete_stack


def _cancel_what_is_not_made_yet() -> None:
    def provision_unless_deleted(resource_type: str, logical_id: str, props: Any, stack_name: str) -> Any:
        stack = cloudformation._stacks.get(stack_name)
        if stack and stack["StackId"] in _to_be_deleted:
            raise ValueError(CANCELLED)
        return provision(resource_type, logical_id, props, stack_name)

    provision = patching.replace(stacks, "_provision_resource", provision_unless_deleted)
