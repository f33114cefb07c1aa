"""CloudFormation's load balancer resources: what AWS refuses is refused here too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from local.aws import patching
from local.aws.elb.checks import Checks, Refusal

if TYPE_CHECKING:
    from local.aws.elb.balancing import LoadBalancing

_PREFIX = "AWS::ElasticLoadBalancingV2::"
_KINDS = ("LoadBalancer", "Listener", "ListenerRule", "TargetGroup")
_HANDLER_CODES = {"PriorityInUse": "AlreadyExists", "DuplicateListener": "AlreadyExists"}


def install(balancing: LoadBalancing, checks: Checks) -> None:
    """Put our checks before ministack's resource handlers, and tell the load balancer afterwards."""
    from ministack.services.cloudformation import provisioners

    patching.require(provisioners, "_elbv2_listener_actions", "_flatten_listener_rule_conditions")
    resources = _Resources(provisioners, checks)
    for kind in _KINDS:
        name = f"{_PREFIX}{kind}"
        handler = patching.entry(provisioners._RESOURCE_HANDLERS, name, of="_RESOURCE_HANDLERS")
        own = resources.checks.get(kind, {})
        provisioners._RESOURCE_HANDLERS[name] = {
            **handler,
            **{
                verb: _guarded(balancing, own.get(verb), handler[verb])
                for verb in ("create", "update", "delete")
                if verb in handler
            },
        }
    listener = provisioners._RESOURCE_HANDLERS[f"{_PREFIX}Listener"]
    listener["create"] = _serving(balancing, listener["create"])


def _guarded(
    balancing: LoadBalancing, check: Callable[..., None] | None, original: Callable[..., Any]
) -> Callable[..., Any]:
    def handle(*arguments: Any, **named: Any) -> Any:
        try:
            if check is not None:
                check(*arguments, **named)
            return original(*arguments, **named)
        except Refusal as refusal:
            raise ValueError(_words(refusal)) from refusal
        finally:
            balancing.changed()

    return handle


def _serving(balancing: LoadBalancing, create: Callable[..., Any]) -> Callable[..., Any]:
    """A listener is made when its port answers."""

    def handle(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        made = create(logical_id, properties, stack)
        balancing.wait_until_served(int(properties.get("Port", 80)))
        return made

    return handle


def _words(refusal: Refusal) -> str:
    code = _HANDLER_CODES.get(refusal.code, "InvalidRequest")
    return (
        f'Resource handler returned message: "{refusal.message} (Service: ElasticLoadBalancingV2, Status Code: '
        f'400, Request ID: {uuid4()})" (RequestToken: {uuid4()}, HandlerErrorCode: {code})'
    )


class _Resources:
    def __init__(self, provisioners: Any, checks: Checks) -> None:
        self._provisioners = provisioners
        self._checks = checks
        self.checks: dict[str, dict[str, Callable[..., None]]] = {
            "Listener": {"create": self._new_listener},
            "ListenerRule": {"create": self._new_rule, "update": self._changed_rule},
            "TargetGroup": {"create": self._new_group, "delete": self._deleted_group},
        }

    def _new_listener(self, logical_id: str, properties: dict[str, Any], stack: str) -> None:  # noqa: ARG002
        self._checks.listener(
            properties.get("LoadBalancerArn", ""),
            int(properties.get("Port", 80)),
            properties.get("Protocol", "HTTP"),
            self._provisioners._elbv2_listener_actions(properties, None),
        )

    def _new_rule(self, logical_id: str, properties: dict[str, Any], stack: str) -> None:  # noqa: ARG002
        self._rule(properties, None)

    def _changed_rule(self, arn: str, old: dict[str, Any], new: dict[str, Any], *_: Any) -> None:
        moved = old.get("ListenerArn") != new.get("ListenerArn")
        self._rule(new, None if moved else arn)

    def _rule(self, properties: dict[str, Any], besides: str | None) -> None:
        self._checks.rule(
            properties.get("ListenerArn", ""),
            str(properties.get("Priority", "")),
            self._provisioners._flatten_listener_rule_conditions(properties.get("Conditions") or []),
            self._provisioners._elbv2_listener_actions(properties, None, prop="Actions"),
            besides,
        )

    def _new_group(self, logical_id: str, properties: dict[str, Any], stack: str) -> None:  # noqa: ARG002
        self._checks.target_group_name(properties.get("Name"))

    def _deleted_group(self, arn: str, properties: dict[str, Any]) -> None:  # noqa: ARG002
        self._checks.target_group_deletion(arn)
