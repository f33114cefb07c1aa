"""Infrastructure that a platform names instead of making it: whether it is what the platform needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import Field

from snaplift.config.platform import ExistingNetwork, LoadBalancer, Platform
from snaplift.promotion.plan import Frozen


class Subnet(Frozen):
    vpc: str
    zone: str


class Listener(Frozen):
    protocol: str
    port: int
    balancer_type: str
    """``application``, ``network`` …"""
    vpc: str
    security_groups: tuple[str, ...]
    """Of its load balancer."""


class Key(Frozen):
    state: str
    manager: str
    """``CUSTOMER`` or ``AWS``."""
    spec: str


class Existing(Frozen):
    """What was found of all that a platform names, by the name that the platform has for it."""

    account: str
    """That the platform's connection is in."""
    vpcs: tuple[str, ...] = ()
    subnets: dict[str, Subnet] = Field(default_factory=dict)
    clusters: tuple[str, ...] = ()
    """That are active."""
    listeners: dict[str, Listener] = Field(default_factory=dict)
    security_groups: dict[str, str] = Field(default_factory=dict)
    """By id the network."""
    keys: dict[str, Key] = Field(default_factory=dict)


class Named(NamedTuple):
    """What a platform names, for who looks it up."""

    vpc: str | None
    subnets: tuple[str, ...]
    cluster: str | None
    listeners: tuple[str, ...]
    security_groups: tuple[str, ...]
    key: str | None

    @property
    def anything(self) -> bool:
        return any(self)


def named(platform: Platform) -> Named:
    """List what a platform names. Another platform's key is that platform's concern."""
    network = platform.network if isinstance(platform.network, ExistingNetwork) else None
    balancers = [each for each in platform.load_balancers if each.existing_listener]
    return Named(
        vpc=network.vpc if network else None,
        subnets=tuple(dict.fromkeys((*network.public_subnets, *network.private_subnets))) if network else (),
        cluster=platform.cluster,
        listeners=tuple(each.existing_listener for each in balancers if each.existing_listener),
        security_groups=tuple(each.existing_security_group for each in balancers if each.existing_security_group),
        key=platform.key if platform.key and platform.key.startswith("arn:") else None,
    )


def problems(platform: Platform, found: Existing) -> list[str]:
    """Say what is not there, or not as the platform needs it; nothing: it can be built upon."""
    if found.account != platform.account:
        return [
            f"connection {platform.connection!r} is in account {found.account}, and the platform in {platform.account}"
        ]
    return [
        *_network(platform, found),
        *(
            [f"there is no active cluster {platform.cluster!r}"]
            if platform.cluster not in (None, *found.clusters)
            else []
        ),
        *(said for each in platform.load_balancers for said in _balancer(platform, each, found)),
        *_key(platform, found),
    ]


def _network(platform: Platform, found: Existing) -> Iterator[str]:
    network = platform.network
    if not isinstance(network, ExistingNetwork):
        return
    if network.vpc not in found.vpcs:
        yield f"there is no network {network.vpc}"
        return
    for kind, subnets in (("public", network.public_subnets), ("private", network.private_subnets)):
        absent = [each for each in subnets if each not in found.subnets]
        yield from (f"there is no subnet {each}" for each in absent)
        here = {each: found.subnets[each] for each in subnets if each in found.subnets}
        yield from (
            f"subnet {each} is in {it.vpc}, not in {network.vpc}" for each, it in here.items() if it.vpc != network.vpc
        )
        if not absent and len(zones := {it.zone for it in here.values()}) < 2:
            yield f"the {kind} subnets are all in {', '.join(zones)}: two zones are needed"


def _balancer(platform: Platform, settings: LoadBalancer, found: Existing) -> Iterator[str]:
    arn, group = settings.existing_listener, settings.existing_security_group
    if arn is None or group is None:
        return
    if elsewhere := _elsewhere(arn, platform):
        yield f"load balancer {settings.name}: listener {arn} is in {elsewhere}"
    elif (listener := found.listeners.get(arn)) is None:
        yield f"load balancer {settings.name}: there is no listener {arn}"
    else:
        yield from (f"load balancer {settings.name}: {said}" for said in _listener(platform, listener, group, found))


def _listener(platform: Platform, listener: Listener, group: str, found: Existing) -> Iterator[str]:
    wanted = platform.listener
    if listener.balancer_type != "application":
        yield f"it is a {listener.balancer_type} load balancer; an application load balancer is needed"
    if (listener.protocol, listener.port) != (wanted.protocol, wanted.port):
        yield (
            f"its listener has {listener.protocol} on port {listener.port}, and 'listener' says {wanted.protocol} on "
            f"port {wanted.port}"
        )
    if isinstance(platform.network, ExistingNetwork) and listener.vpc != platform.network.vpc:
        yield f"it is in {listener.vpc}, not in {platform.network.vpc}"
    if not isinstance(platform.network, ExistingNetwork):
        yield f"it is in {listener.vpc}, and its namespaces would be in a new network: name the network too"
    if group not in listener.security_groups:
        yield f"its security groups are {', '.join(listener.security_groups) or 'none'}, and {group} is not one of them"
    elif group not in found.security_groups:
        yield f"there is no security group {group}"


def _key(platform: Platform, found: Existing) -> Iterator[str]:
    arn = named(platform).key
    if arn is None:
        return
    if elsewhere := _elsewhere(arn, platform):
        yield f"key {arn} is in {elsewhere}"
        return
    key = found.keys.get(arn)
    if key is None:
        yield f"there is no key {arn}"
    elif key.state != "Enabled":
        yield f"key {arn} is {key.state}: enable it, or name another"
    elif key.manager != "CUSTOMER":
        yield f"key {arn} is managed by AWS: what it encrypts can never be shared; a key of your own is needed"
    elif key.spec != "SYMMETRIC_DEFAULT":
        yield f"key {arn} is {key.spec}: databases take a symmetric key"


def _elsewhere(arn: str, platform: Platform) -> str:
    """Where an ARN points to, if that is not the platform's account and region."""
    _, _, _, region, account, *_ = arn.split(":", 5)
    if (region, account) == (platform.region, platform.account):
        return ""
    return f"{account}, {region}, and the platform in {platform.account}, {platform.region}"
