"""What is not fit to be seen is turned away: red, with the reason in one sentence, and everything as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from local.demo.following import Followed
from local.demo.visitors import Visitors

from tests.e2e.tenant import Standing, TenantUnderTest

FINISH = "finish"


@pytest.fixture(scope="module")
def serving(tenant: TenantUnderTest) -> TenantUnderTest:
    """The tenant with a release active in qa."""
    if tenant.site("qa").pointer().active is None:
        ended = tenant.promote("qa", "new")
        assert (ended.state, ended.failures) == ("success", {})
    return tenant


def test_a_smoke_check_that_fails(serving: TenantUnderTest) -> None:
    with everything_stays(serving, "qa"):
        ended = serving.promote("qa", "new", build="unfit")
    assert_aborted(ended, because="smoke")


def test_a_build_that_never_becomes_healthy(serving: TenantUnderTest) -> None:
    with everything_stays(serving, "qa"):
        ended = serving.promote("qa", "new", build="unhealthy")
    assert_aborted(ended, because="deployment")


def test_a_restore_that_fails(serving: TenantUnderTest) -> None:
    with everything_stays(serving, "qa"), failing(serving, "rds.restore", "incompatible-parameters"):
        ended = serving.promote("qa", "new")
    assert_aborted(ended, because="incompatible-parameters")


def test_a_run_that_a_person_marks_failed_while_it_waits(serving: TenantUnderTest) -> None:
    with everything_stays(serving, "qa"):
        with lasting(serving, "rds.restore", seconds=600):
            run = serving.start_promotion("qa", "new")
            serving.installation.airflow.wait_for_task(run, "database", ["deferred"], 180)
            serving.installation.airflow.mark(run, "failed")
        ended = serving.end({"qa": run})["qa"]
    assert_aborted(ended, because="ended")


def assert_aborted(ended: Followed, because: str) -> None:
    """Red, and ``finish`` says why in one sentence."""
    assert ended.state == "failed"
    reason = ended.failures[FINISH]
    assert "aborted" in reason
    assert "still serves" in reason
    assert because in reason
    assert "\n" not in reason.strip()


@contextmanager
def everything_stays(tenant: TenantUnderTest, environment: str) -> Iterator[None]:
    """Pointer and service as before, the candidate gone, the lock free, and no visitor the wiser."""
    before = tenant.standing(environment)
    with Visitors([tenant.site(environment)], rate=3) as visitors:
        yield
    after = tenant.standing(environment)
    assert differences(before, after) == {}
    assert tenant.untrue() == []
    assert visitors.counted().requests > 0
    assert visitors.counted().failed == 0, visitors.counted().reasons


def differences(before: Standing, after: Standing) -> dict[str, tuple[object, object]]:
    names = ("pointers", "revision", "databases", "stacks")
    return {
        name: (getattr(before, name), getattr(after, name))
        for name in names
        if getattr(before, name) != getattr(after, name)
    }


@contextmanager
def lasting(tenant: TenantUnderTest, step: str, seconds: float) -> Iterator[None]:
    """The laptop's AWS takes so long for a step that it is still at it when it is looked at."""
    usual = tenant.installation.control("GET", "delays")[step]
    tenant.installation.control("PUT", "delays", {step: seconds})
    try:
        yield
    finally:
        tenant.installation.control("PUT", "delays", {step: usual})


@contextmanager
def failing(tenant: TenantUnderTest, step: str, failure: str) -> Iterator[None]:
    """The laptop's AWS fails at a step."""
    tenant.installation.control("PUT", "failures", {step: failure})
    try:
        yield
    finally:
        tenant.installation.control("PUT", "failures", {step: None})
