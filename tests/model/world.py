"""What stands in the model, its clock, and what was found to be wrong."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

SERVING: Final = frozenset({"available", "backing-up", "modifying", "storage-optimization"})
"""States in which RDS serves connections (of those that the model has)."""


def refusal(code: str, message: str, operation: str = "", status: int = 400) -> ClientError:
    """An error as botocore raises it."""
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@dataclass
class Data:
    """What a database holds: whose it is, and which accounts (with their passwords) open it."""

    belongs_to: str
    accounts: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Data:
        return Data(self.belongs_to, dict(self.accounts))


@dataclass
class Instance:
    identifier: str
    resource_id: str
    status: str
    data: Data
    tags: dict[str, str]
    storage: int
    protected: bool = False
    written: int = 0
    """Rows that visitors wrote to it."""
    counted: tuple[datetime, int] | None = None
    """When these were last counted, and how many they were."""

    @property
    def host(self) -> str:
        """Another one for each incarnation, so that a task definition tells which it means."""
        return f"{self.resource_id.lower()}.db.internal"

    def opens(self, secret: str) -> bool:
        """Say whether the credentials in a secret open it."""
        found = json.loads(secret)
        return bool(self.data.accounts.get(found["username"]) == found["password"])

    @property
    def group(self) -> str:
        return f"sg-{self.resource_id.lower()}"

    @property
    def master_secret(self) -> str:
        return f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!{self.resource_id}"


@dataclass
class Snapshot:
    identifier: str
    resource_id: str
    status: str
    data: Data
    tags: dict[str, str]
    storage: int
    written: int = 0
    """Rows that visitors had written to its instance."""


@dataclass
class Stack:
    id: str
    name: str
    token: str
    status: str
    tags: dict[str, str]
    template: dict[str, Any]
    parameters: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    instance: Instance | None = None
    secret: str = ""
    service: str = ""

    @property
    def exists(self) -> bool:
        return self.status != "DELETE_COMPLETE"


@dataclass
class Task:
    arn: str
    definition: str
    status: str
    started_by: str = ""
    service: str = ""
    exit_code: int | None = None
    ends: bool = False
    """By itself: it was given a command."""

    @property
    def runs(self) -> bool:
        return self.status in {"PROVISIONING", "RUNNING"}


@dataclass
class Deployment:
    arn: str
    definition: str
    created: datetime
    status: str = "PENDING"
    rollout: str = "IN_PROGRESS"
    reason: str = ""
    told_to_fail: bool = False


@dataclass
class Service:
    name: str
    desired: int
    primary: Deployment
    status: str = "ACTIVE"
    good: str = ""
    """The task definition of the last deployment that succeeded."""
    history: list[Deployment] = field(default_factory=list)


@dataclass(order=True)
class Event:
    due: datetime
    number: int
    what: Callable[..., None] = field(compare=False)
    given: tuple[Any, ...] = field(compare=False)


class World:
    """All that stands. Whatever takes time in AWS is an event of its clock."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 2, tzinfo=UTC)
        self.events: list[Event] = []
        self.counter = 0
        self.stacks: dict[str, Stack] = {}
        self.instances: dict[str, Instance] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.services: dict[str, Service] = {}
        self.tasks: dict[str, Task] = {}
        self.secrets: dict[str, str] = {}
        self.parameters: dict[str, list[str]] = {}
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.ingress: set[tuple[str, str, int]] = set()
        self.misfortunes: set[str] = set()
        """What goes wrong the next time: ``stack``, ``deployment``, ``task``."""
        self.violations: list[str] = []
        self.began: dict[str, datetime] = {}
        """When the try of a task began that a run is in, or was in last, by the run's hash."""

    def next(self) -> int:
        self.counter += 1
        return self.counter

    def later(self, seconds: float, what: Callable[..., None], *given: Any) -> None:
        """Let something happen after a time. It looks itself whether it still has a reason to."""
        heapq.heappush(self.events, Event(self.now + timedelta(seconds=seconds), self.next(), what, given))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + timedelta(seconds=seconds)
        while self.events and self.events[0].due <= until:
            event = heapq.heappop(self.events)
            self.now = max(self.now, event.due)
            event.what(*event.given)
        self.now = until

    def befalls(self, misfortune: str) -> bool:
        """Say whether something goes wrong this time."""
        found = misfortune in self.misfortunes
        self.misfortunes.discard(misfortune)
        return found

    def stack(self, name: str) -> Stack | None:
        """The stack of a name, or any, even a deleted one, of an id."""
        if name.startswith("arn:"):
            return self.stacks.get(name)
        return next((found for found in self.stacks.values() if found.name == name and found.exists), None)

    def outputs(self) -> list[str]:
        """What the stacks which stand say they have made."""
        return [value for stack in self.stacks.values() if stack.exists for value in stack.outputs.values()]

    def instance_at(self, host: str) -> Instance | None:
        return next((found for found in self.instances.values() if found.host == host), None)

    def instance_of(self, definition: str) -> Instance | None:
        """The database that a task definition names, if that incarnation still stands."""
        return self.instance_at(self.host_of(definition))

    def host_of(self, definition: str) -> str:
        """Of the database that a task definition names."""
        variables = [value for each in self._containers(definition) for value in each["environment"]]
        return next(str(variable["value"]) for variable in variables if variable["name"] == "DB_HOST")

    def secrets_of(self, definition: str) -> set[str]:
        """ARNs of the secrets that a task definition names."""
        values = [value["valueFrom"] for each in self._containers(definition) for value in each["secrets"]]
        return {value.removesuffix("::").rpartition(":")[0] for value in values}

    def _containers(self, definition: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.definitions[definition]["containerDefinitions"]
        return found
