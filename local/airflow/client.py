"""What the demo and the end-to-end tests ask of Airflow, over its REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

import httpx

FINISHED = frozenset({"success", "failed"})
_POLL_SECONDS = 0.5
_TRIES = 4
_LOCKED = "Database error"


class AirflowError(RuntimeError):
    """Airflow refused, or did not do what was asked in time; the message says what it answered."""


@dataclass(frozen=True)
class Run:
    """One DAG run."""

    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"


@dataclass(frozen=True)
class Task:
    """One task of a run, as it stands."""

    task_id: str
    id: str
    """Of this try; the process that runs it is named by it."""
    state: str | None
    attempt: int
    started: datetime | None
    ended: datetime | None
    operator: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        return cls(
            task_id=answer["task_id"],
            id=answer["id"],
            state=answer["state"],
            attempt=answer["try_number"],
            started=_moment(answer["start_date"]),
            ended=_moment(answer["end_date"]),
            operator=answer["operator_name"],
        )


@dataclass(frozen=True)
class RunState:
    """A run and its tasks at one moment."""

    state: str
    started: datetime | None
    ended: datetime | None
    tasks: tuple[Task, ...]

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @property
    def duration(self) -> timedelta:
        """From its first to its last moment; nothing while it runs."""
        return self.ended - self.started if self.ended and self.started else timedelta(0)

    def states(self) -> dict[str, str | None]:
        """The state of each task by its id."""
        return {task.task_id: task.state for task in self.tasks}


class Airflow:
    """A client with a token of its own."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """:raises AirflowError: user or password are refused."""
        self._http = httpx.Client(base_url=url, timeout=30)
        token = self._ask("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._http.base_url = httpx.URL(f"{url}/api/v2")

    def close(self) -> None:
        self._http.close()

    def dag_ids(self) -> set[str]:
        """The DAGs that have been read so far."""
        return {dag["dag_id"] for dag in self._ask("GET", "/dags?limit=500")["dags"]}

    def import_errors(self) -> dict[str, str]:
        """What could not be read: the message by the file."""
        return {error["filename"]: error["stack_trace"] for error in self._ask("GET", "/importErrors")["import_errors"]}

    def wait_for_dags(self, wanted: Sequence[str], seconds: float) -> None:
        """Return once every DAG named has been read.

        :raises AirflowError: one has not, after ``seconds``; with the import errors
        """
        deadline = time.monotonic() + seconds
        while missing := set(wanted) - self.dag_ids():
            if time.monotonic() > deadline:
                errors = "".join(f"\n{file}: {message}" for file, message in self.import_errors().items())
                raise AirflowError(f"after {seconds:.0f} s there is no DAG {', '.join(sorted(missing))}{errors}")
            time.sleep(_POLL_SECONDS)

    def description(self, dag_id: str) -> str:
        """What a DAG says of itself, as it was read last."""
        return str(self._ask("GET", f"/dags/{dag_id}")["description"])

    def read_again(self, dag_id: str) -> None:
        """Ask for a DAG's file to be read at once; asked for already, it will be."""
        token = self._ask("GET", f"/dags/{dag_id}")["file_token"]
        try:
            self._ask("PUT", f"/parseDagFile/{token}")
        except AirflowError as error:
            if f"answered {httpx.codes.CONFLICT}" not in str(error):
                raise

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> Run:
        """Unpause a DAG and start a run of it.

        :raises AirflowError: there is no such DAG, or a param is refused
        """
        self.pause(dag_id, paused=False)
        # Named here, so that asking again cannot start a second one.
        run = Run(dag_id, f"manual__{datetime.now(UTC).isoformat()}")
        self._ask(
            "POST", f"/dags/{dag_id}/dagRuns", {"dag_run_id": run.run_id, "logical_date": None, "conf": dict(conf)}
        )
        return run

    def look(self, run: Run) -> RunState:
        """A run and its tasks, those that began first at the front."""
        answer = self._ask("GET", run.path)
        tasks = [Task.read(one) for one in self._ask("GET", f"{run.path}/taskInstances?limit=200")["task_instances"]]
        tasks.sort(key=lambda task: (task.started is None, task.started and task.started.timestamp(), task.task_id))
        return RunState(answer["state"], _moment(answer["start_date"]), _moment(answer["end_date"]), tuple(tasks))

    def wait(self, run: Run, seconds: float, watch: Callable[[RunState], None] = lambda _: None) -> RunState:
        """Return a run once it has finished, well or not; ``watch`` sees it at each look before.

        :raises AirflowError: it has not, after ``seconds``; with the tasks that are under way
        """
        return self.wait_until(run, lambda found: found.finished, "finished", seconds, watch)

    def wait_for_task(self, run: Run, task_id: str, states: Sequence[str], seconds: float) -> RunState:
        """Return a run once one of its tasks is in one of the states.

        :raises AirflowError: it is not, after ``seconds``, or the run has finished before
        """
        wanted = set(states)
        found = self.wait_until(
            run,
            lambda seen: seen.finished or seen.states().get(task_id) in wanted,
            f"at {task_id} {'/'.join(states)}",
            seconds,
        )
        if found.states().get(task_id) not in wanted:
            raise AirflowError(f"{run.dag_id} {found.state} before {task_id} was {'/'.join(states)}")
        return found

    def wait_until(
        self,
        run: Run,
        reached: Callable[[RunState], bool],
        words: str,
        seconds: float,
        watch: Callable[[RunState], None] = lambda _: None,
    ) -> RunState:
        """Return a run once it has ``reached`` what ``words`` describe.

        :raises AirflowError: it has not, after ``seconds``
        """
        deadline = time.monotonic() + seconds
        while True:
            found = self.look(run)
            watch(found)
            if reached(found):
                return found
            if time.monotonic() > deadline:
                open_tasks = [
                    f"{t.task_id} {t.state}" for t in found.tasks if t.state not in {None, "success", "skipped"}
                ]
                raise AirflowError(
                    f"{run.dag_id} is not {words} after {seconds:.0f} s: {', '.join(open_tasks) or 'no task runs'}"
                )
            time.sleep(_POLL_SECONDS)

    def mark(self, run: Run, state: str) -> None:
        """Mark a run ``success`` or ``failed``, as a person does in the UI."""
        self._ask("PATCH", run.path, {"state": state})

    def mark_task(self, run: Run, task_id: str, state: str) -> None:
        """Mark a task, as a person does in the UI."""
        self._ask("PATCH", f"{run.path}/taskInstances/{task_id}", {"new_state": state})

    def clear(self, run: Run, task_id: str, *, downstream: bool = True) -> None:
        """Clear a task, with what comes after it or alone, as a person does in the UI."""
        body = {"dag_run_id": run.run_id, "task_ids": [task_id], "dry_run": False, "include_downstream": downstream}
        self._ask(
            "POST", f"/dags/{run.dag_id}/clearTaskInstances", body | {"only_failed": False, "reset_dag_runs": True}
        )

    def answer(self, run: Run, task_id: str, *chosen: str) -> None:
        """Answer a task that asks a person, as its form does.

        :raises AirflowError: this user may not, or it asks nobody
        """
        path = f"{run.path}/taskInstances/{task_id}/-1/hitlDetails"
        self._ask("PATCH", path, {"chosen_options": list(chosen), "params_input": {}})

    def pause(self, dag_id: str, *, paused: bool = True) -> None:
        """Pause a DAG, or let it go on."""
        self._ask("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": paused})

    def delete(self, run: Run) -> None:
        """Delete a run with its tasks, as a person does in the UI."""
        self._ask("DELETE", run.path)

    def xcom(self, run: Run, task_id: str, key: str = "return_value") -> Any:
        """What a task has handed on.

        :raises AirflowError: it has not
        """
        return self._ask("GET", f"{run.path}/taskInstances/{task_id}/xcomEntries/{key}?deserialize=true")["value"]

    def asset_events(self, uri: str) -> list[dict[str, Any]]:
        """What was said of an asset, the first at the front; nothing: there is no such asset."""
        # Airflow calls a new one active a minute later.
        assets = self._ask("GET", f"/assets?uri_pattern={quote(uri)}&only_active=false")["assets"]
        found = [one["id"] for one in assets if one["uri"] == uri]
        events = [self._ask("GET", f"/assets/events?asset_id={one}&order_by=timestamp") for one in found]
        return [event for answer in events for event in answer["asset_events"]]

    def log(self, run: Run, task: Task) -> list[dict[str, Any]]:
        """The entries of the log of a task's last attempt."""
        answer = self._ask("GET", f"{run.path}/taskInstances/{task.task_id}/logs/{task.attempt}?full_content=true")
        return [entry if isinstance(entry, dict) else {"event": entry} for entry in answer["content"]]

    def reason(self, run: Run, task: Task) -> str:
        """Why a task failed: the message of the last exception in its log, or its last line."""
        entries = self.log(run, task)
        for entry in reversed(entries):
            if details := entry.get("error_detail"):
                return str(details[0]["exc_value"])
        return str(entries[-1]["event"]) if entries else "(no log)"

    def failures(self, run: Run) -> dict[str, str]:
        """Each failed task of a run and why."""
        return {task.task_id: self.reason(run, task) for task in self.look(run).tasks if task.state == "failed"}

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        for attempt in range(_TRIES):
            try:
                answer = self._http.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise AirflowError(f"{method} {path}: {error or type(error).__name__}") from error
            if attempt and answer.status_code == httpx.codes.CONFLICT:
                return None  # the try before had done it after all
            # One API server on SQLite can stand in its own way: two of its requests wait for each other to write,
            # until one gives up.
            if answer.status_code != httpx.codes.INTERNAL_SERVER_ERROR or _LOCKED not in answer.text:
                break
        if answer.is_error:
            raise AirflowError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
