"""Changes of the configuration, applied to what stands: shown first, refused where something would be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from snaplift.aws.steps import change
from snaplift.aws.steps.change import ChangeFailed
from snaplift.aws.steps.ending import take_over
from snaplift.aws.steps.layers import Layers, layers_of_namespace, layers_of_platform
from snaplift.aws.steps.promotion import Done, find_lock
from snaplift.config.tenant import Tenant
from snaplift.promotion.lock import LockHeld, LockLost, PlanOutdated
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from tests.support.driving import drive
from tests.support.installation import TENANT, Installation


@pytest.fixture(scope="module")
def installation(fresh_installation: Installation) -> Installation:
    return fresh_installation


class Changing:
    """One run of a change, driven as its tasks are."""

    def __init__(self, installation: Installation, run_id: str, look: Callable[[], Layers]) -> None:
        self.platforms = installation.platforms
        self.run = Run(installation="acme", dag_id=f"{TENANT}.change", run_id=run_id)
        self.look = look
        self.name = look().name

    def show(self) -> change.Shown:
        found: list[change.Shown] = []

        def advance() -> Wait | Done:
            outcome = change.show(self.look(), self.run)
            if isinstance(outcome, Wait):
                return outcome
            found.append(outcome)
            return Done()

        drive(advance)
        return found[-1]

    def lock(self, shown: change.Shown) -> Done:
        return drive(lambda: change.lock(shown.change))

    def apply(self) -> Done:
        return drive(lambda: change.apply(self.platforms, self.name, self.run))

    def finish(self) -> Done:
        return drive(lambda: change.finish(self.platforms, self.name, self.run))

    def whole(self) -> Done:
        self.lock(self.show())
        self.apply()
        return self.finish()

    def forget(self) -> None:
        change.forget(self.look(), self.run)


def of_tenant(installation: Installation, run_id: str, environment: str, tenant: Tenant) -> Changing:
    return Changing(installation, run_id, lambda: layers_of_namespace(installation.platforms, tenant, environment))


def edited(installation: Installation, **changes: Any) -> Tenant:
    """The tenant with parts of its file edited; ``a__b`` is field b of section a."""
    tenant = installation.tenant
    data = tenant.model_dump(by_alias=True)
    for path, value in changes.items():
        *sections, last = path.split("__")
        place = data
        for section in sections:
            place = place[section]
        place[last] = value
    return Tenant.model_validate(data)


def change_sets(installation: Installation, stack: str) -> list[str]:
    found = installation.client("cloudformation").list_change_sets(StackName=stack)["Summaries"]
    return [each["ChangeSetName"] for each in found if each["ExecutionStatus"] == "AVAILABLE"]


def test_what_is_as_the_configuration_says_is_not_changed(installation: Installation) -> None:
    run = of_tenant(installation, "same", "dev", installation.tenant)
    assert run.show().change.stacks == ()
    platform = Changing(installation, "same", lambda: layers_of_platform(installation.platforms, "platform-nonprod"))
    assert platform.show().change.stacks == ()


def test_a_change_is_shown_without_being_made_and_forgotten(installation: Installation) -> None:
    run = of_tenant(installation, "shown", "dev", edited(installation, service__health_check__interval="9s"))
    before = installation.standing("dev")
    found = run.show()
    [stack] = found.change.stacks
    assert (stack.stack, found.reasons) == (f"{TENANT}-dev", [])
    assert [(each.action, each.title, each.replacement) for each in stack.changes] == [
        ("Modify", "TargetGroup", "False")
    ]
    assert change_sets(installation, stack.stack) == [f"snaplift-{run.run.hash}"]
    assert run.show().change == found.change, "a retry finds the change set that the first try made"
    run.forget()
    assert change_sets(installation, stack.stack) == []
    assert installation.standing("dev") == before


def test_every_layer_is_changed_in_place_under_the_lock(installation: Installation) -> None:
    tenant = edited(
        installation,
        service__health_check__interval="8s",
        service__deployment__failures=4,
        database__instance_class="db.t4g.small",
    )
    run = of_tenant(installation, "applied", "dev", tenant)
    before = installation.standing("dev")
    found = run.show()
    assert [each.stack for each in found.change.stacks] == [
        f"{TENANT}-dev",
        f"{TENANT}-dev-db",
        f"{TENANT}-dev-service",
    ]
    assert found.reasons == []
    run.lock(found)
    other = of_tenant(installation, "second", "dev", tenant)
    shown = other.show()
    with pytest.raises(LockHeld, match="is locked by run"):
        change.lock(shown.change)
    other.forget()
    run.apply()
    assert run.apply().result["changed"] == [each.stack for each in found.change.stacks], "a retry finds it made"
    assert run.finish().result["changed"] == [each.stack for each in found.change.stacks]
    after = installation.standing("dev")
    assert (after.pointer, after.service, after.databases) == (before.pointer, before.service, before.databases)
    assert after.answer is not None
    assert not after.locked
    [instance] = installation.instances("dev")
    assert instance["DBInstanceClass"] == "db.t4g.small"
    assert of_tenant(installation, "again", "dev", tenant).show().change.stacks == ()
    of_tenant(installation, "back", "dev", installation.tenant).whole()


def test_what_holds_data_is_neither_replaced_nor_removed(installation: Installation) -> None:
    containers = installation.tenant.model_dump(by_alias=True)["service"]["containers"]
    containers["web"]["secrets"] = ("SALT",)
    salted = edited(installation, service__containers=containers)
    assert of_tenant(installation, "salted", "prod", salted).whole().result["changed"] == [f"{TENANT}-prod"]
    run = of_tenant(installation, "unsalted", "prod", installation.tenant)
    [reason] = run.show().reasons
    run.forget()
    assert "(AWS::SecretsManager::Secret) would be removed: it holds data" in reason
    run = of_tenant(installation, "lossy", "dev", edited(installation, database__name="other"))
    [reason] = run.show().reasons
    run.forget()
    assert "Instance (AWS::RDS::DBInstance) would be replaced, since DBName changes: it holds data" in reason


def test_what_others_stand_on_is_not_replaced(installation: Installation) -> None:
    platforms = installation.platforms
    moved = platforms.platforms["platform-prod"].network.model_copy(update={"cidr": "10.99.0.0/16"})
    new = platforms.platforms["platform-prod"].model_copy(update={"network": moved})
    changed = platforms.model_copy(update={"platforms": {**platforms.platforms, "platform-prod": new}})
    run = Changing(installation, "moved", lambda: layers_of_platform(changed, "platform-prod"))
    reasons = run.show().reasons
    run.forget()
    assert any("Vpc (AWS::EC2::VPC) would be replaced" in reason for reason in reasons)


def test_a_platform_is_changed_under_a_lock_of_its_own(installation: Installation) -> None:
    platforms = installation.platforms
    new = platforms.platforms["platform-prod"].model_copy(update={"engines": ("mariadb10.11", "mariadb11.4")})
    changed = platforms.model_copy(update={"platforms": {**platforms.platforms, "platform-prod": new}})
    run = Changing(installation, "engines", lambda: layers_of_platform(changed, "platform-prod"))
    found = run.show()
    [stack] = found.change.stacks
    assert ("Add", "ParameterGroupMariadb11x4") in [(each.action, each.title) for each in stack.changes]
    assert run.whole().result["changed"] == ["platform-prod"]
    assert run.show().change.stacks == ()


def test_a_change_that_fails_says_why_and_gives_the_rest_up(installation: Installation) -> None:
    tenant = edited(installation, database__parameters={"max_connections": "1;2"}, service__deployment__failures=5)
    run = of_tenant(installation, "fails", "dev", tenant)
    run.lock(run.show())
    with pytest.raises(ChangeFailed, match=r"is UPDATE_ROLLBACK_COMPLETE, so it is as it was. Why: ParameterGroup: "):
        run.apply()
    with pytest.raises(ChangeFailed, match=f"changed: nothing; not changed: {TENANT}-dev, {TENANT}-dev-service"):
        run.finish()
    assert change_sets(installation, f"{TENANT}-dev-service") == []
    assert not installation.standing("dev").locked


def test_a_dead_runs_change_is_ended_in_its_place(installation: Installation) -> None:
    tenant = edited(installation, service__health_check__interval="7s", service__deployment__failures=6)
    run = of_tenant(installation, "dies", "dev", tenant)
    shown = run.show()
    run.lock(shown)
    assert isinstance(change.apply(run.platforms, run.name, run.run), Wait), "dies while the first stack is changed"
    held = find_lock(run.platforms, run.name, run.run)
    assert held is not None
    ended = drive(lambda: take_over(held)).result["ended"]
    assert ended.startswith(f"changed: {TENANT}-dev; not changed: {TENANT}-dev-service")
    assert not installation.standing("dev").locked
    with pytest.raises(LockLost):
        change.apply(run.platforms, run.name, run.run)
    assert run.finish().skipped == "this run has ended before, and gave its lock back"
    of_tenant(installation, "back2", "dev", installation.tenant).whole()


def test_s44_a_change_passes_the_live_revision_and_never_an_old_one(installation: Installation) -> None:
    for _ in range(2):
        installation.driver("qa").promote("new")
    tenant = edited(installation, service__deployment__failures=7)
    before = installation.standing("qa")
    assert before.service is not None
    run = of_tenant(installation, "live", "qa", tenant)
    found = run.show()
    [stack] = found.change.stacks
    assert any(told.endswith(f"→ {before.service[0]}") for told in stack.parameters)
    installation.touch_pointer("qa")
    with pytest.raises(PlanOutdated, match="the pointer was version"):
        run.lock(found)
    run.finish()
    run.forget()
    again = of_tenant(installation, "live2", "qa", tenant)
    assert again.whole().result["changed"] == [f"{TENANT}-qa-service"]
    assert installation.standing("qa").service == before.service
    family, _, number = before.service[0].rpartition(":")
    ecs, place = installation.client("ecs"), {"cluster": installation.cluster("qa"), "service": f"{TENANT}-qa"}
    ecs.update_service(**place, taskDefinition=f"{family}:{int(number) - 1}")
    other = of_tenant(installation, "old", "qa", installation.tenant)
    reasons = other.show().reasons
    other.forget()
    ecs.update_service(**place, taskDefinition=before.service[0])
    assert any("bring the service to its active revision" in reason for reason in reasons)
