"""ELBv2: an haproxy for each listener's port, real health checks, requests drained before a target goes.

Unlike AWS:

- All load balancers' listeners of one port share this machine's port: their rules are tried together, by
  priority. The DNS name of a load balancer leads nowhere; ask 127.0.0.1 with the Host header.
- HTTP only. Rules know host, path and method; actions know forward to one target group and fixed response.
  Others are refused when they are made.
- Targets are loopback addresses; any other is never contacted and becomes unhealthy.
- Health checks come at least every ``elb.health_interval`` seconds, where AWS allows no less than five. A target
  is unhealthy when it failed for two seconds (five, if it does not answer) or as long as AWS would take.
- At most 100 target groups a port and 16 targets a group, those being drained included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.aws.elb import api, cloudformation
from local.aws.elb.balancing import LoadBalancing
from local.aws.elb.checks import Checks

if TYPE_CHECKING:
    from local.aws.server import Server

_installed: dict[Server, LoadBalancing] = {}


def install(server: Server) -> None:
    """Bring load balancers to life; ``GET /_local/requests`` tells what each host was asked."""
    balancing = _installed[server] = LoadBalancing(server)
    checks = Checks(balancing)
    api.install(balancing, checks)
    cloudformation.install(balancing, checks)
    server.control.route("GET", "requests", lambda _: balancing.requests.as_dict())


def load_balancing(server: Server) -> LoadBalancing:
    """The load balancer of a server that it was installed in."""
    return _installed[server]
