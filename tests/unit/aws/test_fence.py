"""The fence: what passes it, and what each loss of the lock keeps from being written."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from snaplift.aws.fence import READS, Fence
from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.aws.hooks.ssm import PointerHook
from snaplift.promotion.lock import Lock, LockLost, Phase
from tests.unit.stacks.examples import REGION

TOKEN = "acme|xy-0146.promote|run-1"


class Locks:
    """The lock table, as this run last read it."""

    def __init__(self, **changes: Any) -> None:
        held = {"namespace": "xy-0146-qa", "token": TOKEN, "phase": Phase.PROMOTING, "fence": 7}
        self.lock: Lock | None = Lock.model_construct(**{**held, **changes})
        self.asked = 0

    def find(self, table: str, namespace: str) -> Lock | None:
        assert (table, namespace) == ("platform-nonprod-locks", "xy-0146-qa")
        self.asked += 1
        return self.lock


def fence(locks: Locks, **changes: Any) -> Fence:
    given = {"table": "platform-nonprod-locks", "namespace": "xy-0146-qa", "token": TOKEN, "fence": 7}
    return Fence(cast("LockHook", locks), **{**given, "phase": Phase.PROMOTING, **changes})


def call(service: str, operation: str) -> Any:
    model: Any = boto3.client(service, region_name=REGION).meta.service_model  # type: ignore[call-overload]
    return model.operation_model(operation)


def test_a_write_passes_while_the_lock_is_ours_in_our_phase() -> None:
    locks = Locks()
    fence(locks).before_call(call("rds", "CreateDBSnapshot"))
    assert locks.asked == 1


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("rds", "DescribeDBInstances"),
        ("ecs", "ListTasks"),
        ("ssm", "GetParameter"),
        ("secretsmanager", "GetSecretValue"),
        ("ecr", "BatchGetImage"),
        ("dynamodb", "Scan"),
    ],
)
def test_a_read_asks_for_no_lock(service: str, operation: str) -> None:
    locks = Locks()
    locks.lock = None
    fence(locks).before_call(call(service, operation))
    assert locks.asked == 0


@pytest.mark.parametrize("service", ["cloudformation", "ec2", "ecs", "rds", "secretsmanager", "ssm"])
def test_what_creates_changes_or_deletes_is_never_taken_for_a_read(service: str) -> None:
    names = boto3.client(service, region_name=REGION).meta.service_model.operation_names  # type: ignore[call-overload]
    writes = ("Create", "Put", "Update", "Modify", "Delete", "Register", "Deregister", "Run", "Stop", "Start", "Add",
              "Remove", "Authorize", "Revoke", "Restore", "Copy", "Tag", "Untag", "Cancel", "Reboot")  # fmt: skip
    assert [name for name in names if name.startswith(writes) and READS.fullmatch(name)] == []


@pytest.mark.parametrize(
    "found",
    [
        {"token": "acme|xy-0146.promote|run-2"},
        {"fence": 8},
        {"phase": Phase.ABORTING},
        {"phase": Phase.FREE},
    ],
    ids=["another run has it", "it was taken again", "finish undoes the run", "it was given back"],
)
def test_s47_nothing_is_written_once_the_lock_is_not_as_it_was(found: dict[str, Any]) -> None:
    with pytest.raises(LockLost, match="ssm:PutParameter is not done: the lock of xy-0146-qa is no longer ours"):
        fence(Locks(**found)).before_call(call("ssm", "PutParameter"))


def test_s47_nothing_is_written_without_any_lock() -> None:
    locks = Locks()
    locks.lock = None
    with pytest.raises(LockLost, match=r"no longer ours \(gone\)"):
        fence(locks).before_call(call("ecs", "UpdateService"))


def test_s47_a_process_that_lost_its_parent_writes_nothing_whatever_the_lock_says() -> None:
    locks = Locks()
    with pytest.raises(LockLost, match="this process has lost its parent"):
        fence(locks, parent=os.getppid() + 1).before_call(call("rds", "DeleteDBInstance"))


def test_s47_a_process_that_lost_its_parent_before_it_looked_at_the_lock_writes_nothing(tmp_path: Path) -> None:
    """A task asks who its parent is before anything else; each fence that it makes later goes by that."""
    said = tmp_path / "said"
    script = (
        "import os, sys, time\n"
        "from snaplift.aws.fence import Fence, parent\n"
        "first = parent()\n"
        "if os.fork() == 0:\n"
        "    middle = parent()\n"
        "    if os.fork() == 0:\n"
        "        known = parent()\n"
        "        while os.getppid() == known: time.sleep(0.01)\n"
        "        fence = Fence(None, 't', 'n', 'o', 1, 'promoting')\n"
        "        open(sys.argv[1], 'w').write(f'{fence.parent == known} {middle == first}')\n"
        "        os._exit(0)\n"
        "    time.sleep(0.3)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(said)], check=True, timeout=60)
    deadline = time.monotonic() + 30
    while not (said.exists() and said.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert said.read_text() == "True False"


def test_s47_finish_passes_in_its_own_phase_and_only_in_that() -> None:
    aborting = Locks(phase=Phase.ABORTING)
    fence(aborting, phase=Phase.ABORTING).before_call(call("cloudformation", "DeleteStack"))
    with pytest.raises(LockLost):
        fence(Locks(), phase=Phase.ABORTING).before_call(call("cloudformation", "DeleteStack"))


def test_a_lock_that_could_not_be_read_lets_nothing_pass() -> None:
    def unreadable(*_: object) -> None:
        raise TimeoutError

    locks = SimpleNamespace(find=unreadable)
    with pytest.raises(TimeoutError):
        fence(cast("Locks", locks)).before_call(call("ecs", "UpdateService"))


def test_s47_every_client_of_a_fenced_hook_is_stopped_before_it_sends_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # where nobody answers: what is sent fails otherwise
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    hook = PointerHook(aws_conn_id=None, region_name=REGION, fence=fence(Locks(phase=Phase.ABORTING)))
    with pytest.raises(LockLost, match="ssm:PutParameter is not done"):
        hook.client.put_parameter(Name="/snaplift/xy-0146/qa/pointer", Value="x", Type="String")
