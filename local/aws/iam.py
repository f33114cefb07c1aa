"""Roles' names, as IAM allows them. What a role may do is not enforced here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ministack.services import iam

from local.aws import patching

if TYPE_CHECKING:
    from local.aws.server import Server

NAME_LENGTH = 64
_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)


def install(_server: Server) -> None:
    """Wrap ministack's handler of CreateRole."""
    create = patching.entry(iam._IAM_HANDLERS, "CreateRole", of="IAM's actions")

    def create_role(params: dict[str, Any]) -> Any:
        name = str(iam._p(params, "RoleName"))
        if len(name) > NAME_LENGTH:
            return _invalid(name, f"Member must have length less than or equal to {NAME_LENGTH}")
        if not _NAME.fullmatch(name):
            return _invalid(name, r"Member must satisfy regular expression pattern: [\w+=,.@-]+")
        return create(params)

    iam._IAM_HANDLERS["CreateRole"] = create_role


def _invalid(name: str, constraint: str) -> Any:
    message = f"1 validation error detected: Value '{name}' at 'roleName' failed to satisfy constraint: {constraint}"
    return iam._error(400, "ValidationError", message, ns="iam")
