"""Follows runs to their end: tells what each step did, and how much of the time was AWS's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.airflow.client import Airflow, AirflowError, Run, RunState, Task

WAITING = frozenset({"deferred", "awaiting_input", "up_for_reschedule"})
"""States in which a task holds no worker: snaplift is waiting for AWS, or for a person."""
_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_POLL_SECONDS = 0.5


@dataclass
class Followed:
    """A run that was followed."""

    label: str
    run: Run
    state: str = "running"
    seconds: float = 0.0
    waiting_seconds: float = 0.0
    """While at least one of its tasks waited for AWS, to within half a second for each wait."""
    failures: dict[str, str] = field(default_factory=dict)
    """Each failed task and why."""
    steps: dict[str, float] = field(default_factory=dict)
    """Seconds from the first to the last moment of each task that ran."""

    @property
    def reason(self) -> str:
        """Why it failed, as the task that ended last has it: ``finish``, where there is one."""
        return next(reversed(self.failures.values()), "")


def follow(
    airflow: Airflow, runs: Mapping[str, Run], seconds: float, tell: Callable[[str], None]
) -> dict[str, Followed]:
    """Return when every run has finished, well or not.

    :param runs: by the label that each line about it begins with
    :raises AirflowError: one has not finished after ``seconds``
    """
    deadline = time.monotonic() + seconds
    watchers = {label: _Watcher(label, run, tell) for label, run in runs.items()}
    while unfinished := [watcher for watcher in watchers.values() if not watcher.finished]:
        for watcher in unfinished:
            watcher.see(airflow.look(watcher.followed.run))
        if time.monotonic() > deadline:
            raise AirflowError(f"not finished after {seconds:.0f} s: {', '.join(map(str, unfinished))}")
        time.sleep(_POLL_SECONDS)
    for watcher in watchers.values():
        if watcher.followed.state == "failed":
            watcher.followed.failures = airflow.failures(watcher.followed.run)
    return {label: watcher.followed for label, watcher in watchers.items()}


class _Watcher:
    def __init__(self, label: str, run: Run, tell: Callable[[str], None]) -> None:
        self.followed = Followed(label, run)
        self.finished = False
        self._tell = tell
        self._told: dict[str, str] = {}
        self._seen_at: float | None = None
        self._waited = False

    def __str__(self) -> str:
        return f"{self.followed.label} ({', '.join(f'{task} {state}' for task, state in self._told.items())})"

    def see(self, found: RunState) -> None:
        now = time.monotonic()
        if self._seen_at is not None and self._waited:
            self.followed.waiting_seconds += now - self._seen_at
        self._seen_at, self._waited = now, any(task.state in WAITING for task in found.tasks)
        for task in found.tasks:
            self._tell_of(task)
        self.followed.state = found.state
        self.followed.seconds = found.duration.total_seconds()
        self.finished = found.finished

    def _tell_of(self, task: Task) -> None:
        if task.state is None or self._told.get(task.task_id) == task.state:
            return
        if task.state in WAITING:
            self._tell(f"{self.followed.label}  {task.task_id}: waits for AWS")
        elif task.state in _ENDED and task.started and task.ended:
            took = (task.ended - task.started).total_seconds()
            self.followed.steps[task.task_id] = took
            if task.state != "skipped":
                self._tell(f"{self.followed.label}  {task.task_id}: {_words(task.state)}, {took:.1f} s")
        self._told[task.task_id] = task.state


def _words(state: str) -> str:
    return {"success": "done", "failed": "FAILED"}.get(state, state.replace("_", " "))
