"""The catalogue's promotions through Airflow, and Airflow's processes, which can be killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from local.airflow import server
from local.airflow.client import AirflowError, Run, RunState
from local.demo.following import Followed, follow
from local.demo.installation import AIRFLOW_SECONDS, Installation
from local.demo.site import Site
from local.demo.truths import truths

from snaplift.naming import Namespace, Tenant
from tests.chaos.processes.supervision import Supervisor

TENANT: Final = Tenant.parse("ab-0200")
KILLS: Final = "kills"
KILLS_TOO: Final = "killstoo"
ENDINGS: Final = ("failed", "succeeded", "taskfailed", "tasksuccess", "taskskipped", "cleared", "clearedone", "deleted")
LATE_ENDINGS: Final = ("latefailed", "lategreen", "latecleared", "latedeleted")
ENVIRONMENTS: Final = ("dev", KILLS, KILLS_TOO, *ENDINGS, *LATE_ENDINGS)
RUN_SECONDS: Final = 600.0
_LONG: Final = 900.0
"""Seconds that the laptop's AWS is told to take for something: whoever waits for it can be looked at."""
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

    def provision_platforms(self) -> None:
        """Make the platforms, and where the data is authored."""
        for name in self.installation.platforms:
            self.succeed({name: self.start("platform.provision", {"platform": name})})
        self.provision("dev")

    def provision(self, *environments: str) -> None:
        """Make the namespaces of environments."""
        conf = {name: {"environment": name, "build": ""} for name in environments}
        self.succeed({name: self.start(TENANT.provision_dag_id, conf[name]) for name in environments})
        self.namespaces += [Namespace(TENANT, name) for name in environments]

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
        """The same, and the lock is taken: two releases that are decided in one second would have one name."""
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

    def recover(self) -> None:
        """Run ``fleet.recover``, which has to go well."""
        self.succeed({"recover": self.start("fleet.recover", {})})

    # -- what stands -------------------------------------------------------------------------------------------

    def release(self, environment: str) -> str | None:
        """What is active there."""
        active = Site(self.installation, Namespace(TENANT, environment)).pointer().active
        return active.release if active else None

    def untrue(self, *, reapers: str = "") -> list[str]:
        """What does not hold that has to hold when no promotion is under way.

        :param reapers: what is known to be left to the reaper, which none of this waits for: all that names this.
        """
        found = [f"{one.words}: {it}" for one in truths(self.installation, self.namespaces) for it in one.found]
        found = [line for line in found if not reapers or reapers not in line]
        self.orphans += found
        return found

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
        """SIGKILL to one of Airflow's processes; then it is started again, as whatever supervises it does."""
        self.kills += 1
        self.installation.tell(f"kill -9 of {name}")
        with self.supervisor.hands_off():
            self.installation.programs.kill(name)
            self.supervisor.start(name)

    def restart(self) -> None:
        """Stop all of Airflow and start it again on the same database."""
        self.kills += 1
        self.installation.tell("Airflow is stopped and started again")
        with self.supervisor.hands_off():
            self.installation.programs.stop(*server.PROCESSES, grace=2.0)
            for name in server.PROCESSES:
                self.supervisor.start(name)

    def wait_until_healthy(self) -> None:
        """Return once Airflow misses none of its parts."""
        i = self.installation
        server.wait_until_healthy(i.programs, i.settings, AIRFLOW_SECONDS, i.tell)

    def kill_task(self, run: Run, task_id: str, *, supervisor: bool) -> None:
        """SIGKILL to the process in which a task runs, or to the one that watches over it, as soon as it is there.

        :raises AirflowError: it never was
        """
        found = self._until(lambda: self._processes_of(run, task_id), f"{task_id} to run")
        self.kills += 1
        self.installation.tell(f"kill -9 of {task_id}'s {'supervisor' if supervisor else 'own process'}")
        os.kill(found[0 if supervisor else 1], signal.SIGKILL)

    def _processes_of(self, run: Run, task_id: str) -> tuple[int, int] | None:
        """A task's supervisor and its child; None: Airflow does not say that it runs."""
        for task in self.airflow.look(run).tasks:
            if task.task_id == task_id and task.state == "running":
                for worker in _children(self.installation.programs.pid("airflow-scheduler")):
                    if _title(worker).startswith(_TITLE) and task.id.encode() in _title(worker):
                        return next(((worker, child) for child in _children(worker)), None)
        return None

    def _until(self, condition: Callable[[], tuple[int, int] | None], words: str) -> tuple[int, int]:
        deadline = time.monotonic() + RUN_SECONDS
        while (found := condition()) is None:
            if time.monotonic() > deadline:
                raise AirflowError(f"waited {RUN_SECONDS:.0f} s for {words}")
            time.sleep(0.02)
        return found


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _children(parent: int) -> list[int]:
    try:
        found = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in found.split()]
