"""Drive the steps of a promotion without Airflow: advance, wait, advance again, as a task does."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from snaplift.aws.errors import WaitFailed
from snaplift.aws.observe import make_client, observe
from snaplift.aws.steps import finish, lock
from snaplift.aws.steps.plan import make_plan
from snaplift.aws.steps.promotion import Done, find_lock, resume
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.pipelines import promote, provision
from snaplift.promotion.plan import Plan
from snaplift.promotion.planning import Request
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Verdict, Wait, judge

PROMOTE = tuple(step for steps in promote.GROUPS.values() for step in steps)
PROVISION = tuple(step for steps in provision.GROUPS.values() for step in steps)


def drive(advance: Callable[[], Wait | Done], *, pause: float = 0.05, timeout: float = 120) -> Done:
    """Advance until there is nothing left to wait for.

    :raises WaitFailed: something went wrong that the step itself does not explain.
    """
    deadline = time.monotonic() + timeout
    while isinstance(outcome := advance(), Wait):
        client = make_client(outcome)
        while (verdict := judge(outcome, observe(outcome, client))) is Verdict.PENDING:
            if time.monotonic() > deadline:
                raise WaitFailed(f"{outcome} is not done after {timeout} s")
            time.sleep(pause)
        if verdict is not Verdict.DONE and isinstance(again := advance(), Wait):
            raise WaitFailed(f"{again} has gone wrong: {verdict}")
    return outcome


class Driver:
    """One run of a tenant's promotion or provisioning."""

    def __init__(self, platforms: Platforms, tenant: Tenant, environment: str, run_id: str) -> None:
        self.platforms = platforms
        self.tenant = tenant
        self.environment = environment
        self.namespace = f"{tenant.tenant}-{environment}"
        self.run = Run(installation=platforms.installation, dag_id=f"{tenant.tenant}.promote", run_id=run_id)
        self.results: dict[str, Done] = {}

    def plan(self, release: str, build: str = "") -> Plan:
        request = Request(environment=self.environment, release=release, build=build)
        return make_plan(request, self.run, self.platforms, self.tenant)

    def lock(self, plan: Plan) -> None:
        self.results["lock"] = lock.advance(plan)

    def step(self, name: str, **given: Any) -> Done:
        module = import_module(f"snaplift.aws.steps.{name}")
        self.results[name] = drive(lambda: module.advance(resume(self.platforms, self.namespace, self.run)), **given)
        return self.results[name]

    def finish(self) -> Done:
        self.results["finish"] = drive(lambda: finish.advance(self.platforms, self.namespace, self.run))
        return self.results["finish"]

    def promote(self, release: str, build: str = "", steps: tuple[str, ...] = PROMOTE) -> Done:
        """Run the whole way; whatever happens, it is finished."""
        self.lock(self.plan(release, build))
        try:
            for name in steps:
                self.step(name)
        except Exception as error:
            self.note(f"{name}: {error}")
            raise
        finally:
            done = self.finish()
        return done

    def note(self, failure: str) -> None:
        """Write a failure down with the lock, as an operator does."""
        if found := find_lock(self.platforms, self.namespace, self.run):
            found.locks.note_failure(found.place.lock_table, self.namespace, self.run.token, failure)
