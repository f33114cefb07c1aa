"""A CloudFormation stack as a value: what is asked for, before anything asks for it."""

from __future__ import annotations

import json
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

# Whatever holds data is changed in place or not at all.
DENY_REPLACEMENT: Final = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*", "Resource": "*"},
    ]
}


class Stack(BaseModel):
    """A stack's name, template and all that CreateStack is told beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    template: dict[str, Any]
    parameters: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str]
    capabilities: tuple[str, ...] = ()
    policy: dict[str, Any] | None = None
    termination_protection: bool = False
    role_arn: str | None = None
    """The role that CloudFormation uses; without one it would run on the caller's session, which may expire."""

    @property
    def body(self) -> str:
        return json.dumps(self.template, separators=(",", ":"))

    @property
    def policy_body(self) -> str | None:
        return json.dumps(self.policy) if self.policy else None

    def with_parameters(self, **parameters: str) -> Self:
        """The same stack with these parameters set."""
        return self.model_copy(update={"parameters": {**self.parameters, **parameters}})
