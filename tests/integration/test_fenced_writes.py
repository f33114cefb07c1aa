"""A run that is being undone, or that lost its lock in the middle of a step, writes nothing more."""

from __future__ import annotations

import pytest

from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import activate, deploy
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import Promotion, resume
from snaplift.promotion.lock import LockLost
from tests.integration.test_aborts import begin
from tests.support.driving import PROMOTE, Driver
from tests.support.installation import TENANT, Installation


@pytest.fixture(scope="module", autouse=True)
def qa_serves(installation: Installation) -> None:
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")


def under_way(driver: Driver, next_step: str) -> Promotion:
    """A promotion as the process has it that is about to do a step: it found its lock, and will look at it no more."""
    begin(driver)
    for name in PROMOTE[: PROMOTE.index(next_step)]:
        driver.step(name)
    return resume(driver.platforms, driver.namespace, driver.run)


def test_s47_a_step_that_goes_on_beside_the_abort_deploys_nothing(installation: Installation) -> None:
    before = installation.standing("qa")
    driver = installation.driver("qa")
    late = under_way(driver, "deploy")
    with pytest.raises(Aborted):
        driver.finish()
    with pytest.raises(LockLost):
        late.aws.services.deploy(late.cluster, f"{TENANT}-qa", "arn:aws:ecs:x:0:task-definition/other:1")
    with pytest.raises(StepFailed, match="does not stand"):
        deploy.advance(late)
    assert installation.standing("qa") == before


def test_s47_a_step_that_goes_on_beside_the_abort_does_not_move_the_pointer(installation: Installation) -> None:
    before = installation.standing("qa")
    driver = installation.driver("qa")
    late = under_way(driver, "activate")
    pointer, version = late.aws.pointers.read(f"/snaplift/{TENANT}/qa/pointer")
    with pytest.raises(Aborted):
        driver.finish()
    with pytest.raises(LockLost, match="ssm:PutParameter is not done"):
        late.aws.pointers.write(f"/snaplift/{TENANT}/qa/pointer", pointer, read_version=version + 1)
    with pytest.raises(StepFailed, match="does not stand"):
        activate.advance(late)
    assert installation.standing("qa") == before


def test_s17_a_run_whose_lock_another_took_writes_nothing_more(installation: Installation) -> None:
    before = installation.standing("qa")
    slow, other = installation.driver("qa"), installation.driver("qa")
    late = under_way(slow, "adapt")
    candidate = late.aws.databases.instance(late.plan.database)
    assert candidate is not None
    installation.lose_lock("qa")
    begin(other, str(late.plan.release))
    with pytest.raises(LockLost, match="no longer ours"):
        late.aws.databases.tag(candidate, {"x": "y"})
    with pytest.raises(LockLost, match="a statement of adapt is not done"):
        late.fence.check("a statement of adapt")
    for name in ("snapshot", "database"):  # which takes the leftover away
        other.step(name)
    with pytest.raises(Aborted):
        other.finish()
    assert installation.standing("qa") == before
