"""ECS: tasks are processes, services roll out and back as AWS's do. ministack's own engine needs Docker.

Unlike AWS:

- A task is no more isolated than a process, runs as the server's user, and is told where to listen by
  ``SNAPLIFT_TASK_ADDRESS``. CPU and memory sizes are checked and not enforced, IAM roles not assumed.
- Services and tasks without a launch type run as on Fargate; there are no container instances.
- The rollback of a failed deployment brings the completed deployment back under its own id, with the tasks it
  still has. That AWS does the same could not be proven without it.
- A task that ends by itself within ten seconds counts as not started, which AWS's breaker counts; later
  crashes are not counted, as on AWS.
- A stack whose service fails at creation deletes the service before its CREATE_FAILED event, not after it.
- Only the rolling strategy, without alarms, lifecycle hooks or bake time.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from local.aws import patching
from local.aws.ecr.images import Images
from local.aws.ecs import cloudformation
from local.aws.ecs.clusters import Clusters
from local.aws.ecs.definitions import Definitions
from local.aws.ecs.deployment_api import DeploymentApi
from local.aws.ecs.launching import Launcher
from local.aws.ecs.refusal import answering
from local.aws.ecs.service_api import ServiceApi
from local.aws.ecs.task_api import TaskApi
from local.aws.ecs.tasks import Surroundings
from local.aws.elb import load_balancing

if TYPE_CHECKING:
    from local.aws.server import Server

_TASK_SUBNET = 3
_DELAYS = {
    "ecs.provision": 0.2,
    "ecs.pull": 0.1,
    # How long a service's task that nothing checks has to run before it counts as healthy.
    "ecs.start": 0.3,
    "ecs.deprovision": 0.1,
    # How long a service has to be as it should before its deployment counts as completed.
    "ecs.steady": 1.0,
    # Container health checks are done at least this often, whatever the definition says.
    "ecs.health_interval": 0.5,
}


def install(server: Server) -> None:
    """Put our calls in the place of ministack's; clusters, tags and settings stay its own."""
    from ministack.services import ecs

    patching.require(ecs, "_clusters", "_task_defs", "_services", "_tasks", "_tags", "_sanitize", "_ACTION_MAP")
    patching.require(ecs, "_resolve_cluster_name", "_register_task_definition", "_deregister_task_definition")
    for name, seconds in _DELAYS.items():
        server.delays.declare(name, seconds)
    surroundings = Surroundings(
        server,
        Images(server.state.scratch / "images"),
        load_balancing(server),
        server.addresses.pool(_TASK_SUBNET),
        threading.RLock(),
    )
    clusters, definitions, launcher = Clusters(), Definitions(), Launcher(surroundings)
    tasks = TaskApi(surroundings, clusters, definitions, launcher)
    services = ServiceApi(surroundings, clusters, definitions, launcher)
    deployments = DeploymentApi(surroundings, services)
    for name, handler in (tasks.handlers | services.handlers | deployments.handlers).items():
        ecs._ACTION_MAP[name] = answering(handler)
    cloudformation.install(server, services)
