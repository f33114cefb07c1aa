"""Whether this deployment is what runs."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.deployment import ENDED, FAILED, SUCCEEDED, NotConfirmed, Service, confirm
from tests.unit.promotion.examples import task_definition

OURS, OTHER = task_definition(number=2), task_definition(number=1)


def service(**changes: Any) -> Service:
    given = {
        "arn": "arn:service",
        "status": "ACTIVE",
        "task_definition": OURS,
        "rollout": "COMPLETED",
        "deployments": 1,
        "desired": 2,
        "running": 2,
    }
    return Service.model_validate({**given, **changes})


def refusal(found: Service | None) -> str:
    with pytest.raises(NotConfirmed) as refused:
        confirm(found, OURS)
    return str(refused.value)


def test_all_tasks_of_our_revision_and_nothing_else_is_confirmed() -> None:
    confirm(service(), OURS)
    confirm(service(desired=1, running=1), OURS)


def test_s03_a_service_that_is_stable_after_the_breakers_rollback_is_not_confirmed() -> None:
    assert refusal(service(task_definition=OTHER)) == f"the service runs {OTHER}, not {OURS}"


def test_s05_a_service_that_is_stable_with_no_task_is_not_confirmed() -> None:
    assert refusal(service(desired=0, running=0)) == "0 of 0 tasks run"


def test_s06_a_deployment_that_another_deployer_superseded_is_not_confirmed() -> None:
    later = task_definition(number=9)
    assert later in refusal(service(task_definition=later))


@pytest.mark.parametrize(("desired", "running"), [(2, 1), (2, 3), (1, 0)])
def test_fewer_or_more_tasks_than_wanted_are_not_confirmed(desired: int, running: int) -> None:
    assert refusal(service(desired=desired, running=running)) == f"{running} of {desired} tasks run"


@pytest.mark.parametrize(("deployments", "rollout"), [(2, "COMPLETED"), (1, "IN_PROGRESS"), (1, "FAILED")])
def test_s01_a_deployment_that_is_under_way_is_not_confirmed(deployments: int, rollout: str) -> None:
    assert rollout in refusal(service(deployments=deployments, rollout=rollout))


def test_s42_a_service_that_is_gone_or_going_is_not_confirmed() -> None:
    assert refusal(None) == "the service is gone"
    assert refusal(service(status="DRAINING")) == "the service is DRAINING"


def test_every_state_of_a_deployment_that_ends_is_either_good_or_bad() -> None:
    assert set(ENDED) <= set(SUCCEEDED) | set(FAILED)
    assert not set(SUCCEEDED) & set(FAILED)
