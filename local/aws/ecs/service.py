"""One service: its tasks kept at the desired count, its deployments rolled out, and rolled back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from local.aws.background import Stopping
from local.aws.ecs.deployments import Deployment, Revision, Status
from local.aws.ecs.rollout import Bounds, breaker_threshold, next_step
from local.aws.ecs.tasks import Surroundings, Task
from local.aws.ecs.workforce import Retries, Workforce

_BUSY_PAUSE = 0.1
_STEADY_PAUSE = 1.0
_EVENTS_KEPT = 100
_START_SECONDS = 10.0
"""A task that ends by itself sooner has not started: enough for a program on a machine that is busy."""
_BREAKER_REASON = "ECS deployment circuit breaker: tasks failed to start."
_NO_CANDIDATE = "No rollback candidate was found to run the rollback."

Launch = Callable[["Service", Deployment], Task]


class Service:
    """A service that lives until it is deleted. ``record`` is what DescribeServices gives of it."""

    def __init__(self, surroundings: Surroundings, record: dict[str, Any], launch: Launch) -> None:
        self.record = record
        self.deployments: list[Deployment] = []
        """Every deployment there was, the newest first."""
        self._surroundings = surroundings
        self._server = surroundings.server
        self._lock = surroundings.lock
        self._launch = launch
        self._workforce = Workforce(surroundings, record, self.tell)
        self._retries = Retries()
        self._shown: list[Deployment] = []
        self._completed: Deployment | None = None
        self._failing: Deployment | None = None
        self._settled_since: float | None = None
        self._wake = threading.Event()

    @property
    def name(self) -> str:
        """``serviceName``."""
        return str(self.record["serviceName"])

    @property
    def status(self) -> str:
        """ACTIVE, DRAINING or INACTIVE."""
        return str(self.record["status"])

    @property
    def primary(self) -> Deployment:
        """The deployment that the service is brought to."""
        return next(each for each in self._shown if each.primary)

    @property
    def desired(self) -> int:
        """``desiredCount``."""
        return int(self.record["desiredCount"])

    def wake(self) -> None:
        """Look at the service again now."""
        self._wake.set()

    def run(self) -> None:
        """Bring the service to what is asked for, until it is INACTIVE."""
        while self.status != "INACTIVE":
            if self._server.background.stopping:
                raise Stopping
            self._wake.clear()
            with self._lock:
                self._advance()
                busy = not self._is_stalled() and (self.primary.rollout_state == "IN_PROGRESS" or self._unsettled())
            self._wake.wait(_BUSY_PAUSE if busy else _STEADY_PAUSE)

    def deploy(self, revision: Revision) -> Deployment:
        """Begin to roll out a revision; one that is still being rolled out is superseded."""
        with self._lock:
            sources = [each.revision.arn for each in self._workforce.deployments]
            deployment = Deployment(revision, sources)
            for other in self._shown:
                other.primary = False
            self._failing = None
            for other in self.deployments:
                if not other.ended:
                    other.move(Status.STOPPED, f"Superseded by {deployment.arn}")
            self.deployments.insert(0, deployment)
            self._shown.insert(0, deployment)
            self._retries.start_afresh()
            self._settled_since = None
            self._publish()
        self.wake()
        return deployment

    def scale(self, desired: int) -> None:
        """Change the desired count, which is no deployment."""
        with self._lock:
            self.record["desiredCount"] = desired
            self._publish()
        self.wake()

    def stop_deployment(self, deployment: Deployment, *, roll_back: bool) -> bool:
        """Stop the roll-out under way. False: there is nothing to roll back to."""
        with self._lock:
            if not roll_back:
                deployment.move(Status.STOP_REQUESTED)
            elif self._completed is None:
                return False
            else:
                deployment.move(Status.ROLLBACK_REQUESTED)
            self._publish()
        self.wake()
        return True

    def delete(self) -> None:
        """Stop every task, then be INACTIVE."""
        with self._lock:
            self.record.update(status="DRAINING", desiredCount=0)
            for deployment in self.deployments:
                if not deployment.ended:
                    deployment.move(Status.STOPPED, "The service was deleted")
            self._publish()
        self.wake()

    def tell(self, message: str) -> None:
        """Add an event, in AWS's words."""
        event = {"id": str(uuid4()), "createdAt": time.time(), "message": f"(service {self.name}) {message}"}
        self.record["events"] = [event, *self.record["events"]][:_EVENTS_KEPT]

    def _advance(self) -> None:
        if self.primary.status is Status.PENDING:
            self.primary.move(Status.IN_PROGRESS)
        self._count_failures()
        self._follow_requests()
        self._judge()
        if self._is_stalled():
            sick = [task for task in self._workforce.live(self.primary) if not self._workforce.is_healthy(task)]
            self._workforce.dismiss(sick, self.primary)
            self._workforce.give_up(self._workforce.ill)
        else:
            self._roll()
        self._complete()
        self._publish()

    def _count_failures(self) -> None:
        for task, deployment in self._workforce.take_ended():
            if task.record.get("stopCode") in ("TaskFailedToStart", "EssentialContainerExited"):
                self._retries.set_back()
                # AWS's breaker counts tasks that do not start and failed health checks, no later crash.
                if task.lasted < _START_SECONDS:
                    deployment.failed_tasks += 1
                    self.tell(f"(task {task.id}) failed to start: {task.record['stoppedReason']}")
        for deployment in self._workforce.take_ill():
            self._retries.set_back()
            deployment.failed_tasks += 1

    def _follow_requests(self) -> None:
        newest = self.deployments[0]
        if newest.status is Status.STOP_REQUESTED:
            newest.rollout("FAILED", "ECS deployment was stopped.")
            newest.move(Status.STOPPED, "Service deployment was stopped by StopServiceDeployment")
        elif newest.status is Status.ROLLBACK_REQUESTED:
            self._roll_back(newest, "Service deployment rolled back because of StopServiceDeployment")

    def _judge(self) -> None:
        """Has the deployment failed, by the circuit breaker's count?"""
        primary = self.primary
        breaker = self.record["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
        primary.threshold = breaker_threshold(breaker, self.desired)
        if primary.rollout_state != "IN_PROGRESS":
            return
        if self._workforce.has_newly_healthy(primary) and breaker.get("resetOnHealthyTask", True):
            primary.failed_tasks = 0
        if not breaker.get("enable") or primary.failed_tasks < primary.threshold:
            return
        primary.breaker_status = "TRIGGERED"
        self.tell(f"(deployment {primary.id}) deployment failed: tasks failed to start.")
        if self._failing is not None:
            primary.rollout("FAILED", _BREAKER_REASON)
            self._failing.move(Status.ROLLBACK_FAILED, "The rollback's tasks failed to start")
            self._failing = None
        elif breaker.get("rollback"):
            self._roll_back(primary, "Service deployment rolled back because of circuit breaker")
        else:
            primary.rollout("FAILED", _BREAKER_REASON)
            primary.move(Status.STOPPED, _BREAKER_REASON)

    def _roll_back(self, failed: Deployment, reason: str) -> None:
        failed.rollout("FAILED", _BREAKER_REASON if failed.breaker_status == "TRIGGERED" else reason)
        target = self._completed
        if target is None:
            failed.move(Status.ROLLBACK_FAILED, f"{reason}. {_NO_CANDIDATE}")
            return
        failed.move(Status.ROLLBACK_IN_PROGRESS, reason)
        failed.rollback = {
            "reason": reason,
            "startedAt": time.time(),
            "serviceRevisionArn": target.revision.arn,
        }
        failed.primary, target.primary = False, True
        target.failed_tasks = 0
        target.rollout("IN_PROGRESS", f"ECS deployment circuit breaker: rolling back to deploymentId {target.id}.")
        if target not in self._shown:
            self._shown.append(target)
        self._failing = failed
        self._retries.start_afresh()
        self._settled_since = None
        self.tell(f"rolling back to deployment {target.id}.")

    def _is_stalled(self) -> bool:
        return self.status == "ACTIVE" and self.primary.rollout_state == "FAILED"

    def _roll(self) -> None:
        configuration = self.record["deploymentConfiguration"]
        bounds = Bounds(self.desired, configuration["minimumHealthyPercent"], configuration["maximumPercent"])
        force = self._workforce
        new, old = force.live(self.primary), force.live_of_others(self.primary)
        ill = force.ill
        step = next_step(bounds, force.counted(new), force.counted(old), len(ill))
        force.dismiss([*new[: step.stop_new], *old[: step.stop_old]], self.primary)
        force.give_up(ill[: step.stop_ill])
        if step.start and self._retries.allowed:
            force.add([self._launch(self, self.primary) for _ in range(step.start)], self.primary)

    def _complete(self) -> None:
        primary = self.primary
        if self.status == "DRAINING":
            if not self._workforce:
                self.record["status"] = "INACTIVE"
            return
        if primary.rollout_state != "IN_PROGRESS" or self._unsettled():
            self._settled_since = None
            return
        now = time.monotonic()
        self._settled_since = self._settled_since or now
        if now - self._settled_since < self._server.delays["ecs.steady"]:
            return
        primary.rollout("COMPLETED", "ECS deployment completed.")
        self.tell(f"(deployment {primary.id}) deployment completed.")
        self.tell("has reached a steady state.")
        if self._failing is not None:
            self._failing.move(Status.ROLLBACK_SUCCESSFUL, self._failing.status_reason)
            self._failing = None
        else:
            primary.breaker_status = "MONITORING_COMPLETE"
            primary.move(Status.SUCCESSFUL)
        self._completed = primary

    def _unsettled(self) -> bool:
        """Whether tasks are still started, stopped, or not healthy."""
        live = self._workforce.counted(self._workforce.live(self.primary))
        return not live.live == live.healthy == len(self._workforce) == self.desired

    def _publish(self) -> None:
        present = self._workforce.deployments
        # What has no task left is gone, except a failure that is still being undone.
        self._shown = [each for each in self._shown if each.primary or each in present or each is self._failing]
        for deployment in self._shown:
            deployment.running, deployment.pending = self._workforce.states(deployment)
            wanted = len(self._workforce.live(deployment))
            deployment.desired = self.desired if deployment.primary else wanted
        for deployment in self.deployments:
            if deployment not in self._shown:
                deployment.running = deployment.pending = deployment.desired = 0
        self.record.update(
            deployments=[each.in_service() for each in self._shown],
            runningCount=sum(each.running for each in self._shown),
            pendingCount=sum(each.pending for each in self._shown),
            taskDefinition=self.primary.revision.settings["taskDefinition"],
        )


def settings_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a service makes a new deployment when it changes."""
    names = ("launchType", "capacityProviderStrategy", "platformVersion", "platformFamily")
    return {
        "taskDefinition": record["taskDefinition"],
        **{name: record[name] for name in names if record.get(name)},
        "loadBalancers": record["loadBalancers"],
        "networkConfiguration": record["networkConfiguration"],
    }
