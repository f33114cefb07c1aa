"""What the demo finds untrue: each thing that can be wrong, one at a time, in a world that is otherwise in order."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

import pytest
from local.demo.installation import Installation
from local.demo.truths import truths

from snaplift.naming import Namespace
from snaplift.promotion.pointer import DatabaseReference, FinalSnapshot, Pointer, Revision

QA = Namespace.parse("xy-0146-qa")
DATABASE = "xy-0146-qa-db-20261123t020000z"
TASKS = "arn:aws:ecs:eu-central-1:000000000000:task-definition/xy-0146-qa:3"
SECRET = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:snaplift/xy-0146/qa/20261123t020000z/0a1b2c3d-AbCdEf"
MASTER = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds!db-1-AbCdEf"
REVISION = Revision(
    release="20261123t020000z",
    build={"web": "sha256:" + 64 * "0"},
    database=DatabaseReference(name=DATABASE, resource_id="db-ABC", secret=SECRET),
    snapshot="xy-0146-dev-snapshot-20261123t020000z",
    task_definition=TASKS,
    run="0a1b2c3d",
)


class World:
    """What the fake AWS answers, by operation."""

    def __init__(self) -> None:
        self.pointer = Pointer(active=REVISION)
        self.answers: dict[str, dict[str, list[dict[str, Any]]]] = {
            "describe_db_instances": {
                "DBInstances": [
                    {
                        "DBInstanceIdentifier": DATABASE,
                        "DbiResourceId": "db-ABC",
                        "DBInstanceStatus": "backing-up",
                        "DeletionProtection": True,
                        "MasterUserSecret": {"SecretArn": MASTER},
                    }
                ]
            },
            "describe_db_snapshots": {
                "DBSnapshots": [
                    {"DBSnapshotIdentifier": "xy-0146-dev-snapshot-20261123t020000z"},
                    {"DBSnapshotIdentifier": "xy-0146-qa-final-20261122t020000z-99999999"},
                ]
            },
            "describe_stacks": {
                "Stacks": [
                    {"StackName": name, "StackStatus": "CREATE_COMPLETE"}
                    for name in ("platform-nonprod", QA.stack, QA.service_stack, DATABASE)
                ]
            },
            "list_secrets": {
                "SecretList": [
                    {"ARN": SECRET, "Name": "snaplift/xy-0146/qa/20261123t020000z/0a1b2c3d"},
                    {"ARN": MASTER, "Name": "rds!db-1"},
                    {"ARN": "arn:salt", "Name": f"{QA.environment_secrets}SITE_SALT"},
                ]
            },
            "describe_parameters": {"Parameters": [{"Name": QA.pointer}]},
            "list_tasks": {"taskArns": []},
            "scan": {
                "Items": [
                    {"namespace": {"S": str(QA)}, "phase": {"S": "free"}},
                    {"namespace": {"S": QA.fingerprint("db-ABC")}, "fingerprint": {"B": b""}},
                ]
            },
        }
        self.service = {
            "status": "ACTIVE",
            "deployments": [{"status": "PRIMARY", "taskDefinition": TASKS}],
            "runningCount": 2,
            "desiredCount": 2,
        }

    def __getitem__(self, operation: str) -> list[dict[str, Any]]:
        [answer] = self.answers[operation].values()
        return answer


class FakeClient:
    def __init__(self, world: World) -> None:
        self._world = world

    def get_paginator(self, operation: str) -> FakePaginator:
        if operation == "list_clusters":
            return FakePaginator(self.list_clusters())
        return FakePaginator(self._world.answers[operation])

    def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803  (boto3's)
        assert Name == QA.pointer
        return {"Parameter": {"Value": self._world.pointer.format()}}

    def list_clusters(self) -> dict[str, Any]:
        return {"clusterArns": ["arn:cluster"]}

    def describe_services(self, **_: object) -> dict[str, Any]:
        return {"services": [self._world.service]}

    def describe_tasks(self, tasks: list[str], **_: object) -> dict[str, Any]:
        common = {"group": "family:xy-0146-qa", "lastStatus": "RUNNING", "startedBy": "0a1b2c3d-1-smoke"}
        return {"tasks": [{"taskArn": arn, **common} for arn in tasks]}

    def scan(self, **_: object) -> dict[str, Any]:
        return self._world.answers["scan"]


class FakePaginator:
    def __init__(self, page: dict[str, Any]) -> None:
        self._page = page

    def paginate(self, **_: object) -> Iterator[dict[str, Any]]:
        yield deepcopy(self._page)


class FakeInstallation:
    platforms = ("platform-nonprod",)

    def __init__(self, world: World) -> None:
        self._client = FakeClient(world)

    def client(self, service: str) -> FakeClient:
        return self._client

    def site(self, namespace: str) -> str:
        return f"http://{namespace}.localhost:8088"


@pytest.fixture
def world() -> World:
    return World()


def untrue(world: World) -> dict[str, str]:
    installation = cast("Installation", FakeInstallation(world))
    return {one.words: one.found[0] for one in truths(installation, [QA]) if not one.holds}


def test_a_world_in_order_is_true(world: World) -> None:
    assert untrue(world) == {}


def test_a_service_that_runs_another_revision(world: World) -> None:
    world.service["deployments"] = [{"status": "PRIMARY", "taskDefinition": "another"}]
    assert untrue(world) == {"xy-0146-qa: its pointer says what runs": "the service runs ['another']"}


def test_a_service_without_a_task(world: World) -> None:
    world.service |= {"runningCount": 0, "desiredCount": 0}
    assert untrue(world) == {"xy-0146-qa: its pointer says what runs": "0 of 0 tasks run"}


def test_another_incarnation_of_the_database(world: World) -> None:
    world["describe_db_instances"][0]["DbiResourceId"] = "db-XYZ"
    assert "another incarnation" in untrue(world)["xy-0146-qa: its pointer says what runs"]


def test_a_database_that_does_not_serve(world: World) -> None:
    world["describe_db_instances"][0]["DBInstanceStatus"] = "stopped"
    assert "is stopped" in untrue(world)["xy-0146-qa: its pointer says what runs"]


def test_a_candidate_that_was_left(world: World) -> None:
    world.pointer = world.pointer.with_candidate(REVISION.model_copy(update={"run": "11111111"}))
    assert "a candidate is left" in untrue(world)["xy-0146-qa: its pointer says what runs"]


def test_a_service_that_no_pointer_knows(world: World) -> None:
    world.pointer = Pointer()
    assert untrue(world)["xy-0146-qa: its pointer says what runs"] == "nothing is active, and a service runs"


def test_before_the_first_promotion_nothing_stands_and_that_is_true(world: World) -> None:
    world.pointer = Pointer()
    world.service["status"] = "INACTIVE"
    world["describe_db_instances"].clear()
    del world["describe_stacks"][2:]
    del world["list_secrets"][:2]
    del world["scan"][1]
    assert untrue(world) == {}


def test_a_pointer_to_a_service_that_is_gone(world: World) -> None:
    world.service["status"] = "INACTIVE"
    assert untrue(world) == {"xy-0146-qa: its pointer says what runs": "there is no service xy-0146-qa"}


def test_a_second_database_that_nothing_refers_to(world: World) -> None:
    second = "xy-0146-qa-db-20261122t020000z"
    world["describe_db_instances"].append({**world["describe_db_instances"][0], "DBInstanceIdentifier": second})
    world["describe_stacks"].append({"StackName": second, "StackStatus": "CREATE_COMPLETE"})
    assert untrue(world) == {
        "xy-0146-qa: exactly one database stack": f"2: {[second, DATABASE]}",
        "no database without a pointer to it": second,
    }


def test_a_stack_whose_database_is_gone(world: World) -> None:
    world["describe_stacks"].append({"StackName": "xy-0146-prod-db-20261122t020000z", "StackStatus": "DELETE_FAILED"})
    assert untrue(world) == {"no database stack without its database": "xy-0146-prod-db-20261122t020000z"}


def test_a_stack_that_was_deleted_is_no_stack(world: World) -> None:
    world["describe_stacks"].append({"StackName": "xy-0146-qa-db-20261122t020000z", "StackStatus": "DELETE_COMPLETE"})
    assert untrue(world) == {}


def test_a_stack_that_nothing_accounts_for(world: World) -> None:
    world["describe_stacks"].append({"StackName": "xy-0146-old", "StackStatus": "CREATE_COMPLETE"})
    assert untrue(world) == {"no stack but the platforms' and the namespaces' own": "xy-0146-old"}


def test_a_parameter_that_is_no_pointer(world: World) -> None:
    world["describe_parameters"].append({"Name": "/snaplift/xy-0146/old/pointer"})
    assert untrue(world) == {"no parameter but the pointers": "/snaplift/xy-0146/old/pointer"}


def test_a_task_that_was_left_running(world: World) -> None:
    world.answers["list_tasks"] = cast("Any", {"taskArns": ["arn:task"]})
    assert untrue(world) == {"no task but the services' own": "arn:task (0a1b2c3d-1-smoke)"}


def test_a_snapshot_that_is_nobodys(world: World) -> None:
    world["describe_db_snapshots"].append({"DBSnapshotIdentifier": "by-hand"})
    assert untrue(world) == {"no snapshot that is no release's and no final one": "by-hand"}


def test_a_secret_of_a_database_that_is_gone(world: World) -> None:
    world["list_secrets"].append({"ARN": "arn:old", "Name": "snaplift/xy-0146/qa/20261122t020000z/99999999"})
    assert untrue(world) == {
        "no secret without a database or an environment": "snaplift/xy-0146/qa/20261122t020000z/99999999"
    }


def test_a_lock_that_is_held(world: World) -> None:
    world["scan"][0]["phase"]["S"] = "promoting"
    assert untrue(world) == {"no lock is held": "platform-nonprod-locks: xy-0146-qa is promoting"}


def test_what_is_kept_of_a_database_that_is_gone(world: World) -> None:
    world["scan"][1]["namespace"]["S"] = QA.fingerprint("db-GONE")
    assert untrue(world) == {"nothing is kept of a database that is gone": "platform-nonprod-locks: xy-0146-qa/db-GONE"}


def test_what_is_kept_with_a_final_snapshot_that_a_rollback_restores(world: World) -> None:
    was = world.pointer.active
    assert was is not None
    final = FinalSnapshot(name="xy-0146-qa-final-20261122t020000z-99999999", resource_id="db-GONE")
    previous = was.model_copy(update={"database": None, "final": final})
    world.pointer = world.pointer.model_copy(update={"previous": previous})
    world["scan"].append({"namespace": {"S": QA.fingerprint("db-GONE")}, "fingerprint": {"B": b""}})
    assert "nothing is kept of a database that is gone" not in untrue(world)
