"""A DAG's run as Airflow runs it: the product's own operators, tried again, deferred, torn down. Without Airflow."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, cast

from airflow.sdk import DAG, BaseOperator
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import BaseTrigger

from snaplift.aws.triggers.wait import WaitTrigger
from snaplift.promotion.wait import Wait
from tests.chaos.wire import Killed, Wire

PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds before a try that follows an error, doubled each time: the laptop's states pass in fractions of a second."""
LOOK: Final = 0.05
"""Seconds between two looks of a wait."""
LONGEST: Final = 90.0
"""Seconds that a wait may take here, whatever its deadline."""


@dataclass
class Played:
    """How a run ended."""

    run_id: str
    states: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """By task the last error; of one that succeeded later, too."""
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def green(self) -> bool:
        """The run's colour: the one teardown fails it, and so does any other task that failed."""
        return not any(state in {"failed", "upstream_failed"} for state in self.states.values())

    def story(self) -> str:
        """What went wrong, for a person."""
        return "; ".join(f"{task} {self.states.get(task, '')}: {error}" for task, error in self.errors.items())


class _Instance:
    """The task instance that an operator sees: XComs that went through JSON, and states."""

    def __init__(self, task: BaseOperator, played: Played, xcoms: dict[tuple[str, str], str]) -> None:
        self._task_id = task.task_id
        self._played = played
        self._xcoms = xcoms

    def xcom_push(self, key: str, value: Any) -> None:
        self._xcoms[self._task_id, key] = json.dumps(value)

    def xcom_pull(self, task_ids: str, key: str = "return_value", **_: Any) -> Any:
        found = self._xcoms.get((task_ids, key))
        return None if found is None else json.loads(found)

    def get_task_states(self, dag_id: str, run_ids: list[str], **_: Any) -> dict[str, dict[str, str]]:
        return {run_id: dict(self._played.states) for run_id in run_ids}


class Airflow:
    """Runs one DAG, task by task.

    :param struck: called when a process was killed, before Airflow notices.
    """

    def __init__(self, dag: DAG, params: dict[str, Any], wire: Wire, struck: Callable[[], None]) -> None:
        self._dag = dag
        self._params = params
        self._wire = wire
        self._struck = struck
        self._xcoms: dict[tuple[str, str], str] = {}

    def play(self, run_id: str, *, stop_after: str = "") -> Played:
        """Run all tasks in their order.

        :param stop_after: a person marks the run failed when this task has ended.
        """
        played = Played(run_id)
        stopped = False
        for task in cast("list[BaseOperator]", self._dag.tasks):  # as they were added, which is their order
            state = "success" if task.is_teardown else self._upstream(task, played)
            if state == "success" and (task.is_teardown or not stopped):
                state = self._run(task, played)
            elif stopped:
                state = "failed"
            played.states[task.task_id] = state
            stopped = stopped or task.task_id == stop_after
        return played

    def clear(self, task_id: str, played: Played) -> None:
        """Run a task again, as after a clear of it alone."""
        played.states[task_id] = self._run(cast("BaseOperator", self._dag.get_task(task_id)), played)

    def xcom(self, task_id: str) -> Any:
        """What a task has returned; None: it has not."""
        found = self._xcoms.get((task_id, "return_value"))
        return None if found is None else json.loads(found)

    def _upstream(self, task: BaseOperator, played: Played) -> str:
        states = {played.states[name] for name in task.upstream_task_ids}
        if states & {"failed", "upstream_failed"}:
            return "upstream_failed"
        return "skipped" if "skipped" in states else "success"

    def _run(self, task: BaseOperator, played: Played) -> str:
        """Run a task to its end; where that is a failure that a point says a person clears, again."""
        while (state := self._tries(task, played)) == "failed" and self._wire.is_cleared(task.task_id):
            pass
        return state

    def _tries(self, task: BaseOperator, played: Played) -> str:
        context: Any = {
            "run_id": played.run_id,
            "dag_run": SimpleNamespace(run_after=played.asked_at),
            "params": self._params,
            "task": task,
            "ti": _Instance(task, played, self._xcoms),
        }
        retries = task.retries or 0
        for number in range(1, retries + 2):
            self._wire.begin_try(task.task_id)
            try:
                self._keep(task, self._try(task, context))
            except Killed:
                played.errors[task.task_id] = "killed"
                self._struck()
            except AirflowSkipException:
                return "skipped"
            except AirflowFailException as error:
                played.errors[task.task_id] = str(error)
                return "failed"
            except Exception as error:
                played.errors[task.task_id] = f"{type(error).__name__}: {error}"
                if _gives_up(task, error, number, retries):
                    return "failed"
                time.sleep(min(PAUSE * 2**number, LONGEST_PAUSE))
            else:
                return "success"
        return "failed"

    def _keep(self, task: BaseOperator, value: Any) -> None:
        self._xcoms[task.task_id, "return_value"] = json.dumps(value)

    def _try(self, task: BaseOperator, context: Any) -> Any:
        """One try: from the beginning, through all its deferrals."""
        method: str = "execute"
        given: dict[str, Any] = {}
        while True:
            try:
                with self._wire.within(task.task_id):
                    return getattr(task, method)(context, **given)
            except TaskDeferred as deferred:
                event = self._wait(task.task_id, deferred.trigger)
                self._wire.begin_part(task.task_id)
                method, given = deferred.method_name, {**(deferred.kwargs or {}), "event": event}

    def _wait(self, task_id: str, trigger: Any) -> Any:
        """Run a trigger to its event; a triggerer that is killed begins again."""
        while True:
            try:
                with self._wire.waiting(task_id):
                    return asyncio.run(_first(_fast(trigger)))
            except Killed:
                self._struck()
                self._wire.begin_try(task_id)


def _gives_up(task: BaseOperator, error: Exception, number: int, retries: int) -> bool:
    decision = task.retry_policy.evaluate(error, number, retries) if task.retry_policy else None
    return decision is not None and decision.action is RetryAction.FAIL


def _fast(trigger: BaseTrigger) -> BaseTrigger:
    if not isinstance(trigger, WaitTrigger):
        return trigger
    wait = Wait.model_validate_json(trigger.wait).model_copy(update={"interval": LOOK})
    return WaitTrigger(wait.model_dump_json(), min(trigger.until, time.time() + LONGEST))


async def _first(trigger: BaseTrigger) -> Any:
    async for event in trigger.run():
        return event.payload
    return None
