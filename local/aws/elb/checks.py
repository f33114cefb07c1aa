"""What AWS refuses of load balancers' parts, asked before ministack, which takes it, makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from local.aws.elb.routes import Unsupported, action, routes
from local.aws.listening import listen

if TYPE_CHECKING:
    from local.aws.elb.balancing import LoadBalancing

_HIGHEST_PRIORITY = 50_000
HOST = "127.0.0.1"


class Refusal(Exception):
    """AWS's error code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Checks:
    """Raises `Refusal` for what cannot be made or deleted."""

    def __init__(self, balancing: LoadBalancing) -> None:
        from ministack.services import alb

        self._alb: Any = alb
        self._balancing = balancing

    def listener(self, load_balancer: str, port: int, protocol: str, actions: Sequence[Mapping[str, Any]]) -> None:
        """A listener can be made: its port is free on the load balancer and on this machine."""
        for listener in self._alb._listeners.values():
            if listener["LoadBalancerArn"] == load_balancer and listener["Port"] == port:
                raise Refusal("DuplicateListener", f"A listener already exists on this port: {port}")
        self.listener_port(port, protocol)
        self._actions(actions)

    def listener_port(self, port: int, protocol: str) -> None:
        """This machine's port can be listened on, or is the load balancer's already."""
        if protocol != "HTTP":
            raise Refusal("UnsupportedProtocol", f"protocol {protocol}: this load balancer speaks HTTP only")
        if self._balancing.is_served(port):
            return
        try:
            listen(HOST, port).close()
        except OSError as error:
            raise Refusal("ResourceInUse", str(error.strerror)) from error

    def rule(
        self,
        listener: str,
        priority: str,
        conditions: Sequence[Mapping[str, Any]],
        actions: Sequence[Mapping[str, Any]],
        besides: str | None = None,
    ) -> None:
        """A rule can be made, or (``besides`` being its ARN) changed to this."""
        if not priority.isdigit() or not 1 <= int(priority) <= _HIGHEST_PRIORITY:
            raise Refusal("ValidationError", f"Priority '{priority}' must be between 1 and {_HIGHEST_PRIORITY}")
        for rule in self._alb._rules.values():
            if rule["ListenerArn"] == listener and rule["Priority"] == priority and rule["RuleArn"] != besides:
                raise Refusal("PriorityInUse", f"Priority '{priority}' is currently in use")
        if not conditions:
            raise Refusal("ValidationError", "A condition must be specified")
        self._actions(actions)
        try:
            routes([{"Priority": priority, "Conditions": conditions, "Actions": actions}])
        except Unsupported as error:
            raise Refusal("ValidationError", str(error)) from error

    def target_group_name(self, name: str | None, besides: str | None = None) -> None:
        """No other target group has this name."""
        for group in self._alb._tgs.values():
            if name and group["TargetGroupName"] == name and group["TargetGroupArn"] != besides:
                raise Refusal("DuplicateTargetGroupName", f"A target group with the same name '{name}' exists")

    def target_group_deletion(self, arn: str) -> None:
        """No listener and no rule leads to the group."""
        if self._balancing.in_use(arn):
            raise Refusal("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")

    def _actions(self, actions: Sequence[Mapping[str, Any]]) -> None:
        for each in actions:
            arn = each.get("TargetGroupArn")
            if arn and arn not in self._alb._tgs:
                raise Refusal("TargetGroupNotFound", f"Target groups '{arn}' not found")
        try:
            action(actions)
        except Unsupported as error:
            raise Refusal("ValidationError", str(error)) from error
