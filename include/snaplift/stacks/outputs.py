"""What a stack's outputs are called, read into values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal


class MissingOutput(LookupError):
    """A stack lacks an output that its template has: it is older than this snaplift, or not ours."""


class Outputs(BaseModel):
    """Outputs of one kind of stack; the output ``VpcId`` is the field ``vpc_id``."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_pascal, populate_by_name=True)

    @classmethod
    def read(cls, stack: str, outputs: Mapping[str, str]) -> Self:
        """Read a stack's outputs.

        :raises MissingOutput: one of them is not there.
        """
        try:
            return cls.model_validate(dict(outputs))
        except ValidationError as error:
            names = ", ".join(str(problem["loc"][0]) for problem in error.errors())
            raise MissingOutput(f"stack {stack} has no output {names}: provision it again") from None


class SharedLoadBalancer(NamedTuple):
    """What a namespace has to know of a load balancer."""

    listener: str
    """Its listener's ARN."""
    security_group: str


class PlatformOutputs(Outputs):
    """The platform stack's. Lists are joined by commas, as CloudFormation's are."""

    vpc_id: str
    public_subnet_ids: str
    private_subnet_ids: str
    cluster_name: str
    key_arn: str
    db_subnet_group_name: str
    lock_table_name: str
    log_bucket_name: str
    stack_role_arn: str
    """The role that CloudFormation uses on every other stack."""
    load_balancers: str
    """JSON: by the load balancer's name its ``listener`` (ARN) and ``security_group``."""
    parameter_groups: str
    """JSON: by engine family the parameter group's name."""

    def load_balancer(self, name: str) -> SharedLoadBalancer:
        """Find one of the platform's load balancers.

        :raises MissingOutput: the platform stack has none of this name.
        """
        found = _entry(self.load_balancers, name, "load balancer")
        return SharedLoadBalancer(found["listener"], found["security_group"])

    def has_load_balancer(self, name: str, listener: str | None) -> bool:
        """Say whether a load balancer of the platform has this listener."""
        return bool(json.loads(self.load_balancers).get(name, {}).get("listener") == listener)

    def parameter_group(self, family: str) -> str:
        """Name the platform's parameter group for an engine family.

        :raises MissingOutput: the platform stack has none for this family.
        """
        return str(_entry(self.parameter_groups, family, "parameter group for"))


class NamespaceOutputs(Outputs):
    """The namespace stack's."""

    service_security_group_id: str
    job_security_group_id: str
    """Of one-off tasks: they reach a candidate before the service does."""
    target_group_arn: str = ""
    """Empty: the service that stands already has its own."""
    log_group_name: str
    execution_role_arn: str
    task_role_arn: str
    environment_secrets: str = "{}"
    """JSON: by variable the ARN of the secret with its generated value."""
    parameter_group_name: str | None = None
    """The tenant's own, where it overrides parameters."""

    def secret_for(self, variable: str) -> str:
        """Say where a container finds a generated value: the ``valueFrom`` of a task definition's ``secrets``.

        :raises MissingOutput: the namespace stack generated no value for this variable.
        """
        return str(_entry(self.environment_secrets, variable, "generated secret"))


class DatabaseOutputs(Outputs):
    """The database stack's."""

    instance_id: str
    resource_id: str
    host: str
    port: int
    master_secret_arn: str
    application_secret_arn: str
    security_group_id: str


class ServiceOutputs(Outputs):
    """The service stack's."""

    service_arn: str
    service_name: str = Field(alias="ServiceName")


def _entry(text: str, key: str, kind: str) -> Any:
    entries: dict[str, Any] = json.loads(text)
    if key in entries:
        return entries[key]
    known = ", ".join(entries) or "none"
    raise MissingOutput(f"no {kind} {key!r} among the stack's outputs, only {known}: provision the stack again")
