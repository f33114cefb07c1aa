"""The catalogue's promotions through Airflow, and Airflow's processes, which can be killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from local.airflow import server
from local.airflow.client import AirflowError, Run, RunState
from local.demo.following import Followed, follow
from local.demo.installation import AIRFLOW_SECONDS, Installation
from local.demo.site import Site
from local.demo.truths import truths
from local.programs import ProgramDied

from snaplift import naming
from snaplift.naming import Namespace, Tenant
from tests.chaos.processes.supervision import Supervisor

T = TypeVar("T")

PLATFORM: Final = "platform-nonprod"
TENANT: Final = Tenant.parse("ab-0200")
KILLS: Final = "kills"
KILLS_TOO: Final = "killstoo"
ENDINGS: Final = (
    "failed",
    "succeeded",
    "taskfailed",
    "tasksuccess",
    "taskskipped",
    "cleared",
    "clearedone",
    "deleted",
    "paused",
)
CHANGED: Final = ("edited", "raced")
RACES: Final = "races"
LATE_ENDINGS: Final = (KILLS, KILLS_TOO, *CHANGED)
"""Where the promotions of other tests have left something active."""
ENVIRONMENTS: Final = ("dev", KILLS, KILLS_TOO, RACES, *ENDINGS, *CHANGED)
RUN_SECONDS: Final = 600.0
ORPHAN_SECONDS: Final = 20.0
"""A task whose supervisor was killed has ended by then: before Airflow misses it, and begins another try."""
_LONG: Final = 900.0
"""Seconds that the laptop's AWS is told to take for something: whoever waits for it can be looked at."""
_OUTAGE: Final = 5.0
"""Seconds for which the metadata database is away, so that each of Airflow's processes comes to miss it."""
_TITLE: Final = b"airflow worker -- LocalExecutor:"


class Catalogue:
    """The tenant of one installation."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.airflow = installation.airflow
        self.supervisor = Supervisor(installation)
        self.namespaces: list[Namespace] = []
        """Those that stand."""
        self.kills = 0
        self.endings = 0
        self.orphans: list[str] = []
        """What was left over of promotions that had ended, recovery included."""

    def provision(self) -> None:
        """Make the platforms, and all the namespaces of the tenant, of which only the first has a database."""
        for name in self.installation.platforms:
            self.succeed({name: self.start("platform.provision", {"platform": name})})
        conf = {"environment": "dev", "others": True, "build": ""}
        self.succeed({"dev": self.start(TENANT.provision_dag_id, conf)})
        self.namespaces += [Namespace(TENANT, name) for name in ENVIRONMENTS]

    def succeed(self, runs: Mapping[str, Run]) -> None:
        """Follow runs, all of which have to go well."""
        for label, ended in self.end(runs).items():
            assert ended.state == "success", f"{label}: {ended.failures}"

    # -- runs --------------------------------------------------------------------------------------------------

    def start(self, dag_id: str, conf: Mapping[str, object]) -> Run:
        self.airflow.wait_for_dags([dag_id], RUN_SECONDS)
        return self.airflow.trigger(dag_id, conf)

    def promote(self, environment: str) -> Run:
        """Begin to bring a new release to an environment."""
        conf = {"environment": environment, "release": "new", "build": "", "dry_run": False}
        return self.start(TENANT.promote_dag_id, conf)

    def promote_locked(self, environment: str) -> Run:
        """The same, and the lock is taken: its release is of its own, for two of one second are one."""
        run = self.promote(environment)
        self.reaches(run, "lock", "success")
        return run

    def end(self, runs: Mapping[str, Run]) -> dict[str, Followed]:
        return follow(self.airflow, runs, RUN_SECONDS, self.installation.tell)

    def reaches(self, run: Run, task_id: str, *states: str) -> RunState:
        return self.airflow.wait_for_task(run, task_id, states, RUN_SECONDS)

    def delete(self, run: Run) -> None:
        """Delete a run under way, as a person does: Airflow deletes only those that have ended, so it is ended first.

        No task of its own is left to undo it: its end is painted, too.
        """
        self.airflow.pause(run.dag_id)
        self.airflow.mark_task(run, "finish", "failed")
        self.airflow.mark(run, "failed")
        self.airflow.delete(run)
        self.airflow.pause(run.dag_id, paused=False)

    def let_lease_end(self, environment: str) -> None:
        """Set the lease of an environment's lock to what it is hours later."""
        name = Namespace(TENANT, environment)
        self.installation.client("dynamodb").update_item(
            TableName=naming.lock_table(PLATFORM),
            Key={"namespace": {"S": str(name)}},
            UpdateExpression="SET lease_until = :past",
            ConditionExpression="attribute_exists(lease_until)",
            ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 60)}},
        )

    def recover(self) -> None:
        """Run ``fleet.recover``, which has to go well."""
        self.succeed({"recover": self.start("fleet.recover", {})})

    # -- what stands -------------------------------------------------------------------------------------------

    def release(self, environment: str) -> str | None:
        """What is active there."""
        active = Site(self.installation, Namespace(TENANT, environment)).pointer().active
        return active.release if active else None

    def standing(self, environment: str) -> dict[str, Any]:
        """What stands there, as AWS has it: whoever writes anything there changes this."""
        name, client = Namespace(TENANT, environment), self.installation.client
        pointer = client("ssm").get_parameter(Name=name.pointer)["Parameter"]
        items = client("dynamodb").scan(TableName=naming.lock_table(PLATFORM), ConsistentRead=True)["Items"]
        instances = client("rds").describe_db_instances()["DBInstances"]
        stacks = client("cloudformation").describe_stacks()["Stacks"]
        services = client("ecs").describe_services(cluster=PLATFORM, services=[name.service])["services"]
        return {
            "pointer": (pointer["Version"], pointer["Value"]),
            "lock": [one for one in items if one["namespace"]["S"].split("/")[0] == str(name)],
            "databases": [
                (one["DbiResourceId"], one["DBInstanceStatus"], one["DeletionProtection"], one["TagList"])
                for one in instances
                if one["DBInstanceIdentifier"].startswith(f"{name}-db-")
            ],
            "stacks": [
                (one["StackId"], one["StackStatus"]) for one in stacks if one["StackName"].startswith(f"{name}-")
            ],
            "service": [(one["status"], one["taskDefinition"], one["desiredCount"]) for one in services],
        }

    def untrue(self, *, reapers: str = "") -> list[str]:
        """What does not hold that has to hold when no promotion is under way.

        :param reapers: what is known to be left to the reaper, which none of this waits for: all that names this.
        """
        found = [f"{one.words}: {it}" for one in truths(self.installation, self.namespaces) for it in one.found]
        found = [line for line in found if not reapers or reapers not in line]
        self.orphans += found
        return found

    # -- the tenant's file -------------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.installation.settings.config / "tenants" / f"{TENANT}.yaml"

    @contextmanager
    def file_restored(self) -> Iterator[None]:
        """The tenant's file is as it was once this is left, and Airflow has read it."""
        before = self._file.read_text()
        try:
            yield
        finally:
            self.write(before, str(yaml.safe_load(before)["description"]))

    def edit(self, change: Callable[[dict[str, Any]], None], description: str) -> None:
        """Change the tenant's file, and what it says of the tenant, which shows that Airflow has read it."""
        found = yaml.safe_load(self._file.read_text())
        change(found)
        self.write(yaml.safe_dump(found | {"description": description}, sort_keys=False), description)

    def write(self, text: str, description: str) -> None:
        """Write the tenant's file. Airflow has read it when this returns: its DAG bears the description."""
        self._file.write_text(text)
        self.installation.tell(f"the tenant's file is another: {description}")
        deadline = time.monotonic() + RUN_SECONDS
        while self.airflow.description(TENANT.promote_dag_id) != description:
            if time.monotonic() > deadline:
                raise AirflowError(f"after {RUN_SECONDS:.0f} s Airflow has not read {self._file.name}: {description}")
            self.airflow.read_again(TENANT.promote_dag_id)
            time.sleep(1.0)

    # -- delays ------------------------------------------------------------------------------------------------

    def lasting_restores(self) -> AbstractContextManager[None]:
        """A database does not come before this is left."""
        return self.lasting("rds.restore")

    @contextmanager
    def lasting(self, what: str) -> Iterator[None]:
        """What takes the laptop's AWS a moment does not come to its end before this is left."""
        usual = self.installation.control("GET", "delays")[what]
        self.installation.control("PUT", "delays", {what: _LONG})
        try:
            yield
        finally:
            self.installation.control("PUT", "delays", {what: usual})

    # -- processes ---------------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL to one of Airflow's processes; then it is started again, as whatever supervises it does.

        What it has left is ended before, as with systemd or in a container: an idle worker of a scheduler that was
        killed keeps its connection to the metadata database open, and with it, for ever, the lock on the run that the
        scheduler had in hand.
        """
        self.kills += 1
        self.installation.tell(f"kill -9 of {name}")
        with self.supervisor.hands_off():
            self.installation.programs.kill(name)
            self.installation.programs.end_what_is_left()
            self.supervisor.start(name)

    def restart(self) -> None:
        """Stop all of Airflow and start it again on the same database."""
        self.kills += 1
        self.installation.tell("Airflow is stopped and started again")
        with self.supervisor.hands_off():
            self.installation.programs.stop(*server.PROCESSES, grace=2.0)
            for name in server.PROCESSES:
                self.supervisor.start(name)

    def kill_database(self) -> None:
        """SIGKILL to the server of Airflow's metadata database; it is started again on its data, after a time."""
        self.kills += 1
        self.installation.tell("kill -9 of the metadata database's server")
        self.installation.postgres.kill()
        time.sleep(_OUTAGE)
        self.installation.postgres.start()

    def wait_until_healthy(self) -> None:
        """Return once Airflow misses none of its parts, those included that have to be started again."""
        i = self.installation
        deadline = time.monotonic() + AIRFLOW_SECONDS
        while True:
            self.supervisor.look()
            try:
                server.wait_until_healthy(i.programs, i.settings, AIRFLOW_SECONDS, i.tell)
            except ProgramDied:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def kill_task(self, run: Run, task_id: str) -> None:
        """SIGKILL to the process in which a task runs, as soon as it is there.

        :raises AirflowError: it never was
        """
        _, child = self._until(lambda: self._processes_of(run, task_id), f"{task_id} to run")
        self.kills += 1
        self.installation.tell(f"kill -9 of {task_id}'s own process")
        os.kill(child, signal.SIGKILL)

    def kill_supervisor(self, run: Run, task_id: str, asks: tuple[str, str]) -> int:
        """SIGKILL to the process that watches over a task, while the task waits for an answer of AWS.

        :param asks: the service and the operation, which nobody else calls meanwhile
        :return: the task's own process, which is left
        :raises AirflowError: it never asked
        """
        service, operation = asks
        rule = {"action": "delay", "service": service, "operation": operation, "seconds": 3.0, "times": 1000}
        self.installation.control("PUT", "faults", {"rules": [rule]})
        try:
            before, supervisor, child = self._until(
                lambda: self._asked_and_processes_of(run, task_id), f"{task_id} to run"
            )
            self._until(lambda: self._asked() > before or None, f"{task_id} to ask {service} {operation}")
            self.kills += 1
            self.installation.tell(f"kill -9 of {task_id}'s supervisor")
            os.kill(supervisor, signal.SIGKILL)
        finally:
            self.installation.control("PUT", "faults", {"rules": []})
        return child

    def _asked_and_processes_of(self, run: Run, task_id: str) -> tuple[int, int, int] | None:
        asked = self._asked()  # before the task is looked for: what it asks from then on is missed by nobody
        return (asked, *found) if (found := self._processes_of(run, task_id)) else None

    def _asked(self) -> int:
        return sum(rule["struck"] for rule in self.installation.control("GET", "faults")["rules"])

    def wait_until_gone(self, pid: int) -> None:
        """Return once a process has ended.

        :raises AirflowError: it goes on.
        """
        self._until(lambda: None if _lives(pid) else True, f"process {pid} to end", ORPHAN_SECONDS)

    def _processes_of(self, run: Run, task_id: str) -> tuple[int, int] | None:
        """A task's supervisor and its child; None: Airflow does not say that it runs."""
        for task in self.airflow.look(run).tasks:
            if task.task_id == task_id and task.state == "running":
                for worker in _children(self.installation.programs.pid("airflow-scheduler")):
                    if _title(worker).startswith(_TITLE) and task.id.encode() in _title(worker):
                        return next(((worker, child) for child in _children(worker)), None)
        return None

    def _until(self, condition: Callable[[], T | None], words: str, seconds: float = RUN_SECONDS) -> T:
        deadline = time.monotonic() + seconds
        while (found := condition()) is None:
            if time.monotonic() > deadline:
                raise AirflowError(f"waited {seconds:.0f} s for {words}")
            time.sleep(0.02)
        return found


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _children(parent: int) -> list[int]:
    try:
        found = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in found.split()]
