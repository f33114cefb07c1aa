"""From what was found to a plan, or to every reason why there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from snaplift.promotion.choosing import PlanRefused
from snaplift.promotion.plan import Plan
from snaplift.promotion.planning import Facts, decide
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.quotas import Usage
from snaplift.promotion.writes import Writes, refusal
from tests.unit.promotion.examples import (
    DIGEST,
    IMAGES,
    INSTANCE,
    NEW,
    OLD,
    ORIGIN,
    RUN,
    SNAPSHOT,
    before,
    choice,
    decided,
    facts,
    plan,
    request,
    revision,
    task_definition,
)
from tests.unit.stacks.examples import KEY, PLATFORMS, TENANT, tenant

FUTURE = "20270101t000000z"


def reasons(found: Facts, mode: str = "new", release: str | None = None, environment: str = "qa") -> list[str]:
    """Why there is no plan; empty: there is one."""
    try:
        decide(request(environment), choice(mode, release), RUN, PLATFORMS, TENANT, found)
    except PlanRefused as refused:
        return refused.reasons
    return []


def only(found: Facts, mode: str = "new", release: str | None = None, environment: str = "qa") -> str:
    [reason] = reasons(found, mode, release, environment)
    return reason


# -- what is planned -------------------------------------------------------------------------------------------


def test_a_new_release_is_snapshot_from_the_instance_that_the_first_environments_pointer_names() -> None:
    made = plan("qa", "new")
    assert made.source is not None
    assert (made.source.environment, made.source.instance, made.source.resource_id) == (
        "dev",
        "xy-0146-dev-db",
        "db-DEV",
    )
    assert made.source.secret == (ORIGIN.database.secret if ORIGIN.database else "")
    assert (made.release, made.snapshot) == (None, None)


def test_once_its_release_is_decided_a_plan_knows_its_snapshot_and_database() -> None:
    made = decided()
    assert made.snapshot == f"xy-0146-dev-snapshot-{NEW}"
    assert made.database == f"xy-0146-qa-db-{NEW}"
    assert made.tags["snaplift:release"] == NEW
    assert made.tags["snaplift:run"] == RUN.hash


def test_what_was_tested_comes_from_the_first_environments_snapshot_which_is_named_already() -> None:
    made = plan("prod", "tested")
    assert made.source is not None
    assert (made.release, made.snapshot) == (NEW, f"xy-0146-dev-snapshot-{NEW}")
    assert made.source.resource_id is None


def test_an_origin_has_no_source() -> None:
    made = plan("dev", "origin")
    assert (made.source, made.snapshot, made.release, made.database) == (None, None, None, "xy-0146-dev-db")


@pytest.mark.parametrize(("of_source", "planned"), [(10, 20), (50, 50)])
def test_storage_is_the_larger_of_the_sources_and_the_configurations(of_source: int, planned: int) -> None:
    instance = INSTANCE.model_copy(update={"storage": of_source})
    assert plan(found=facts(instance=instance)).storage == planned


def test_an_environments_own_storage_counts_before_the_tenants() -> None:
    assert plan("prod", "tested").storage == 100


def test_images_are_those_that_were_found() -> None:
    assert plan().images == IMAGES


def left_out(environment: str, release: str, **changes: Any) -> set[str]:
    return set(plan(environment, release, **changes).left_out)


def test_steps_that_a_promotion_does_not_have_are_said_with_a_reason() -> None:
    assert left_out("qa", "new") == {"copy", "migrate", "warm", "bake", "approve", "adapt", "smoke"}
    full = tenant(adapt=[{"sql": ["DELETE FROM x"]}], smoke=[{"path": "/"}])
    assert left_out("qa", "new", tenant=full) == {"copy", "migrate", "warm", "bake", "approve"}
    assert "snapshot" in left_out("dev", "origin", tenant=full)
    assert "adapt" not in left_out("dev", "origin")


def test_an_environment_that_asks_for_approval_does_not_leave_it_out() -> None:
    environments = {
        "dev": {"platform": "platform-new"},
        "qa": {"platform": "platform-new", "from": "dev", "approval": {}},
    }
    assert "approve" not in left_out("qa", "new", tenant=tenant(environments=environments))


# -- why there is none -----------------------------------------------------------------------------------------


def test_every_reason_is_given_at_once() -> None:
    found = facts(
        instance=INSTANCE.model_copy(update={"status": "stopped", "encrypted": False}),
        images={"web": None, "helper": IMAGES["helper"]},
        instances=Usage(used=40, limit=40),
    )
    assert len(reasons(found)) == 4


def test_a_candidate_that_nobody_ended_is_named_with_its_run() -> None:
    pointer = Pointer(candidate=revision(OLD, run="deadbeef"))
    assert only(facts(pointer=pointer)) == (
        "the pointer of xy-0146-qa names a candidate of run deadbeef: that promotion has not been ended"
    )


@pytest.mark.parametrize(
    ("quota", "word", "needed"), [("instances", "database instances", 1), ("snapshots", "manual snapshots", 2)]
)
def test_s26_a_quota_that_is_used_up_is_found_before_anything_is_made(quota: str, word: str, needed: int) -> None:
    assert reasons(facts().model_copy(update={quota: Usage(used=40 - needed, limit=40)})) == []
    assert (
        only(facts().model_copy(update={quota: Usage(used=40, limit=40)}))
        == f"the account has 40 of 40 {word}: none is left"
    )


def test_s26_the_final_snapshot_of_the_database_that_goes_is_counted_with_the_releases() -> None:
    active = revision(OLD)
    one_left = Usage(used=99, limit=100)
    assert only(facts(active=active, snapshots=one_left)) == "the account has 99 of 100 manual snapshots: 2 are needed"
    assert reasons(facts("standing", active=active, snapshots=one_left), "standing", NEW) == []
    none_left = facts("standing", active=active, snapshots=Usage(used=100, limit=100))
    assert only(none_left, "standing", NEW) == "the account has 100 of 100 manual snapshots: none is left"


def asks_for_snapshots(mode: str, found: Facts, **retention: Any) -> int:
    """Find out for how many the quota has to have room."""
    wanted, number = choice(mode, NEW), 0
    while True:
        given = found.model_copy(update={"snapshots": Usage(used=100 - number, limit=100)})
        try:
            decide(request(), wanted, RUN, PLATFORMS, tenant(retention=retention), given)
        except PlanRefused:
            number += 1
            assert number < 10
        else:
            return number


def test_s26_room_is_asked_for_what_an_abort_keeps_of_a_candidate_that_served() -> None:
    """At a first promotion, and where the previous database stands on."""
    assert asks_for_snapshots("new", facts()) == 2
    assert asks_for_snapshots("standing", facts("standing")) == 1
    assert asks_for_snapshots("new", facts(active=revision(OLD)), keep_previous="7d") == 2
    # An abort retires nothing: it is the one or the other.
    assert asks_for_snapshots("new", facts(active=revision(OLD))) == 2


def test_s26_no_room_is_asked_for_a_final_snapshot_that_this_promotion_does_not_take() -> None:
    assert asks_for_snapshots("standing", facts("standing", active=revision(OLD)), final_snapshot=False) == 0
    assert asks_for_snapshots("new", facts(active=revision(OLD)), final_snapshot=False) == 1
    # Of what stood before snaplift came, one is taken whatever the environment wants.
    stood = revision(OLD)
    assert stood.database is not None
    adopted = stood.model_copy(update={"database": stood.database.model_copy(update={"adopted": True})})
    assert asks_for_snapshots("standing", facts("standing", active=adopted), final_snapshot=False) == 1


def test_s26_a_first_promotion_needs_room_for_two_stacks() -> None:
    one_left = Usage(used=1_999, limit=2_000)
    assert only(facts(stacks=one_left)) == "the account has 1999 of 2000 stacks: 2 are needed"
    assert reasons(facts(active=revision(OLD), stacks=one_left)) == []


def test_s46_what_serves_has_to_be_able_to_come_up_again() -> None:
    found = facts(active=revision(OLD), missing=("image x is gone", "secret y is gone"))
    assert only(found) == (
        "xy-0146-qa could not go back to what it runs now, if this promotion failed: image x is gone; secret y is "
        "gone. Put that back first"
    )


def test_s08_a_run_from_before_what_is_active_does_not_bring_an_older_release_back() -> None:
    found = facts("standing", active=revision(NEW))

    def asked(at: datetime | None, release: str = OLD) -> list[str]:
        try:
            asked_for = request().model_copy(update={"asked_at": at})
            decide(asked_for, choice("standing", release), RUN, PLATFORMS, TENANT, found)
        except PlanRefused as refused:
            return refused.reasons
        return []

    [reason] = asked(datetime(2026, 11, 22, tzinfo=UTC))
    assert reason == (
        f"this run asked for {OLD} before the newer {NEW}, which is active in xy-0146-qa, was begun: to go back to it, "
        "trigger a new run"
    )
    assert asked(datetime(2026, 11, 24, tzinfo=UTC)) == asked(None) == []
    assert asked(datetime(2026, 11, 22, tzinfo=UTC), FUTURE) == []


def test_s09_writes_that_would_be_lost_are_one_of_the_reasons() -> None:
    lost = Writes(database="xy-0146-prod-db", untold="it is not there")
    assert only(facts("tested", writes=lost), "tested", NEW, "prod") == refusal(lost, "refuse", "prod")
    assert reasons(facts("tested", writes=lost), "tested", NEW, "qa") == []


def test_s05_a_service_with_a_desired_count_of_0_would_prove_nothing() -> None:
    active = revision(OLD)
    found = facts(active=active, before=before(active, desired_count=0))
    assert only(found) == ("the service xy-0146-qa has a desired count of 0: nothing would be proven by a deployment")


def test_a_service_that_the_pointer_does_not_know_is_not_replaced() -> None:
    unknown = before(None, service_exists=True, task_definition=task_definition(number=9), desired_count=1)
    assert only(facts(before=unknown)).endswith("it is not ours to replace")


def test_s44_a_service_that_runs_another_revision_than_the_pointer_says_is_put_right_first() -> None:
    active = revision(OLD)
    found = facts(active=active, before=before(active, task_definition=task_definition(number=9)))
    reason = only(found)
    assert f"{active.task_definition} is active" in reason
    assert f"runs {task_definition(number=9)}" in reason


def test_a_service_that_is_gone_is_put_right_first() -> None:
    active = revision(OLD)
    nothing_runs = before(active, service_exists=False, task_definition=None, desired_count=None)
    assert "the service runs nothing" in only(facts(active=active, before=nothing_runs))


def test_a_source_without_a_database_is_provisioned_first() -> None:
    assert only(facts(origin=None, instance=None)) == "xy-0146-dev has no database: provision it first"
    assert only(facts(origin=revision(None, "dev", database=None), instance=None)) == (
        "xy-0146-dev has no database: provision it first"
    )


def test_an_instance_that_the_pointer_names_and_that_is_not_there_is_said() -> None:
    assert only(facts(instance=None)) == ("there is no instance xy-0146-dev-db, which the pointer of xy-0146-dev names")


def test_s38_a_release_without_a_snapshot_is_refused_with_those_that_have_one() -> None:
    found = facts("standing", snapshot=None, releases=(OLD, FUTURE))
    assert only(found, "standing", NEW) == (
        f"release {NEW} has no snapshot xy-0146-dev-snapshot-{NEW}; those that have one: {OLD}, {FUTURE}"
    )


def test_s38_that_no_release_has_a_snapshot_is_said_too() -> None:
    assert only(facts("standing", snapshot=None), "standing", NEW).endswith("those that have one: none")


@pytest.mark.parametrize("change", [{"encrypted": False}, {"key_arn": None}, {"key_arn": KEY + "0"}])
def test_s25_data_that_are_not_under_a_platforms_key_are_not_copied(change: dict[str, Any]) -> None:
    assert "is not encrypted with a platform's key" in only(facts(instance=INSTANCE.model_copy(update=change)))
    found = facts("standing", snapshot=SNAPSHOT.model_copy(update=change))
    assert "is not encrypted with a platform's key" in only(found, "standing", NEW)


def test_s25_a_key_that_is_not_enabled_is_found_before_the_restore() -> None:
    assert only(facts(keys={KEY: "Disabled"})) == "the key of xy-0146-dev-db is Disabled: it must be enabled"


def test_s21_an_engine_without_a_parameter_group_on_the_platform_is_found_before_the_restore() -> None:
    found = facts(instance=INSTANCE.model_copy(update={"family": "mariadb11.4"}))
    assert only(found) == "xy-0146-dev-db is mariadb11.4; platform-new has no parameter group for it"


@pytest.mark.parametrize("status", ["available", "storage-optimization", "backing-up", "modifying", "maintenance"])
def test_s20_a_state_that_passes_by_itself_is_no_reason(status: str) -> None:
    assert reasons(facts(instance=INSTANCE.model_copy(update={"status": status}))) == []


@pytest.mark.parametrize("status", ["stopped", "failed", "deleting", "storage-full"])
def test_s20_a_state_that_does_not_pass_is_a_reason(status: str) -> None:
    found = facts(instance=INSTANCE.model_copy(update={"status": status}))
    assert only(found) == f"xy-0146-dev-db is {status}: it cannot be snapshot"


@pytest.mark.parametrize("status", ["creating", "failed", "deleting"])
def test_a_standing_snapshot_has_to_be_available(status: str) -> None:
    found = facts("standing", snapshot=SNAPSHOT.model_copy(update={"status": status}))
    assert only(found, "standing", NEW) == f"snapshot {SNAPSHOT.identifier} is {status}, not available"


def test_another_installations_snapshot_is_not_restored() -> None:
    found = facts("standing", snapshot=SNAPSHOT.model_copy(update={"ours": False}))
    assert only(found, "standing", NEW) == f"snapshot {SNAPSHOT.identifier} was not made by installation acme"


def test_another_account_or_region_is_not_supported_yet() -> None:
    elsewhere = PLATFORMS.platforms["platform-existing"].model_copy(update={"region": "eu-west-1"})
    platforms = PLATFORMS.model_copy(update={"platforms": {**PLATFORMS.platforms, "platform-existing": elsewhere}})
    with pytest.raises(PlanRefused, match="xy-0146-dev is in another account or region than xy-0146-prod"):
        decide(request("prod"), choice("tested", NEW), RUN, platforms, TENANT, facts("tested"))


def test_an_origin_is_made_once() -> None:
    active = revision(None, "dev")
    assert only(facts("origin", active=active), "origin", environment="dev") == (
        "xy-0146-dev has an active database already"
    )


@pytest.mark.parametrize("mode", ["tested", "standing"])
def test_the_release_that_is_active_is_not_promoted_again(mode: str) -> None:
    found = reasons(facts(mode, active=revision(NEW)), mode, NEW)
    assert found[0] == f"release {NEW} is active in xy-0146-qa already"


def test_s08_a_tested_release_that_is_older_than_the_active_one_is_refused() -> None:
    assert "is older than" in only(facts("tested", active=revision(FUTURE)), "tested", NEW)


def test_s08_an_older_release_is_promoted_if_it_is_asked_for_by_its_name() -> None:
    assert reasons(facts("standing", active=revision(FUTURE)), "standing", NEW) == []


def test_s12_a_database_that_is_a_rollbacks_target_is_not_made_again() -> None:
    pointer = Pointer(active=revision(FUTURE), previous=revision(NEW))
    found = facts("standing", active=revision(FUTURE), pointer=pointer)
    assert only(found, "standing", NEW) == (
        f"xy-0146-qa-db-{NEW} still stands as the previous database of xy-0146-qa: ask for 'previous' to have it serve "
        "again"
    )


def test_s12_a_previous_release_whose_database_is_gone_is_restored() -> None:
    pointer = Pointer(active=revision(FUTURE), previous=revision(NEW, database=None))
    assert reasons(facts("standing", active=revision(FUTURE), pointer=pointer), "standing", NEW) == []


def test_s46_an_image_that_is_gone_is_named_with_its_container() -> None:
    found = facts(images={"web": IMAGES["web"], "helper": None})
    assert only(found).endswith("(container helper): push it, or name another build")


def test_s53_a_first_promotion_has_nothing_to_go_back_to_and_is_planned() -> None:
    made: Plan = plan("qa", "new")
    assert (made.before.active, made.before.service_exists, made.before.task_definition) == (None, False, None)


# -- a plan as a value -----------------------------------------------------------------------------------------


def everything() -> Plan:
    """A plan with each kind of adapt, smoke and duration in it."""
    full = tenant(
        adapt=[{"sql": ["DELETE FROM x"], "repeatable": True}, {"command": ["adapt", "${site_url}"], "timeout": "90m"}],
        smoke=[{"sql": "SELECT 1"}, {"path": "/", "timeout": "45s"}, {"command": ["check"]}],
        setup={"command": ["setup"]},
        nightly={"schedule": "0 2 * * *", "environments": ["qa"], "start_within": "2h"},
        retention={"keep_previous": "7d"},
    )
    return plan("prod", "tested", facts("tested", active=revision(OLD, "prod")), tenant=full, dry_run=True)


def test_a_plan_is_the_same_after_a_round_trip_through_xcom_and_the_locks_record() -> None:
    made = everything()
    assert Plan.model_validate(made.model_dump(mode="json", by_alias=True)) == made
    assert Plan.model_validate_json(made.model_dump_json(by_alias=True)) == made


def test_a_plan_fits_in_a_lock_and_in_an_xcom() -> None:
    assert len(everything().model_dump_json(by_alias=True)) < 40_000  # DynamoDB: 400 KB an item


def test_a_plan_carries_its_configuration_so_that_later_edits_change_nothing() -> None:
    made = everything()
    assert made.tenant.smoke[1].model_dump()["timeout"] == "45s"
    assert made.platforms == PLATFORMS


def test_a_plan_has_no_secrets_value() -> None:
    text = everything().model_dump_json()
    assert "arn:aws:secretsmanager" in text
    assert "password" not in text.replace("DB_PASSWORD", "").replace('"password"', "")


def test_an_unknown_field_in_a_recorded_plan_is_an_error() -> None:
    made = plan().model_dump(mode="json", by_alias=True)
    with pytest.raises(ValueError, match="extra"):
        Plan.model_validate({**made, "later": 1})


def test_the_same_run_has_the_same_hash_and_token() -> None:
    assert RUN.hash == RUN.model_copy().hash
    assert RUN.hash != RUN.model_copy(update={"run_id": "other"}).hash
    assert RUN.token != RUN.model_copy(update={"installation": "other"}).token
    assert DIGEST not in str(RUN)
