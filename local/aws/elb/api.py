"""The ELBv2 calls whose answers depend on real listeners, targets and health."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from local.aws import patching
from local.aws.elb.checks import Checks, Refusal
from local.aws.elb.targets import Target

if TYPE_CHECKING:
    from local.aws.elb.balancing import LoadBalancing

Handler = Callable[[dict[str, Any]], Any]
_CHANGING = (
    "CreateListener",
    "ModifyListener",
    "DeleteListener",
    "CreateRule",
    "ModifyRule",
    "DeleteRule",
    "SetRulePriorities",
    "CreateTargetGroup",
    "DeleteTargetGroup",
    "DeleteLoadBalancer",
)


def install(balancing: LoadBalancing, checks: Checks) -> None:
    """Put our handlers before or in the place of ministack's."""
    from ministack.services import alb

    patching.require(alb, "_p", "_error", "_xml", "_empty", "_parse_actions", "_parse_conditions")
    patching.require(alb, "_parse_targets_param", "_parse_member_list")
    api = _Api(alb, balancing, checks)
    table: dict[str, Handler] = alb._ACTION_MAP
    for name in _CHANGING:
        original = patching.entry(table, name, of="alb._ACTION_MAP")
        table[name] = api.guarded(api.checks_of.get(name), original)
    table["CreateListener"] = api.serving(table["CreateListener"])
    for name, handler in api.own.items():
        patching.entry(table, name, of="alb._ACTION_MAP")
        table[name] = api.guarded(None, handler)
    describe_groups = patching.entry(table, "DescribeTargetGroups", of="alb._ACTION_MAP")
    table["DescribeTargetGroups"] = api.with_load_balancers(describe_groups)
    _tell_networks(alb)


def _tell_networks(alb: Any) -> None:
    """A load balancer is in the network of its subnets; ministack says one that it has made up."""
    from ministack.services import ec2

    patching.require(ec2, "_subnets")

    def described(balancer: dict[str, Any]) -> str:
        networks = [ec2._subnets[subnet]["VpcId"] for subnet in balancer["Subnets"] if subnet in ec2._subnets]
        return str(original({**balancer, **({"VpcId": networks[0]} if networks else {})}))

    original = patching.replace(alb, "_lb_xml", described)


class _Api:
    def __init__(self, alb: Any, balancing: LoadBalancing, checks: Checks) -> None:
        self._alb = alb
        self._balancing = balancing
        self._checks = checks
        self.checks_of: dict[str, Handler] = {
            "CreateListener": self._check_new_listener,
            "ModifyListener": self._check_changed_listener,
            "CreateRule": self._check_new_rule,
            "DeleteTargetGroup": lambda params: checks.target_group_deletion(self._text(params, "TargetGroupArn")),
            "DeleteLoadBalancer": self._delete_listeners,
        }
        self.own: dict[str, Handler] = {
            "RegisterTargets": self._register,
            "DeregisterTargets": self._deregister,
            "DescribeTargetHealth": self._describe_health,
        }

    def guarded(self, check: Handler | None, original: Handler) -> Handler:
        """Check first, answer refusals as AWS does, and let the load balancer know afterwards."""

        def handle(params: dict[str, Any]) -> Any:
            _plain_forward(params)
            try:
                if check is not None:
                    check(params)
                return original(params)
            except Refusal as refusal:
                return self._alb._error(refusal.code, refusal.message)
            finally:
                self._balancing.changed()

        return handle

    def serving(self, original: Handler) -> Handler:
        """A listener is made when its port answers."""

        def handle(params: dict[str, Any]) -> Any:
            answer = original(params)
            if answer[0] == 200:
                self._balancing.wait_until_served(int(self._text(params, "Port") or 80))
            return answer

        return handle

    def with_load_balancers(self, original: Handler) -> Handler:
        """A group names the load balancers whose rules lead to it, not only whose default actions do."""

        def handle(params: dict[str, Any]) -> Any:
            for group in self._alb._tgs.values():
                group["LoadBalancerArns"] = self._load_balancers_of(group["TargetGroupArn"])
            return original(params)

        return handle

    def _load_balancers_of(self, group: str) -> list[str]:
        found = {
            self._alb._listeners[rule["ListenerArn"]]["LoadBalancerArn"]
            for rule in self._alb._rules.values()
            if rule["ListenerArn"] in self._alb._listeners
            and any(action.get("TargetGroupArn") == group for action in rule["Actions"])
        }
        return sorted(found)

    def _check_new_listener(self, params: dict[str, Any]) -> None:
        self._checks.listener(
            self._text(params, "LoadBalancerArn"),
            int(self._text(params, "Port") or 80),
            self._text(params, "Protocol") or "HTTP",
            self._alb._parse_actions(params, "DefaultActions"),
        )

    def _check_changed_listener(self, params: dict[str, Any]) -> None:
        listener = self._alb._listeners.get(self._text(params, "ListenerArn"))
        if listener is not None:
            port = int(self._text(params, "Port") or listener["Port"])
            self._checks.listener_port(port, self._text(params, "Protocol") or listener["Protocol"])

    def _check_new_rule(self, params: dict[str, Any]) -> None:
        listener = self._text(params, "ListenerArn")
        if listener not in self._alb._listeners:
            raise Refusal("ListenerNotFound", f"One or more listeners not found: '{listener}'")
        self._checks.rule(
            listener,
            self._text(params, "Priority"),
            self._alb._parse_conditions(params),
            self._alb._parse_actions(params, "Actions"),
        )

    def _delete_listeners(self, params: dict[str, Any]) -> None:
        arn = self._text(params, "LoadBalancerArn")
        for listener in self._alb._listeners.values():
            if listener["LoadBalancerArn"] == arn:
                self._alb._delete_listener({"ListenerArn": listener["ListenerArn"]})

    def _register(self, params: dict[str, Any]) -> Any:
        group = self._group(params)
        for target in self._alb._parse_targets_param(params):
            arn = group["TargetGroupArn"]
            self._balancing.register(arn, target["Id"], target.get("Port", group["Port"]))
        return self._alb._empty("RegisterTargets")

    def _deregister(self, params: dict[str, Any]) -> Any:
        group = self._group(params)
        arn = group["TargetGroupArn"]
        for wanted in self._alb._parse_targets_param(params):
            for target in self._balancing.targets(arn):
                if target.key.address == wanted["Id"] and target.key.port == wanted.get("Port", target.key.port):
                    self._balancing.deregister(arn, target.key.address, target.key.port)
        return self._alb._empty("DeregisterTargets")

    def _describe_health(self, params: dict[str, Any]) -> Any:
        group = self._group(params)
        registered = self._balancing.targets(group["TargetGroupArn"])
        members = [_health_xml(target) for target in registered]
        if asked := self._alb._parse_targets_param(params):
            members = [_found_xml(registered, wanted["Id"], wanted.get("Port", group["Port"])) for wanted in asked]
        inner = f"<TargetHealthDescriptions>{''.join(members)}</TargetHealthDescriptions>"
        return self._alb._xml(200, "DescribeTargetHealth", inner)

    def _group(self, params: dict[str, Any]) -> dict[str, Any]:
        arn = self._text(params, "TargetGroupArn")
        group: dict[str, Any] | None = self._alb._tgs.get(arn)
        if group is None:
            raise Refusal("TargetGroupNotFound", f"One or more target groups not found: '{arn}'")
        return group

    def _text(self, params: dict[str, Any], name: str) -> str:
        return str(self._alb._p(params, name))


def _plain_forward(params: dict[str, Any]) -> None:
    """A forward action may name its one target group in ForwardConfig, which ministack does not read."""
    marker = ".ForwardConfig.TargetGroups.member.1.TargetGroupArn"
    for key in [key for key in params if key.endswith(marker)]:
        action = key.removesuffix(marker)
        if f"{action}.ForwardConfig.TargetGroups.member.2.TargetGroupArn" not in params:
            params.setdefault(f"{action}.TargetGroupArn", params[key])


def _found_xml(registered: list[Target], address: str, port: int) -> str:
    for target in registered:
        if (target.key.address, target.key.port) == (address, port):
            return _health_xml(target)
    return _member_xml(address, port, "unused", "Target.NotRegistered", "Target is not registered to the target group")


def _health_xml(target: Target) -> str:
    return _member_xml(target.key.address, target.key.port, target.health, target.reason, target.description)


def _member_xml(address: str, port: int, state: str, reason: str, description: str) -> str:
    because = f"<Reason>{reason}</Reason><Description>{escape(description)}</Description>" if reason else ""
    return (
        f"<member><Target><Id>{escape(address)}</Id><Port>{port}</Port></Target>"
        f"<HealthCheckPort>{port}</HealthCheckPort>"
        f"<TargetHealth><State>{state}</State>{because}</TargetHealth></member>"
    )
