"""Secrets: whose name is taken, what a name may hold, and how CloudFormation makes one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from local.aws import patching

if TYPE_CHECKING:
    from local.aws.server import Server

RESOURCE_TYPE = "AWS::SecretsManager::Secret"
_NAME = re.compile(r"[\w/+=.@!-]{1,512}", re.ASCII)


def install(_server: Server) -> None:
    """Wrap ministack's handler of CreateSecret and CloudFormation's of a secret."""
    patching.require(secretsmanager, "_secrets", "_resolve", "_get_random_password", "error_response_json")

    def create(data: dict[str, Any]) -> Any:
        if refused := _refusal(str(data.get("Name", ""))):
            return secretsmanager.error_response_json(*refused, 400)
        return create_secret(data)

    create_secret = patching.replace(secretsmanager, "_create_secret", create)
    patching.replace(provisioners, "_sm_secret_string", secret_string)
    table = provisioners._RESOURCE_HANDLERS
    table[RESOURCE_TYPE] = _by_arn(patching.entry(table, RESOURCE_TYPE, of="CloudFormation's resource types"))


def secret_string(properties: dict[str, Any]) -> str:
    """The value that a template's `SecretString` or `GenerateSecretString` asks for."""
    wanted = properties.get("GenerateSecretString")
    if wanted is None or properties.get("SecretString"):
        return str(properties.get("SecretString", ""))
    password = _random_password(wanted)
    template, key = wanted.get("SecretStringTemplate"), wanted.get("GenerateStringKey")
    if bool(template) != bool(key):
        raise ValueError("SecretStringTemplate and GenerateStringKey are given together or not at all")
    return json.dumps({**json.loads(template), key: password}) if template else password


def _random_password(options: dict[str, Any]) -> str:
    request = {key: _plain(value) for key, value in options.items() if not key.endswith(("Template", "Key"))}
    status, _, body = secretsmanager._get_random_password(request)
    answer = json.loads(body)
    if status != 200:
        raise ValueError(answer.get("message", "no password can be made of what GenerateSecretString allows"))
    return str(answer["RandomPassword"])


def _plain(value: Any) -> Any:
    """A boolean or number that a template gave as text."""
    text = str(value).lower()
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isdigit() and not isinstance(value, bool) else value


def _refusal(name: str) -> tuple[str, str] | None:
    """Why a secret cannot have this name: code and message; None if it can."""
    if name and not _NAME.fullmatch(name):
        return (
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        )
    standing = secretsmanager._secrets.get(name)
    if standing and standing.get("DeletedDate"):
        return (
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        )
    if standing:
        return (
            "ResourceExistsException",
            f"The operation failed because the secret {name} already exists.",
        )
    return None


def _by_arn(handlers: dict[str, Any]) -> dict[str, Any]:
    """A secret's physical id is its ARN, which is what `Ref` gives; ministack's is its name."""

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        if refused := _refusal(str(props.get("Name", ""))):
            raise ValueError(refused[1])
        _, attributes = handlers["create"](logical_id, props, stack_name)
        return attributes["Id"], attributes

    def update(physical_id: str, old: Any, new: Any, stack_name: str, logical_id: str | None = None) -> Any:
        _, attributes = handlers["update"](_name(physical_id), old, new, stack_name, logical_id)
        return attributes.get("Id", physical_id), attributes

    def delete(physical_id: str, props: dict[str, Any]) -> None:
        handlers["delete"](_name(physical_id), props)

    return {
        **handlers,
        "create": create,
        "update": update,
        "delete": delete,
        "update_with_logical_id": True,
        "delete_with_logical_id": False,
    }


def _name(physical_id: str) -> str:
    name, _ = secretsmanager._resolve(physical_id)
    return str(name or physical_id)
