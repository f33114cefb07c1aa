"""Creates, updates and rollbacks: how long they take, and the reasons that a stack and its events give."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks

from local.aws import patching
from local.aws.cloudformation import deletion, policy

if TYPE_CHECKING:
    from local.aws.server import Server

CREATE_SECONDS, UPDATE_SECONDS = 0.2, 0.2
_ADDED = "_added_by_this_update"


def install(server: Server) -> None:
    """Wrap the tasks that ministack runs a create, an update and a rollback in."""
    server.delays.declare("cloudformation.create", CREATE_SECONDS)
    server.delays.declare("cloudformation.update", UPDATE_SECONDS)

    async def deploy_with_reasons(
        stack_name: str,
        stack_id: str,
        template: dict[str, Any],
        parameters: dict[str, Any],
        disable_rollback: bool,  # noqa: FBT001 - ministack's own signature
        tags: list[Any],
        **options: Any,
    ) -> None:
        stack = cloudformation._stacks[stack_name]
        stack["StackStatusReason"] = ""
        is_update = bool(options.get("is_update"))
        with deletion.in_progress(stack):
            await asyncio.sleep(server.delays["cloudformation.update" if is_update else "cloudformation.create"])
            denied = []
            if is_update:
                previous = options["previous_stack"]
                stack[_ADDED] = sorted(set(template["Resources"]) - set(previous["_resources"]))
                denied = list(policy.denied_removals(stack, previous, template))
            if denied:
                for logical_id, resource_type, reason in denied:
                    stacks._add_event(stack_id, stack_name, logical_id, resource_type, "UPDATE_FAILED", str(reason))
                await roll_back_with_reason(
                    stack_name,
                    stack_id,
                    stack,
                    _nothing_done(stack, options["previous_stack"], template, parameters),
                    f"The following resource(s) failed to update: [{', '.join(lid for lid, *_ in denied)}]. ",
                )
            else:
                await deploy(stack_name, stack_id, template, parameters, disable_rollback, tags, **options)
            stack.pop(_ADDED, None)
            stack.pop(policy.DURING_UPDATE, None)
            if stack["StackStatus"].endswith(("FAILED", "ROLLBACK_COMPLETE")) and not stack["StackStatusReason"]:
                stack["StackStatusReason"] = _last_reason(stack_id)

    async def roll_back_with_reason(
        stack_name: str,
        stack_id: str,
        stack: dict[str, Any],
        operation: dict[str, Any],
        reason_override: str = "",
    ) -> None:
        reason = reason_override or _reason(operation) or _last_reason(stack_id)
        stack["StackStatusReason"] = reason
        await roll_back(stack_name, stack_id, stack, operation, reason)

    roll_back = patching.replace(stacks, "_roll_back_operation", roll_back_with_reason)
    deploy = patching.replace(stacks, "_deploy_stack_async", deploy_with_reasons)

    def add_event(*event: Any, **more: Any) -> None:
        record(*_as_create_if_new(*event), **more)

    record = patching.replace(stacks, "_add_event", add_event)
    for module in (handlers, changesets):
        patching.replace(module, "_deploy_stack_async", deploy_with_reasons)


def _as_create_if_new(
    stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, *rest: Any
) -> tuple[Any, ...]:
    """What an update adds is created, in AWS's events; ministack says that it is updated."""
    stack = cloudformation._stacks.get(stack_name) or {}
    if logical_id in stack.get(_ADDED, ()) and status in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED"):
        status = status.replace("UPDATE", "CREATE")
    return stack_id, stack_name, logical_id, resource_type, status, *rest


def _reason(operation: Mapping[str, Any]) -> str:
    """Why an operation is rolled back, in AWS's words; nothing where no resource failed."""
    if operation.get("cancelled"):
        return "User Initiated"
    failed = operation.get("failed_logical_id")
    if not failed:
        return ""
    if not operation.get("is_update"):
        return f"The following resource(s) failed to create: [{failed}]. Rollback requested by user."
    verb = "update" if operation.get("failed_update") is not None else "create"
    return f"The following resource(s) failed to {verb}: [{failed}]. "


def _last_reason(stack_id: str) -> str:
    """The reason of the latest event that gives one for a failure."""
    events = reversed(cloudformation._stack_events.get(stack_id, []))
    failures = (e for e in events if e["ResourceStatus"].endswith(("_FAILED", "ROLLBACK_IN_PROGRESS")))
    return next((str(e["ResourceStatusReason"]) for e in failures if e.get("ResourceStatusReason")), "")


def _nothing_done(
    stack: Mapping[str, Any],
    previous: Mapping[str, Any],
    template: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of a failed update that touched no resource, as ministack's rollback takes it."""
    operation: dict[str, Any] = stacks._failed_operation(
        is_update=True,
        previous_stack=previous,
        created=[],
        failed_update=None,
        failed_logical_id=None,
        replaced_ids=[],
        cancelled=False,
        template=template,
        param_values=parameters,
        retain_except_on_create=False,
        stack_tags=stack.get("Tags"),
        previous_tags=previous.get("Tags"),
    )
    return operation
