"""Drive the steps of a promotion without Airflow: advance, wait, advance again, as a task does."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from snaplift.aws import driving
from snaplift.aws.steps import finish, lock
from snaplift.aws.steps.plan import make_plan
from snaplift.aws.steps.promotion import Done, find_lock, resume
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.pipelines import promote, provision, refresh
from snaplift.promotion.choosing import Request
from snaplift.promotion.plan import Plan
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait

PROMOTE = tuple(step for steps in promote.GROUPS.values() for step in steps)
REFRESH = tuple(step for steps in refresh.GROUPS.values() for step in steps)
PROVISION = tuple(step for steps in provision.GROUPS.values() for step in steps)


def drive(advance: Callable[[], Wait | Done]) -> Done:
    """Advance until there is nothing left to wait for, looking as often as tests like it."""
    return driving.drive(advance, first=0.05, slowest=0.05)


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

    def plan_refresh(self, source: str = "", build: str = "") -> Plan:
        request = Request(environment=self.environment, refresh_from=source, build=build)
        return make_plan(request, self.run, self.platforms, self.tenant)

    def lock(self, plan: Plan) -> None:
        self.results["lock"] = drive(lambda: lock.advance(plan))

    def step(self, name: str) -> Done:
        module = import_module(f"snaplift.aws.steps.{name}")
        self.results[name] = drive(lambda: module.advance(resume(self.platforms, self.namespace, self.run)))
        return self.results[name]

    def finish(self) -> Done:
        self.results["finish"] = drive(lambda: finish.advance(self.platforms, self.namespace, self.run))
        return self.results["finish"]

    def promote(self, release: str, build: str = "", steps: tuple[str, ...] = PROMOTE) -> Done:
        """Run the whole way; whatever happens, it is finished."""
        return self._carry_out(self.plan(release, build), steps)

    def refresh(self, source: str = "", build: str = "") -> Done:
        """Bring data down, the whole way; whatever happens, it is finished."""
        return self._carry_out(self.plan_refresh(source, build), REFRESH)

    def _carry_out(self, plan: Plan, steps: tuple[str, ...]) -> Done:
        self.lock(plan)
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
