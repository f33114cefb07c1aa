"""retire: a database goes when nothing runs on it any more, whatever is stopping yet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from snaplift import naming
from snaplift.aws.hooks.ecs import FoundTask
from snaplift.aws.steps.promotion import Promotion
from snaplift.aws.steps.retire import wait_unused

RELEASE = "20261123t020000z"


class Services:
    """One task, and the release that its revision was made for."""

    def __init__(self, status: str, release: str | None) -> None:
        self.found: FoundTask | None = FoundTask("arn:task", "arn:revision", status, None, {}, "")
        self.release = release

    def family(self, cluster: str, family: str) -> list[FoundTask]:
        assert (cluster, family) == ("platform-nonprod", "xy-0146-qa")
        return [self.found] if self.found else []

    def revision_tags(self, arn: str) -> dict[str, str]:
        assert arn == "arn:revision"
        return {naming.RELEASE_TAG: self.release} if self.release else {}

    def wait_task(self, cluster: str, task: FoundTask, **given: Any) -> str:
        assert given["running"] is False
        return f"until {task.arn} has stopped"


def waits_for(services: Services) -> object:
    name = SimpleNamespace(family="xy-0146-qa")
    plan = SimpleNamespace(name=name)
    promotion = SimpleNamespace(aws=SimpleNamespace(services=services), cluster="platform-nonprod", plan=plan)
    return wait_unused(cast("Promotion", promotion), RELEASE)


@pytest.mark.parametrize("status", ["PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING"])
def test_s07_the_previous_database_stays_while_a_task_that_uses_it_is_stopping(status: str) -> None:
    assert waits_for(Services(status, RELEASE)) == "until arn:task has stopped"


def test_a_task_that_has_stopped_uses_nothing() -> None:
    assert waits_for(Services("STOPPED", RELEASE)) is None


def test_a_task_that_ecs_has_forgotten_uses_nothing() -> None:
    services = Services("RUNNING", RELEASE)
    services.found = None
    assert waits_for(services) is None


@pytest.mark.parametrize("other", ["20261124t020000z", None])
def test_a_task_of_another_release_is_in_nobodys_way(other: str | None) -> None:
    assert waits_for(Services("RUNNING", other)) is None
