"""A container's ``secrets``: read when it starts, never written anywhere but into its environment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_FAILED = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
_ARN_PARTS = 7


class CannotStart(RuntimeError):
    """A task cannot be started; the message is its stopped reason, in AWS's words."""


def resolve(secrets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The values of ``[{"name": …, "valueFrom": …}]`` by name.

    :raises CannotStart: a secret or parameter, or the key of one, is not there
    """
    return {secret["name"]: _value(secret["valueFrom"]) for secret in secrets}


def _value(value_from: str) -> str:
    if value_from.startswith("arn:") and ":secretsmanager:" in value_from:
        return _from_secrets_manager(value_from)
    return _from_parameter_store(value_from)


def _from_secrets_manager(value_from: str) -> str:
    """``<secret ARN>[:json-key:version-stage:version-id]``, of which any may be empty."""
    from ministack.services import secretsmanager

    parts = value_from.split(":")
    arn = ":".join(parts[:_ARN_PARTS])
    key, stage, version = [*parts[_ARN_PARTS:], "", "", ""][:3]
    request: dict[str, Any] = {"SecretId": arn}
    if version:
        request["VersionId"] = version
    if stage:
        request["VersionStage"] = stage
    status, _, body = secretsmanager._get_secret_value(request)
    answer = json.loads(body)
    if status != 200:
        code = str(answer.get("__type", "")).rpartition("#")[2]
        message = answer.get("message") or answer.get("Message")
        raise CannotStart(
            f"{_FAILED}unable to retrieve secret from asm: service call has been retried 1 time(s): failed to "
            f"fetch secret {arn} from secrets manager: {code}: {message}"
        )
    text = str(answer.get("SecretString", ""))
    return _json_member(text, key, arn) if key else text


def _json_member(text: str, key: str, arn: str) -> str:
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError):
        # No chained cause: it would carry the secret's text along.
        raise CannotStart(
            f"{_FAILED}unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved "
            f"secret from Secrets Manager did not contain json key {key} (secret {arn})"
        ) from None
    return value if isinstance(value, str) else json.dumps(value)


def _from_parameter_store(name: str) -> str:
    from ministack.services import ssm

    value = ssm.resolve_parameter_value(name, decrypt=True)
    if value is None:
        raise CannotStart(
            f"{_FAILED}unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
            f"invalid ssm parameters: {name}"
        )
    return str(value)
