"""boto's clients over the model: fenced as real ones are, and what may befall a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace
from typing import Any, Final, Literal

from botocore.session import get_session

from snaplift.aws.fence import READS, Fence
from tests.model.cloudformation import CloudFormation
from tests.model.ecs import Ecs
from tests.model.rds import Rds
from tests.model.small import DynamoDb, Ec2, Ecr, Iam, Kms, Logs, SecretsManager, Ssm
from tests.model.world import World, refusal

Kind = Literal["before", "after", "lost", "denied", "throttled", "overtaken"]
OF_WRITES: Final[tuple[Kind, ...]] = ("before", "after", "lost")
CALL: Final = 0.2
"""Seconds that a call takes."""
PAGE: Final = 2


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Fault:
    """What befalls the n-th write, or call, from now on."""

    kind: Kind
    after: int
    overtaking: Callable[[], None] | None = None
    """What somebody else does at that moment."""


class Model:
    """AWS: what stands, its services, and the next fault."""

    def __init__(self) -> None:
        self.world = World()
        rds, ecs = Rds(self.world), Ecs(self.world)
        self.rds, self.ecs = rds, ecs
        self.stacks = CloudFormation(self.world, rds, ecs)
        self.services: dict[str, Any] = {
            "rds": rds,
            "ecs": ecs,
            "cloudformation": self.stacks,
            "ssm": Ssm(self.world),
            "secretsmanager": SecretsManager(self.world),
            "ec2": Ec2(self.world),
            "ecr": Ecr(self.world),
            "iam": Iam(self.world),
            "kms": Kms(self.world),
            "logs": Logs(self.world),
            "dynamodb": DynamoDb(self.world),
        }
        self.fault: Fault | None = None

    def befalls(self, *, write: bool) -> Fault | None:
        """Count a call, and say whether the fault is its."""
        fault = self.fault
        if fault is None or (fault.kind in OF_WRITES and not write):
            return None
        if fault.after:
            fault.after -= 1
            return None
        self.fault = None
        return fault


@cache
def service_model(service: str) -> Any:
    """Read botocore's own, which takes a moment."""
    return get_session().get_service_model(service)


class Client:
    """One service's client, made for one hook."""

    def __init__(self, model: Model, service: str, fence: Fence | None) -> None:
        self._model, self._service, self._fence = model, service, fence

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, operation)

    @property
    def meta(self) -> Any:
        """Give what botocore knows of the service without asking it."""
        return SimpleNamespace(service_model=service_model(self._service))

    def get_paginator(self, operation: str) -> Any:
        """Give what a call answers in several pages."""
        return SimpleNamespace(paginate=lambda **given: self._pages(operation, given))

    def _pages(self, operation: str, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
        [(key, items)] = self._call(operation, **given).items()
        for begin in range(0, len(items), PAGE) or (0,):
            yield {key: items[begin : begin + PAGE]}

    def _call(self, operation: str, **given: Any) -> Any:
        name = "".join(part.capitalize() for part in operation.split("_"))
        write = not READS.fullmatch(name)
        self._model.world.advance(CALL)
        fault = self._model.befalls(write=write)
        if fault is not None:
            self._before(fault, name)
        if self._fence is not None:
            self._fence.before_call(SimpleNamespace(name=name, service_model=SimpleNamespace(service_name="model")))
        perform = partial(getattr(self._model.services[self._service], operation), **given)
        if write:
            self._note(name)
        answer = perform()
        if fault is not None and fault.kind == "after":
            raise Killed(name)
        # The SDK sends a request again whose answer did not come.
        return perform() if fault is not None and fault.kind == "lost" else answer

    @staticmethod
    def _before(fault: Fault, name: str) -> None:
        if fault.kind == "before":
            raise Killed(name)
        if fault.kind == "denied":
            raise refusal("AccessDenied", "You are not allowed.", name, 403)
        if fault.kind == "throttled":
            raise refusal("ThrottlingException", "Rate exceeded", name)
        if fault.overtaking is not None:
            fault.overtaking()

    def _note(self, name: str) -> None:
        """Look into the lock table who writes: only the one that holds the lock may (I4)."""
        if self._fence is None:
            if self._service != "dynamodb":
                self._model.world.violations.append(f"I4: {name} is written outside of any fence")
            return
        item = self._model.world.items.get((self._fence.table, self._fence.namespace), {})
        held = tuple(item.get(key, {}).get(kind) for key, kind in (("token", "S"), ("fence", "N"), ("phase", "S")))
        if held != (self._fence.token, str(self._fence.fence), str(self._fence.phase)):
            self._model.world.violations.append(f"I4: {name} is written by {self._fence.token}, and {held} holds it")
