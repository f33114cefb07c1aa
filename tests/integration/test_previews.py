"""Previews beside the environments, and namespaces that are taken away: all of them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pymysql
import pytest

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.tagging import TagHook
from snaplift.aws.steps import dismantle, offboard, previews, reap
from snaplift.aws.steps.finish import Aborted
from snaplift.aws.steps.promotion import Done, find_lock, utc_now
from snaplift.aws.steps.provision import provision_namespace
from snaplift.config.previews import InvalidPreview, Previews
from snaplift.promotion.lock import LockHeld
from snaplift.promotion.offboarding import OffboardingRefused
from snaplift.promotion.reaping import Action, Fleet
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait
from tests.support.driving import PROVISION, Driver, drive
from tests.support.installation import TENANT, Installation, tenant

SETTINGS: Final = tenant(previews={"like": "qa", "most": 2})
HOUR: Final = timedelta(hours=1)


@pytest.fixture(scope="module")
def beside(installation: Installation) -> Installation:
    """The installation with a release in qa, seen by a tenant that has two previews."""
    if installation.pointer("qa")[0].active is None:
        installation.driver("qa").promote("new")
    return replace(installation, tenant=SETTINGS.with_preview("pr4", "qa").with_preview("pr42", "qa"))


def run(name: str) -> Run:
    return Run(installation="acme", dag_id=f"{TENANT}.preview", run_id=name)


def bring_up(beside: Installation, name: str, run_id: str, release: str = "tested", ttl: timedelta = HOUR) -> Done:
    """What ``<tenant>.preview`` does."""
    given = SETTINGS.with_preview(name, "dev" if release == "new" else "qa")
    driver = Driver(beside.platforms, given, name, run_id)
    drive(lambda: previews.provision_preview(beside.platforms, given, name, ttl, driver.run))
    return driver.promote(release)


def take_away(beside: Installation, name: str, run_id: str = "remove") -> Done:
    return drive(lambda: previews.remove_preview(beside.platforms, f"{TENANT}-{name}", run(run_id)))


def everything(installation: Installation) -> dict[str, set[str]]:
    """All that an account's owner could find, each by what tells it from a namesake."""

    def all_of(service: str, operation: str, key: str, name: str | None, **given: Any) -> set[Any]:
        pages = installation.client(service).get_paginator(operation).paginate(**given)
        found = [each for page in pages for each in page[key]]
        return {each[name] if name else each for each in found}

    ecs = installation.client("ecs")
    clusters = sorted(installation.platforms.platforms)
    listeners = [
        listener
        for balancer in all_of("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn")
        for listener in all_of("elbv2", "describe_listeners", "Listeners", "ListenerArn", LoadBalancerArn=balancer)
    ]
    stacks = installation.client("cloudformation").describe_stacks()["Stacks"]
    return {
        "stacks": {each["StackId"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"},
        "instances": all_of("rds", "describe_db_instances", "DBInstances", "DbiResourceId"),
        "snapshots": all_of("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
        "secrets": all_of("secretsmanager", "list_secrets", "SecretList", "ARN"),
        "parameters": all_of("ssm", "describe_parameters", "Parameters", "Name"),
        "log groups": all_of("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "target groups": all_of("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
        "rules": {
            rule
            for listener in listeners
            for rule in all_of("elbv2", "describe_rules", "Rules", "RuleArn", ListenerArn=listener)
        },
        "security groups": all_of("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
        "roles": all_of("iam", "list_roles", "Roles", "Arn"),
        "services": {arn for each in clusters for arn in ecs.list_services(cluster=each)["serviceArns"]},
        "tasks": {arn for each in clusters for arn in ecs.list_tasks(cluster=each)["taskArns"]},
        "locks": {
            each["namespace"]["S"]
            for cluster in clusters
            for each in installation.client("dynamodb").scan(TableName=f"{cluster}-locks")["Items"]
            if each.get("phase", {}).get("S", "free") != "free" or "/" in each["namespace"]["S"]
        },
        "revisions": all_of("ecs", "list_task_definitions", "taskDefinitionArns", None, status="ACTIVE"),
    }


def test_a_preview_comes_up_beside_its_environment_which_notices_nothing(beside: Installation) -> None:
    qa = beside.standing("qa")
    bring_up(beside, "pr42", "first")
    found = beside.standing("pr42")
    assert qa.pointer.active is not None
    assert qa.pointer.active.database is not None
    assert found.pointer.active is not None
    assert (found.pointer.active.release, found.pointer.active.build) == (
        qa.pointer.active.release,
        qa.pointer.active.build,
    )
    assert found.answer is not None
    assert f"{TENANT}-pr42.localhost" in found.answer
    assert beside.sql("pr42", "SELECT name FROM place") == [("pr42",)]
    assert not set(found.databases) & set(qa.databases)
    assert not set(found.secrets) & set(qa.secrets)
    with pytest.raises(pymysql.err.OperationalError):
        beside.sql("pr42", "SELECT 1", secret=qa.pointer.active.database.secret)
    assert beside.standing("qa") == qa


def spare_snapshot(beside: Installation) -> str:
    """A release's snapshot that nothing refers to."""
    dev, release = naming.Namespace.parse(f"{TENANT}-dev"), naming.Release("20200101t000000z")
    rds, name = beside.client("rds"), dev.snapshot(release)
    tags = naming.tags("acme", dev, release=release, run="0a1b2c3d")
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=dev.database(None), Tags=listed)
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return name


def test_s38_a_reap_leaves_previews_alone_and_takes_no_snapshot_while_one_is_made(
    beside: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = {"grace": "1h", "snapshots": 1, "snapshots_for": "0s", "snapshots_min": 0}
    fleet = Fleet(platforms=beside.platforms, tenants={TENANT: tenant(retention=retention)})
    snapshot = spare_snapshot(beside)
    surveys, verdicts = reap.find(fleet)
    reap.mark(fleet, surveys, verdicts)
    _, verdicts = reap.find(fleet, lambda: utc_now() + 2 * HOUR)
    ours = naming.Namespace.parse(f"{TENANT}-pr42")
    assert {each.action for each in verdicts if each.thing.namespace == ours} == {Action.KEEP}
    [found] = [each for each in verdicts if each.thing.name == snapshot]
    assert found.action is Action.REMOVE
    driver = Driver(beside.platforms, SETTINGS.with_preview("pr42", "dev"), "pr42", "beside a reap")
    driver.lock(driver.plan("new"))

    def advance() -> Wait | Done:
        return reap.advance(fleet, reap.Departure.of(found), run("reap"), now=lambda: utc_now() + 2 * HOUR)

    held = advance()
    assert isinstance(held, Done)
    assert f"{ours} is locked by run" in held.skipped
    with pytest.raises(Aborted):
        driver.finish()
    # Its lock is held while the snapshot goes, also of a preview that is so new that the tagging API does not list it.
    remove, phases = reap._remove, []

    def watched(*given: Any) -> Wait | None:
        phases.append(beside.lock_phase("pr42"))
        return remove(*given)

    monkeypatch.setattr(TagHook, "parameters", lambda *_: [])
    monkeypatch.setattr(reap, "_remove", watched)
    assert drive(advance).result["removed"] == f"snapshot {snapshot}"
    assert phases == ["reaping"]


def test_s13_a_preview_is_taken_away_with_all_that_it_has_and_its_namesake_stays(beside: Installation) -> None:
    before, pr42 = everything(beside), beside.standing("pr42")
    bring_up(beside, "pr4", "namesake")
    assert everything(beside) != before
    take_away(beside, "pr4")
    assert everything(beside) == before
    assert beside.standing("pr42") == pr42
    assert take_away(beside, "pr4", "again").skipped == f"there is no preview {TENANT}-pr4"


def test_more_than_the_file_allows_are_refused_before_anything_is_made(beside: Installation) -> None:
    name = naming.Namespace.parse(f"{TENANT}-pr7")
    tags = naming.preview_tags("acme", name, "platform-nonprod", utc_now() + HOUR)
    ssm = beside.client("ssm")
    ssm.put_parameter(
        Name=name.pointer, Value="{}", Type="String", Tags=[{"Key": key, "Value": each} for key, each in tags.items()]
    )
    try:
        before = everything(beside)
        with pytest.raises(InvalidPreview, match=rf"2 previews of {TENANT} stand.*{TENANT}-pr42, {TENANT}-pr7"):
            bring_up(beside, "pr4", "too many")
        assert everything(beside) == before
    finally:
        ssm.delete_parameter(Name=name.pointer)


def test_a_second_run_promotes_into_it_and_gives_it_more_time(beside: Installation) -> None:
    (first,) = previews.find_previews(beside.platforms)
    bring_up(beside, "pr42", "second", release="new", ttl=5 * HOUR)
    (second,) = previews.find_previews(beside.platforms)
    assert second.namespace == first.namespace == f"{TENANT}-pr42"
    assert first.expires is not None
    assert second.expires is not None
    assert second.expires - first.expires > 3 * HOUR
    assert len(beside.instances("pr42")) == 1


def expire(beside: Installation, run_id: str, later: timedelta) -> list[Done]:
    leads = previews.find_expired(beside.platforms, lambda: utc_now() + later)
    return [
        drive(lambda lead=lead: previews.remove_expired(beside.platforms, lead, run(run_id)))  # type: ignore[misc]
        for lead in leads
    ]


def test_a_preview_whose_time_is_not_up_or_that_was_prolonged_stays(beside: Installation) -> None:
    before = everything(beside)
    assert expire(beside, "expire-1", timedelta(0)) == []
    # As if it had been found, and prolonged before its lock was taken.
    (prolonged,) = expire(beside, "expire-2", timedelta(hours=6))
    assert prolonged.skipped.startswith(f"{TENANT}-pr42 was prolonged until ")
    assert everything(beside) == before


def test_s16_a_preview_that_a_run_is_at_work_on_is_left_for_the_next_time(beside: Installation) -> None:
    driver = Driver(beside.platforms, SETTINGS.with_preview("pr42", "dev"), "pr42", "at work")
    driver.lock(driver.plan("new"))
    try:
        (skipped,) = expire(beside, "expire-3", timedelta(hours=6))
        assert "is locked by run" in skipped.skipped
        with pytest.raises(LockHeld):
            take_away(beside, "pr42", "impatient")
    finally:
        with pytest.raises(Aborted):
            driver.finish()


def forget(beside: Installation, name: str, *tags: str) -> None:
    """Take tags off a preview's pointer, as a person does by mistake."""
    pointer = naming.Namespace.parse(f"{TENANT}-{name}").pointer
    beside.client("ssm").remove_tags_from_resource(ResourceType="Parameter", ResourceId=pointer, TagKeys=list(tags))


def test_s42_a_preview_that_lost_its_tags_is_told_and_can_be_removed(beside: Installation) -> None:
    before = everything(beside)
    driver = Driver(beside.platforms, SETTINGS.with_preview("pr5", "qa"), "pr5", "lost")
    given = (beside.platforms, driver.tenant, "pr5", HOUR, driver.run)
    drive(lambda: previews.provision_preview(*given))
    forget(beside, "pr5", naming.PLATFORM_TAG, naming.EXPIRES_TAG)
    for find in (
        lambda: take_away(beside, "pr5", "lost"),
        lambda: offboard.find_targets(beside.platforms, SETTINGS, "all"),
    ):
        with pytest.raises(StepFailed, match=rf"{TENANT}/pr5/pointer is there, .*Key=snaplift:platform"):
            find()
    add = [{"Key": naming.PLATFORM_TAG, "Value": "platform-nonprod"}]
    pointer = naming.Namespace.parse(f"{TENANT}-pr5").pointer
    beside.client("ssm").add_tags_to_resource(ResourceType="Parameter", ResourceId=pointer, Tags=add)
    assert expire(beside, "expire-lost", timedelta(days=400)) != []  # pr42's time is up by then, and this one stays
    assert f"{TENANT}-pr5" in [each.namespace for each in offboard.find_targets(beside.platforms, SETTINGS, "all")]
    take_away(beside, "pr5", "found")
    assert everything(beside) == before


def past(beside: Installation, name: str) -> None:
    """Let a preview's time be up."""
    namespace = naming.Namespace.parse(f"{TENANT}-{name}")
    tags = naming.preview_tags("acme", namespace, "platform-nonprod", utc_now() - HOUR)
    beside.client("ssm").add_tags_to_resource(
        ResourceType="Parameter",
        ResourceId=namespace.pointer,
        Tags=[{"Key": key, "Value": each} for key, each in tags.items()],
    )


def test_s18_what_a_removal_left_that_died_is_taken_away_by_the_next(beside: Installation) -> None:
    """Whenever it dies: each further step is done by another run, whose lock is lost after it."""
    past(beside, "pr42")
    for number in range(40):
        name = f"died-{number}"
        (lead,) = previews.find_expired(beside.platforms)
        outcome = previews.remove_expired(beside.platforms, lead, run(name))
        if isinstance(outcome, Done):
            break
        dismantle.give_back(beside.platforms, lead.namespace, run(name))
        steps: Iterator[Wait | Done] = iter([outcome, Done()])
        drive(steps.__next__)
    assert previews.find_expired(beside.platforms) == []
    assert {key: {each for each in found if "pr42" in each} for key, found in everything(beside).items()} == {
        key: set() for key in everything(beside)
    }


def test_s24_data_of_a_higher_class_are_refused_to_a_preview(beside: Installation) -> None:
    environments = {**SETTINGS.environments}
    environments["dev"] = environments["dev"].model_copy(update={"data_class": "personal"})
    of_people = SETTINGS.model_copy(update={"environments": environments})
    lower = of_people.model_copy(update={"previews": Previews(like="qa", data_class="internal")})
    given = lower.with_preview("pr4", "qa")
    driver = Driver(beside.platforms, given, "pr4", "personal")
    drive(lambda: previews.provision_preview(beside.platforms, given, "pr4", HOUR, driver.run))
    with pytest.raises(ValueError, match="they go there only masked, which a promotion does not do"):
        driver.plan("tested")
    take_away(beside, "pr4", "personal")


def test_s24_a_release_goes_nowhere_that_its_tag_forbids_though_the_file_was_lowered(beside: Installation) -> None:
    environments = {**SETTINGS.environments}
    environments["dev"] = environments["dev"].model_copy(update={"data_class": "personal"})
    of_people = SETTINGS.model_copy(update={"environments": environments})
    driver = Driver(beside.platforms, of_people, "qa", "of people")
    driver.promote("new")
    active = beside.pointer("qa")[0].active
    assert active is not None
    [found] = beside.client("rds").describe_db_snapshots(DBSnapshotIdentifier=active.snapshot)["DBSnapshots"]
    assert {"Key": "snaplift:data-class", "Value": "personal"} in found["TagList"]
    given = SETTINGS.with_preview("pr4", "qa")
    lowered = Driver(beside.platforms, given, "pr4", "lowered")
    drive(lambda: previews.provision_preview(beside.platforms, given, "pr4", HOUR, lowered.run))
    try:
        with pytest.raises(ValueError, match=r"were personal when it was taken .* are internal now by the tenant's"):
            lowered.plan("tested")
    finally:
        take_away(beside, "pr4", "lowered")
        Driver(beside.platforms, SETTINGS, "qa", "internal again").promote("new")


def test_s11_offboarding_takes_all_away_and_keeps_a_final_snapshot_of_each_database(beside: Installation) -> None:
    other = SETTINGS.model_copy(update={"tenant": "zz-0996"})
    before = everything(beside)
    for environment in ("dev", "qa"):
        drive(lambda name=environment: provision_namespace(beside.platforms, other, name, run("zz")))  # type: ignore[misc]
    Driver(beside.platforms, other, "dev", "zz-dev").promote("origin", steps=PROVISION)
    Driver(beside.platforms, other, "qa", "zz-qa").promote("new")
    targets = offboard.find_targets(beside.platforms, other, "all")
    assert [each.namespace for each in targets] == ["zz-0996-qa", "zz-0996-dev"]
    with pytest.raises(OffboardingRefused, match="zz-0996-dev is what qa is promoted from, which stands"):
        offboard.find_targets(beside.platforms, other, "dev")
    assert "zz-0996-qa-db-" in offboard.describe(beside.platforms, targets)
    done = drive(lambda: offboard.advance(beside.platforms, targets, run("zz-off")))
    kept = set(done.result["kept"])
    assert {name.partition("-final-")[0] for name in kept} == {"zz-0996-dev", "zz-0996-qa"}
    after = everything(beside)
    new = after["snapshots"] - before["snapshots"]
    assert kept <= new
    assert {name for name in new - kept if "-snapshot-" not in name} == set()
    assert {**after, "snapshots": set()} == {**before, "snapshots": set()}
    with pytest.raises(OffboardingRefused, match=r"nothing of zz-0996 \(all\) stands"):
        offboard.find_targets(beside.platforms, other, "all")
    for each in targets:
        assert find_lock(beside.platforms, each.namespace, run("zz-off")) is None
