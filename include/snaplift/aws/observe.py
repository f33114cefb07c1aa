"""Look at one thing that is waited for. Blocking: a trigger calls it in a thread."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

from snaplift.aws.aws import Aws
from snaplift.promotion import deployment
from snaplift.promotion.wait import Kind, Observation, Wait

Look = Callable[[Aws, Wait], Observation | None]


def _stack(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.stacks.find(wait.name)
    return Observation(state=found.status, identity=found.id, detail=found.reason) if found else None


def _change_set(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.change_sets.find(wait.name, wait.scope or "")
    return Observation(state=found.state, identity=found.arn, detail=found.reason) if found else None


def _db_instance(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.databases.instance(wait.name)
    return Observation(state=found.status, identity=found.resource_id) if found else None


def _db_snapshot(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.databases.snapshot(wait.name)
    return Observation(state=found.status, detail=f"{found.percent} %") if found else None


def _service_deployment(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.services.find_deployment(wait.name)
    return Observation(state=found.status, identity=found.arn, detail=found.reason) if found else None


def _service(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.services.service(wait.scope or "", wait.name)
    if found is None:
        return None
    running = f"{found.running} of {found.desired} tasks run"
    return Observation(state=deployment.state(found), identity=found.task_definition, detail=running)


def _task(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.services.task(wait.scope or "", wait.name)
    return Observation(state=found.status, identity=found.arn, detail=found.reason) if found else None


def _http(_aws: Aws, wait: Wait) -> Observation | None:
    """Ask a task of the candidate. That it does not answer yet is a state, not an absence."""
    url = urlsplit(wait.name)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=5)
    try:
        connection.request("GET", url.path or "/", headers={"Host": wait.scope or url.netloc})
        return Observation(state=str(connection.getresponse().status))
    except (OSError, http.client.HTTPException) as error:
        return Observation(state="no answer", detail=str(error))
    finally:
        connection.close()


def _lock(aws: Aws, wait: Wait) -> Observation | None:
    found = aws.locks.find(wait.scope or "", wait.name)
    return Observation(state=found.phase, detail=f"by run {found.record.run}") if found else None


LOOKS: dict[Kind, Look] = {
    "stack": _stack,
    "change_set": _change_set,
    "db_instance": _db_instance,
    "db_snapshot": _db_snapshot,
    "service": _service,
    "service_deployment": _service_deployment,
    "task": _task,
    "http": _http,
    "lock": _lock,
}
"""How to look, by kind of thing."""


def make_client(wait: Wait) -> Aws:
    """Make what a wait is observed with; it may be used for many looks."""
    return Aws(wait.connection, wait.region)


def observe(wait: Wait, aws: Aws) -> Observation | None:
    """Look once. None: there is no such thing.

    :raises ClientError: AWS did not say; that is never an absence.
    """
    return LOOKS[wait.kind](aws, wait)
