"""Airflow, as far as a promotion depends on it: runs whose tasks are tried again, cleared, given up and ended."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Literal

from snaplift.aws.errors import WaitFailed
from snaplift.aws.failures import is_permanent
from snaplift.aws.observe import make_client, observe
from snaplift.aws.steps import finish, lock
from snaplift.aws.steps.plan import make_plan
from snaplift.aws.steps.promotion import Done, find_lock, resume
from snaplift.pipelines import promote, provision
from snaplift.promotion import run as product
from snaplift.promotion.choosing import Request
from snaplift.promotion.plan import Plan
from snaplift.promotion.recovery import Holder
from snaplift.promotion.wait import Verdict, Wait, judge
from tests.model.client import Killed, Model
from tests.model.ground import PLATFORMS, TENANT, lay
from tests.model.plugged import plugged
from tests.model.references import pointers

RETRIES = 2
PROMOTE = ("plan", "lock", *(step for steps in promote.GROUPS.values() for step in steps))
PROVISION = ("plan", "lock", *(step for steps in provision.GROUPS.values() for step in steps))


class Run:
    """One run. ``advance`` is one try of one task, or one look at what it waits for."""

    def __init__(self, model: Model, environment: str, release: str, number: int) -> None:
        self.model = model
        self.environment, self.release = environment, release
        self.namespace = f"xy-0146-{environment}"
        self.run = product.Run(installation="acme", dag_id="xy-0146.promote", run_id=f"run-{number}")
        self.steps = PROVISION if release == "origin" else PROMOTE
        self.plan: Plan | None = None
        self.state: Literal["running", "finishing", "ended", "dead"] = "running"
        self.colour: Literal["", "green", "red"] = ""
        self.why = ""
        self.ending: Literal["", "green", "aborted", "refused", "not finished"] = ""
        """Refused: before it had a lock, so that there was nothing to undo."""
        self.left: list[str] = list(self.steps)
        self.failed: list[str] = []
        self.tries = 0
        self.wait: tuple[Wait, datetime] | None = None
        self.lost = False
        """Together with its Airflow, which nobody can ask any more."""
        self.life = 0
        """Grows whenever a person intervenes."""

    def __repr__(self) -> str:
        at = self.left[0] if self.left else "finish"
        return f"{self.run.run_id} ({self.release} to {self.environment}, {self.state}, {self.colour or at}{self.why})"

    @property
    def task(self) -> str:
        return self.left[0] if self.state == "running" else "finish"

    def now(self) -> datetime:
        return self.model.world.now

    def advance(self) -> None:
        """Try the next task once."""
        if self.state in {"ended", "dead"}:
            return
        task, life = self.task, self.life
        # One that overtakes it, or is a later life of it, may begin and end in the middle of it.
        began = self.model.world.began.get(self.run.hash)
        self.model.world.began[self.run.hash] = self.now()
        try:
            outcome = self._try(self._finish if task == "finish" else lambda: self._step(task))
        except Killed:  # Airflow notices, and tries again
            self.wait = None if self.life == life else self.wait
        except Exception as error:
            if task not in {"finish", "plan"} and not isinstance(error, finish.Aborted):
                self._note(f"{task}: {error}")
            if self.life == life:
                self._failed(task, error)
        else:
            if self.life == life:  # what an overtaken task says, Airflow does not hear
                self._went(task, outcome)
        finally:
            if began is not None:
                self.model.world.began[self.run.hash] = began

    def _try(self, advance: Callable[[], Wait | Done]) -> Wait | Done:
        if self.wait is None:
            return advance()
        wait, deadline = self.wait
        verdict = judge(wait, observe(wait, make_client(wait)))
        if verdict is Verdict.PENDING and self.now() < deadline:
            return wait
        self.wait = None
        outcome = advance()
        if verdict is not Verdict.DONE and isinstance(outcome, Wait):
            raise WaitFailed(f"{wait} has gone wrong: {verdict}")
        return outcome

    def _step(self, task: str) -> Wait | Done:
        if task == "plan":
            request = Request(environment=self.environment, release=self.release)
            self.plan = make_plan(request, self.run, PLATFORMS, TENANT)
            return Done()
        if task == "lock":
            assert self.plan is not None
            return lock.advance(self.plan, self.now)
        module = import_module(f"snaplift.aws.steps.{task}")
        outcome: Wait | Done = module.advance(resume(PLATFORMS, self.namespace, self.run, self.now))
        return outcome

    def _finish(self) -> Wait | Done:
        return finish.advance(PLATFORMS, self.namespace, self.run, self.now)

    def _went(self, task: str, outcome: Wait | Done) -> None:
        if isinstance(outcome, Wait):
            if self.wait is None:
                self.wait = outcome, self.now() + timedelta(seconds=outcome.timeout)
            return
        self.wait, self.tries = None, 0
        if task == "finish":
            bad = bool(outcome.skipped and self.failed)
            self._end("refused" if bad else "green", outcome.skipped)
            return
        self.left.pop(0)
        if not self.left:
            self.state = "finishing"

    def _failed(self, task: str, error: Exception) -> None:
        self.wait = None
        if task == "finish" and isinstance(error, finish.Aborted):
            self._end("aborted", "aborted")
            return
        self.tries += 1
        if not is_permanent(error) and self.tries <= RETRIES:
            return
        self.tries = 0
        if task == "finish":
            self._end("not finished", f"not finished: {error}")
        else:
            self.failed.append(task)
            self.why = f", failed: {task}: {type(error).__name__}: {error}"
            self.state = "finishing"

    def _note(self, failure: str) -> None:
        """As an operator does; that it may fail as well changes nothing."""
        try:
            if found := find_lock(PLATFORMS, self.namespace, self.run):
                found.locks.note_failure(found.place.lock_table, self.namespace, self.run.token, failure)
        except (Exception, Killed):
            return

    def _end(self, ending: Literal["green", "aborted", "refused", "not finished"], why: str) -> None:
        self.state, self.ending, self.colour = "ended", ending, "green" if ending == "green" else "red"
        self.why = f"{self.why}; {why}" if why else self.why
        if ending == "green" and not why and not self._is_active():
            self.model.world.violations.append(f"I6: {self} ended green, and its release is not active")

    def _is_active(self) -> bool:
        for name, pointer in pointers(self.model.world):
            if name == f"/snaplift/xy-0146/{self.environment}/pointer" and pointer["active"]:
                return bool(pointer["active"]["run"] == self.run.hash)
        return False

    # -- what people do in the UI ----------------------------------------------------------------------------------

    def mark_failed(self) -> None:
        """Mark the run failed: its teardown runs, whatever else does."""
        self.life += 1
        if self.state == "running":
            self.state, self.wait, self.tries = "finishing", None, 0
            self.failed.append("a person")

    def clear(self, task: str) -> None:
        """Clear a task and what comes after it: ``lock`` and ``finish`` are cleared along."""
        self.life += 1
        self.lost = False
        begin = self.steps.index(task)
        self.left = list(self.steps[begin:]) if task in {"plan", "lock"} else ["lock", *self.steps[begin:]]
        self.state, self.colour, self.wait, self.tries, self.failed, self.why = "running", "", None, 0, [], ""
        self.ending = ""
        if self.plan is None:
            self.left = list(self.steps)

    def die(self, *, lost: bool = False) -> None:
        """End without any task having run: the DAG was deleted, or its Airflow is lost."""
        self.life += 1
        if self.state in {"running", "finishing"}:
            self.state, self.wait, self.lost = "dead", None, lost

    def holder(self) -> Holder | None:
        """Say what Airflow says of it. None: there is none that could be asked."""
        if self.state == "dead":
            return None if self.lost else Holder(run=None)
        if self.state != "ended":
            return Holder(run="running")
        ended = "success" if self.colour == "green" else "failed"
        return Holder(run=ended, finish=ended)


MANY = 400
"""Tries of tasks, after which a run that has not ended never will."""


def drive(run: Run, most: int = MANY, *, until: str = "") -> int:
    """Let a run go on, time passing while it waits. Returns the number of tries.

    :param until: a task, before whose first try it stops.
    """
    for tried in range(most):
        if run.state in {"ended", "dead"} or run.task == until:
            return tried
        run.advance()
        if run.wait is not None:
            run.model.world.advance(45)
    return most


def standing(*environments: str) -> Model:
    """A model in which a first release is active in some environments, a while ago."""
    return deepcopy(_standing(environments))


@cache
def _standing(environments: tuple[str, ...]) -> Model:
    model = Model()
    lay(model)
    with plugged(model):
        for number, (environment, release) in enumerate((("dev", "origin"), ("qa", "new"), ("prod", "tested"))):
            if environment in environments:
                run = Run(model, environment, release, -number)
                drive(run)
                assert run.colour == "green", run
    model.world.advance(7200)
    return model
