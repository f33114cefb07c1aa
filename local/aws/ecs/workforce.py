"""A service's tasks: each belongs to a deployment, and serves or does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.aws.ecs.deployments import Deployment
from local.aws.ecs.rollout import Tasks
from local.aws.ecs.tasks import Surroundings, Task
from local.aws.elb.targets import Health

Tell = Callable[[str], None]
_PENDING = ("PROVISIONING", "PENDING", "ACTIVATING")


class Workforce:
    """The tasks of one service that have not ended."""

    def __init__(self, surroundings: Surroundings, service: Mapping[str, Any], tell: Tell) -> None:
        self._surroundings = surroundings
        self._service = service
        self._tell = tell
        self._tasks: dict[Task, Deployment] = {}
        self._seen_healthy: set[Task] = set()
        self._ill: dict[Task, str] = {}
        """Those whose checks failed, each with the reason: they are replaced, even if they recover."""

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def deployments(self) -> list[Deployment]:
        """The deployments that still have tasks, the oldest task's first."""
        return list(dict.fromkeys(self._tasks.values()))

    def add(self, tasks: Sequence[Task], deployment: Deployment) -> None:
        """Take on tasks that were just started."""
        self._tasks.update(dict.fromkeys(tasks, deployment))
        self._tell(f"has started {len(tasks)} tasks: {_named(tasks)}.")

    def dismiss(self, tasks: Sequence[Task], deployment: Deployment) -> None:
        """Stop tasks because a deployment needs them no longer."""
        for task in tasks:
            task.stop("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {deployment.id})")
        if tasks:
            self._tell(f"has begun draining connections on {len(tasks)} tasks.")
            self._tell(f"has stopped {len(tasks)} running tasks: {_named(tasks)}.")

    def take_ended(self) -> list[tuple[Task, Deployment]]:
        """The tasks that have ended since the last time, which are ours no longer."""
        ended = [(task, deployment) for task, deployment in self._tasks.items() if task.ended]
        for task, _ in ended:
            del self._tasks[task]
            self._seen_healthy.discard(task)
            self._ill.pop(task, None)
        return ended

    def take_ill(self) -> list[Deployment]:
        """Find the tasks whose checks fail since the last time. Returns the deployment of each."""
        well = [task for task in self._tasks if task.wanted and task not in self._ill]
        found = {task: reason for task in well if (reason := self._illness(task))}
        for task, reason in found.items():
            self._tell(f"(task {task.id}) is unhealthy: {reason}")
        self._ill |= found
        return [self._tasks[task] for task in found]

    @property
    def ill(self) -> list[Task]:
        """The tasks, of any deployment, that are to be replaced and still run, the oldest first."""
        return [task for task in self._ill if task.wanted]

    def give_up(self, tasks: Sequence[Task]) -> None:
        """Stop tasks that are ill."""
        for task in tasks:
            task.stop("ServiceSchedulerInitiated", self._ill[task])

    def live(self, deployment: Deployment) -> list[Task]:
        """A deployment's tasks that are to run on, the most expendable first: not healthy, then newest."""
        return self._expendable(task for task, its in self._staying() if its is deployment)

    def live_of_others(self, deployment: Deployment) -> list[Task]:
        """All other deployments' tasks that are to run on, in the same order."""
        return self._expendable(task for task, its in self._staying() if its is not deployment)

    def _staying(self) -> list[tuple[Task, Deployment]]:
        return [(task, its) for task, its in self._tasks.items() if task.wanted and task not in self._ill]

    def counted(self, tasks: Sequence[Task]) -> Tasks:
        """How many they are, and how many of them are healthy."""
        return Tasks(len(tasks), sum(self.is_healthy(task) for task in tasks))

    def has_newly_healthy(self, deployment: Deployment) -> bool:
        """Whether a task of the deployment has become healthy since the last time."""
        healthy = {task for task in self.live(deployment) if self.is_healthy(task)}
        new = healthy - self._seen_healthy
        self._seen_healthy |= new
        return bool(new)

    def states(self, deployment: Deployment) -> tuple[int, int]:
        """How many of a deployment's tasks are running, and how many are pending."""
        tasks = [task for task, its in self._tasks.items() if its is deployment]
        running = sum(task.state == "RUNNING" for task in tasks)
        return running, sum(task.state in _PENDING and task.wanted for task in tasks)

    def is_healthy(self, task: Task) -> bool:
        """Whether a task serves: it runs, and every check it has says so."""
        if task.state != "RUNNING" or not task.wanted:
            return False
        if not task.targets and not task.has_health_check:
            return task.ran_for >= self._surroundings.server.delays["ecs.start"]
        if task.has_health_check and task.health() != "HEALTHY":
            return False
        for group, port in task.targets:
            target = self._surroundings.balancing.target(group, task.address, port)
            if target is None or target.health not in (Health.HEALTHY, Health.UNUSED):
                return False
        return True

    def _illness(self, task: Task) -> str:
        if task.ran_at is None:
            return ""
        if task.health() == "UNHEALTHY":
            return "Task failed container health checks"
        if task.ran_for < float(self._service.get("healthCheckGracePeriodSeconds") or 0):
            return ""
        for group, port in task.targets:
            target = self._surroundings.balancing.target(group, task.address, port)
            if target is not None and target.health is Health.UNHEALTHY:
                return f"Task failed ELB health checks in (target-group {group})"
        return ""

    def _expendable(self, tasks: Any) -> list[Task]:
        return sorted(tasks, key=lambda task: (self.is_healthy(task), -float(task.record["createdAt"])))


class Retries:
    """Tasks that keep failing are started again ever more slowly, as AWS throttles them."""

    _FIRST, _LAST = 0.25, 15.0

    def __init__(self) -> None:
        self._setbacks = 0
        self._not_before = 0.0

    @property
    def allowed(self) -> bool:
        """Whether a task may be started now."""
        return time.monotonic() >= self._not_before

    def set_back(self) -> None:
        """A task has failed."""
        self._not_before = time.monotonic() + min(self._LAST, self._FIRST * 2**self._setbacks)
        self._setbacks = min(self._setbacks + 1, 10)

    def start_afresh(self) -> None:
        """Something else is started now."""
        self._setbacks, self._not_before = 0, 0.0


def _named(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {task.id})" for task in tasks)
