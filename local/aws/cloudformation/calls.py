"""The calls themselves: names and ids, tokens, roles, and what the answers leave out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, helpers

from local.aws import patching
from local.aws.cloudformation import policy

Parameters = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[Parameters], Response]

CHANGE_SET_ACTIONS = (
    "CreateChangeSet",
    "DescribeChangeSet",
    "ExecuteChangeSet",
    "DeleteChangeSet",
    "ListChangeSets",
)
_EMPTY = re.compile(r"<(StackStatusReason|ResourceStatusReason|PhysicalResourceId|Description)></\1>")
_NEVER_UPDATED = re.compile(r"(<CreationTime>([^<]*)</CreationTime>)<LastUpdatedTime>\2</LastUpdatedTime>")
_STACK_ID = re.compile(r"<StackId>([^<]*)</StackId>")


def install() -> None:
    """Wrap ministack's handlers of the calls."""
    patching.require(changesets, "_find_change_set")
    patching.require(handlers, "_resolve_stack")
    _wrap("CreateStack", _create)
    _wrap("UpdateStack", _update)
    _wrap("ExecuteChangeSet", _execute)
    for action in CHANGE_SET_ACTIONS:
        _wrap(action, _by_name)
    for action in ("DescribeStacks", "ListStacks"):
        _wrap(action, _complete)
    for action in ("DescribeStackEvents", "DescribeStackResources", "DescribeStackResource"):
        _wrap(action, _without_empty)


def _wrap(action: str, wrapper: Callable[[Handler, Parameters], Response]) -> None:
    table = handlers._ACTION_HANDLERS
    original: Handler = patching.entry(table, action, of="CloudFormation's actions")
    table[action] = lambda params: wrapper(original, params)


def _create(original: Handler, params: Parameters) -> Response:
    """An existing stack stands in the way in any state, unless the same token made it."""
    name, token = _value(params, "StackName"), _value(params, "ClientRequestToken")
    existing = cloudformation._stacks.get(name)
    if existing and existing["StackStatus"] != "DELETE_COMPLETE":
        if token and existing.get("_create_token") == token:
            return _stack_id_answer("CreateStack", existing)
        return _error("AlreadyExistsException", f"Stack [{name}] already exists")
    answer = original(params)
    if answer[0] == 200:
        stack = cloudformation._stacks[name]
        stack["_create_token"] = token
        _record_role(stack, params)
    return answer


def _update(original: Handler, params: Parameters) -> Response:
    stack = handlers._resolve_stack(_value(params, "StackName"))
    token = _value(params, "ClientRequestToken")
    if stack and token and stack.get("_update_token") == token:
        return _stack_id_answer("UpdateStack", stack)
    answer = original(params)
    if stack and answer[0] == 200:
        stack["_update_token"] = token
        stack[policy.DURING_UPDATE] = _value(params, "StackPolicyDuringUpdateBody")
        _record_role(stack, params)
    return answer


def _execute(original: Handler, params: Parameters) -> Response:
    token = _value(params, "ClientRequestToken")
    _, change_set = changesets._find_change_set(_value(params, "ChangeSetName"), _value(params, "StackName"))
    if change_set and token and change_set.get("_execute_token") == token:
        return _xml("ExecuteChangeSetResponse", "<ExecuteChangeSetResult></ExecuteChangeSetResult>")
    answer = original(params)
    if change_set and answer[0] == 200:
        change_set["_execute_token"] = token
    return answer


def _by_name(original: Handler, params: Parameters) -> Response:
    """ministack keeps change sets by their stack's name; AWS takes the name or the id."""
    stack = handlers._resolve_stack(_value(params, "StackName"))
    return original({**params, "StackName": [stack["StackName"]]} if stack else params)


def _complete(original: Handler, params: Parameters) -> Response:
    """Add what ministack does not tell of a stack: its role, and when it was deleted."""

    def add(match: re.Match[str]) -> str:
        stack = handlers._resolve_stack(match[1]) or {}
        found = ((key, stack.get(key)) for key in ("RoleARN", "DeletionTime"))
        return match[0] + "".join(f"<{key}>{value}</{key}>" for key, value in found if value)

    status, headers, body = _without_empty(original, params)
    return status, headers, _STACK_ID.sub(add, body.decode()).encode()


def _without_empty(original: Handler, params: Parameters) -> Response:
    """AWS leaves an element out where ministack sends an empty one."""
    status, headers, body = original(params)
    text = _NEVER_UPDATED.sub(r"\1", _EMPTY.sub("", body.decode()))
    return status, headers, text.encode()


def _record_role(stack: dict[str, Any], params: Parameters) -> None:
    if role := _value(params, "RoleARN"):
        stack["RoleARN"] = role


def _value(params: Parameters, name: str) -> str:
    return str(helpers._p(params, name))


def _stack_id_answer(action: str, stack: dict[str, Any]) -> Response:
    return _xml(f"{action}Response", f"<{action}Result><StackId>{stack['StackId']}</StackId></{action}Result>")


def _xml(root: str, inner: str) -> Response:
    answer: Response = helpers._xml(200, root, inner)
    return answer


def _error(code: str, message: str) -> Response:
    answer: Response = helpers._error(code, message)
    return answer
