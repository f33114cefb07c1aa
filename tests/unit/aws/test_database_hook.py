"""Instances and snapshots: what is taken, adopted and removed, and what is left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from snaplift.aws.errors import StepFailed
from snaplift.aws.hooks.rds import DatabaseHook, FoundSnapshot
from snaplift.promotion.wait import Wait
from tests.unit.aws.conftest import Stubbed

NAME, FINAL = "xy-0146-qa-db-20261123t020000z", "xy-0146-qa-final-20261123t020000z-0a1b2c3d"
SNAPSHOT = "xy-0146-dev-snapshot-20261123t020000z"
TAGS = {
    "snaplift:installation": "acme",
    "snaplift:namespace": "xy-0146-dev",
    "snaplift:release": "20261123t020000z",
    "snaplift:run": "0a1b2c3d",
}
HOUR = timedelta(hours=1)
Hook = tuple[DatabaseHook, Stubber]


@pytest.fixture
def hook(stubbed: Stubbed) -> Hook:
    made, script = stubbed(DatabaseHook, "rds")
    return made, script


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def finds(script: Stubber, status: str = "available", name: str = NAME, resource: str = "db-OURS", **more: Any) -> None:
    found = {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": f"arn:aws:rds:eu-central-1:123456789012:db:{name}",
        "DbiResourceId": resource,
        "DBInstanceStatus": status,
        "Engine": "mariadb",
        "EngineVersion": "10.11.6",
        "DeletionProtection": False,
        **more,
    }
    script.add_response("describe_db_instances", {"DBInstances": [found]}, {"DBInstanceIdentifier": name})


def finds_no_instance(script: Stubber) -> None:
    script.add_client_error("describe_db_instances", "DBInstanceNotFound")


def finds_snapshot(
    script: Stubber, name: str, status: str = "available", tags: dict[str, str] = TAGS, **more: Any
) -> None:
    found = {
        "DBSnapshotIdentifier": name,
        "DbiResourceId": "db-OURS",
        "Status": status,
        "Engine": "mariadb",
        "EngineVersion": "10.11.6",
        "TagList": tag_list(tags),
        **more,
    }
    script.add_response("describe_db_snapshots", {"DBSnapshots": [found]}, {"DBSnapshotIdentifier": name})


def finds_no_snapshot(script: Stubber) -> None:
    script.add_client_error("describe_db_snapshots", "DBSnapshotNotFound")


def remove(databases: DatabaseHook, final: str | None = None) -> Wait | None:
    return databases.remove(NAME, resource_id="db-OURS", final_snapshot=final, timeout=HOUR)


def is_for_its_going(wait: Wait | None) -> bool:
    return wait is not None and (wait.identity, wait.done, wait.absent) == ("db-OURS", (), "done")


# -- removal ---------------------------------------------------------------------------------------------------


def test_an_instance_that_is_gone_needs_no_removal(hook: Hook) -> None:
    databases, script = hook
    finds_no_instance(script)
    assert remove(databases) is None


@pytest.mark.parametrize("status", ["available", "storage-optimization"])
def test_an_instance_is_deleted_without_a_snapshot_where_none_is_wanted(hook: Hook, status: str) -> None:
    databases, script = hook
    finds(script, status)
    script.add_response("delete_db_instance", {}, {"DBInstanceIdentifier": NAME, "SkipFinalSnapshot": True})
    assert is_for_its_going(remove(databases))


@pytest.mark.parametrize("status", ["available", "stopped", "storage-full", "incompatible-parameters"])
def test_s11_an_instance_goes_with_its_final_snapshot_where_one_is_wanted(hook: Hook, status: str) -> None:
    databases, script = hook
    finds(script, status)
    finds_no_snapshot(script)
    asked = {"DBInstanceIdentifier": NAME, "FinalDBSnapshotIdentifier": FINAL}
    script.add_response("delete_db_instance", {}, asked)
    assert is_for_its_going(remove(databases, FINAL))


@pytest.mark.parametrize("mask", ["due", "0a1b2c3d/0-begun", "0a1b2c3d/1-done"])
def test_s24_of_an_instance_that_is_not_masked_yet_no_snapshot_is_kept_whoever_wants_one(hook: Hook, mask: str) -> None:
    databases, script = hook
    finds(script, TagList=tag_list({"snaplift:mask": mask}))
    script.add_response("delete_db_instance", {}, {"DBInstanceIdentifier": NAME, "SkipFinalSnapshot": True})
    assert is_for_its_going(remove(databases, FINAL))


def test_s24_once_it_is_masked_it_is_kept_as_any_other(hook: Hook) -> None:
    databases, script = hook
    finds(script, TagList=tag_list({"snaplift:mask": "0a1b2c3d/masked"}))
    finds_no_snapshot(script)
    asked = {"DBInstanceIdentifier": NAME, "FinalDBSnapshotIdentifier": FINAL}
    script.add_response("delete_db_instance", {}, asked)
    assert is_for_its_going(remove(databases, FINAL))


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("status", ["failed", "incompatible-restore", "incompatible-network"])
def test_s11_an_instance_that_cannot_be_snapshot_stays_where_one_is_wanted(
    hook: Hook, status: str, *, protected: bool
) -> None:
    """With its protection, if it has it: no modification is asked for."""
    databases, script = hook
    finds(script, status, DeletionProtection=protected)
    finds_no_snapshot(script)
    with pytest.raises(StepFailed, match=f"is {status}: no final snapshot"):
        remove(databases, FINAL)


@pytest.mark.parametrize("status", ["failed", "incompatible-restore", "incompatible-network", "stopped"])
def test_a_broken_candidate_is_deleted(hook: Hook, status: str) -> None:
    databases, script = hook
    finds(script, status)
    script.add_response("delete_db_instance", {}, {"DBInstanceIdentifier": NAME, "SkipFinalSnapshot": True})
    assert is_for_its_going(remove(databases))


def test_s40_a_final_snapshot_that_stands_is_not_taken_again(hook: Hook) -> None:
    databases, script = hook
    finds(script)
    finds_snapshot(script, FINAL)
    script.add_response("delete_db_instance", {}, {"DBInstanceIdentifier": NAME, "SkipFinalSnapshot": True})
    assert is_for_its_going(remove(databases, FINAL))


@pytest.mark.parametrize("change", [{"DbiResourceId": "db-FIRST"}, {"Status": "failed"}, {"Status": "creating"}])
def test_s45_the_final_snapshot_of_another_incarnation_is_not_taken_for_this_ones(
    hook: Hook, change: dict[str, Any]
) -> None:
    databases, script = hook
    finds(script)
    finds_snapshot(script, FINAL, **change)
    with pytest.raises(StepFailed, match=f"snapshot {FINAL} is of .* left alone"):
        remove(databases, FINAL)


def test_s54_another_incarnation_of_the_name_is_left_alone(hook: Hook) -> None:
    databases, script = hook
    finds(script, resource="db-LATER")
    with pytest.raises(StepFailed, match="is db-LATER, not db-OURS: it is left alone"):
        remove(databases)


def test_an_instance_that_is_going_is_waited_for(hook: Hook) -> None:
    databases, script = hook
    finds(script, "deleting")
    assert is_for_its_going(remove(databases, FINAL))


@pytest.mark.parametrize("status", ["creating", "backing-up", "modifying", "rebooting"])
def test_s20_a_state_that_refuses_a_deletion_is_waited_out(hook: Hook, status: str) -> None:
    databases, script = hook
    finds(script, status)
    wait = remove(databases)
    assert wait is not None
    assert "available" in wait.done
    assert "failed" in wait.failed


def test_protection_is_lifted_before_the_deletion(hook: Hook) -> None:
    databases, script = hook
    finds(script, DeletionProtection=True)
    asked = {"DBInstanceIdentifier": NAME, "DeletionProtection": False, "ApplyImmediately": True}
    script.add_response("modify_db_instance", {}, asked)
    wait = remove(databases)
    assert wait is not None
    assert "available" in wait.done


def test_s11_the_final_snapshot_is_looked_for_before_protection_is_lifted(hook: Hook) -> None:
    databases, script = hook
    finds(script, DeletionProtection=True)
    finds_no_snapshot(script)
    asked = {"DBInstanceIdentifier": NAME, "DeletionProtection": False, "ApplyImmediately": True}
    script.add_response("modify_db_instance", {}, asked)
    wait = remove(databases, FINAL)
    assert wait is not None
    assert "available" in wait.done


def test_s14_an_error_is_no_absence(hook: Hook) -> None:
    databases, script = hook
    script.add_client_error("describe_db_instances", "AccessDenied")
    with pytest.raises(databases.client.exceptions.ClientError):
        remove(databases)


# -- snapshots -------------------------------------------------------------------------------------------------


def ensure(databases: DatabaseHook) -> FoundSnapshot | Wait:
    return databases.ensure_snapshot(
        SNAPSHOT, instance="xy-0146-dev-db", resource_id="db-OURS", tags=TAGS, timeout=HOUR
    )


def test_a_snapshot_is_taken_with_the_runs_tags(hook: Hook) -> None:
    databases, script = hook
    finds_no_snapshot(script)
    finds(script, name="xy-0146-dev-db")
    asked = {"DBSnapshotIdentifier": SNAPSHOT, "DBInstanceIdentifier": "xy-0146-dev-db", "Tags": tag_list(TAGS)}
    script.add_response("create_db_snapshot", {}, asked)
    wait = ensure(databases)
    assert isinstance(wait, Wait)
    assert (wait.kind, wait.done, wait.failed) == ("db_snapshot", ("available",), ("failed",))


def test_s40_a_snapshot_of_this_run_is_adopted_or_waited_for(hook: Hook) -> None:
    databases, script = hook
    finds_snapshot(script, SNAPSHOT)
    assert isinstance(ensure(databases), FoundSnapshot)
    finds_snapshot(script, SNAPSHOT, "creating")
    assert isinstance(ensure(databases), Wait)


def test_s40_a_snapshot_whose_beginning_was_answered_to_nobody_is_this_runs(hook: Hook) -> None:
    databases, script = hook
    finds_no_snapshot(script)
    finds(script, name="xy-0146-dev-db")
    script.add_client_error("create_db_snapshot", "DBSnapshotAlreadyExists", http_status_code=400)
    finds_snapshot(script, SNAPSHOT, "creating")
    assert isinstance(ensure(databases), Wait)


def test_s33_a_release_that_another_run_began_in_the_same_second_is_this_runs_too(hook: Hook) -> None:
    databases, script = hook
    finds_no_snapshot(script)
    finds(script, name="xy-0146-dev-db")
    script.add_client_error("create_db_snapshot", "DBSnapshotAlreadyExists", http_status_code=400)
    finds_snapshot(script, SNAPSHOT, "creating", tags={**TAGS, "snaplift:run": "ffffffff"})
    assert isinstance(ensure(databases), Wait)
    finds_snapshot(script, SNAPSHOT, tags={**TAGS, "snaplift:run": "ffffffff"})
    assert isinstance(ensure(databases), FoundSnapshot)


@pytest.mark.parametrize("run", ["0a1b2c3d", "ffffffff"])
def test_s54_a_snapshot_of_another_incarnation_of_the_source_is_not_the_release(hook: Hook, run: str) -> None:
    databases, script = hook
    finds_snapshot(script, SNAPSHOT, tags={**TAGS, "snaplift:run": run}, DbiResourceId="db-EARLIER")
    with pytest.raises(StepFailed, match=r"is not release 20261123t020000z of xy-0146-dev-db .*left alone"):
        ensure(databases)


@pytest.mark.parametrize("other", ["installation", "namespace", "release"])
def test_s45_a_snapshot_that_is_not_this_release_is_left_alone(hook: Hook, other: str) -> None:
    databases, script = hook
    finds_snapshot(script, SNAPSHOT, tags={**TAGS, f"snaplift:{other}": "other"})
    with pytest.raises(StepFailed, match=r"is not release 20261123t020000z of xy-0146-dev-db .*left alone"):
        ensure(databases)


def test_s45_a_snapshot_without_tags_is_left_alone(hook: Hook) -> None:
    databases, script = hook
    finds_snapshot(script, SNAPSHOT, tags={})
    with pytest.raises(StepFailed, match="left alone"):
        ensure(databases)


def test_a_snapshot_that_failed_is_an_error(hook: Hook) -> None:
    databases, script = hook
    finds_snapshot(script, SNAPSHOT, "failed")
    with pytest.raises(StepFailed, match="look at the events of instance xy-0146-dev-db"):
        ensure(databases)


@pytest.mark.parametrize("status", ["backing-up", "modifying"])
def test_s20_an_instance_that_cannot_be_snapshot_yet_is_waited_for(hook: Hook, status: str) -> None:
    databases, script = hook
    finds_no_snapshot(script)
    finds(script, status, name="xy-0146-dev-db")
    wait = ensure(databases)
    assert isinstance(wait, Wait)
    assert (wait.kind, wait.identity) == ("db_instance", "db-OURS")


def test_s54_a_namesake_of_the_planned_instance_is_not_snapshot(hook: Hook) -> None:
    databases, script = hook
    finds_no_snapshot(script)
    finds(script, name="xy-0146-dev-db", resource="db-LATER")
    with pytest.raises(StepFailed, match="is not the one that was planned with"):
        ensure(databases)


def test_releases_are_ours_by_their_tags_and_names(hook: Hook) -> None:
    databases, script = hook
    told = [
        (SNAPSHOT, TAGS),
        ("xy-0146-dev-snapshot-20261120t020000z", TAGS),
        ("xy-0146-dev-snapshot-20261121t020000z", {}),
        ("xy-0146-dev-final-20261121t020000z-0a1b2c3d", TAGS),
        ("by-hand", TAGS),
    ]
    snapshots = [
        {"DBSnapshotIdentifier": name, "Status": "available", "TagList": tag_list(tags)} for name, tags in told
    ]
    snapshots.append({"DBSnapshotIdentifier": f"{SNAPSHOT[:-2]}9z", "Status": "creating", "TagList": tag_list(TAGS)})
    asked = {"DBInstanceIdentifier": "xy-0146-dev-db", "SnapshotType": "manual"}
    script.add_response("describe_db_snapshots", {"DBSnapshots": snapshots}, asked)
    assert [str(each) for each in databases.releases("xy-0146-dev-db", "acme")] == [
        "20261120t020000z",
        "20261123t020000z",
    ]


def test_protection_that_is_as_wanted_is_not_set_again(hook: Hook) -> None:
    databases, script = hook
    finds(script, DeletionProtection=True)
    found = databases.instance(NAME)
    assert found is not None
    databases.set_protection(found, on=True)


def test_backups_begin_once_and_the_instance_is_waited_for(hook: Hook) -> None:
    databases, script = hook
    for status, days in (("available", 0), ("modifying", 0), ("available", 7)):
        finds(script, status, BackupRetentionPeriod=days)
        found = databases.instance(NAME)
        assert found is not None
        if (status, days) == ("available", 0):
            asked = {"DBInstanceIdentifier": NAME, "BackupRetentionPeriod": 7, "ApplyImmediately": True}
            script.add_response("modify_db_instance", {}, asked)
        assert (databases.ensure_backups(found, 7, HOUR) is None) == (days == 7)
