"""What ``config/platforms.yaml`` says: the installation, its platforms, and defaults for every tenant."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from snaplift import naming
from snaplift.config.errors import Misplaced
from snaplift.config.fields import Arn, InstallationName, PlatformName, Port, matching


def _address_range(value: str) -> str:
    try:
        return str(IPv4Network(value))
    except ValueError as error:
        raise ValueError(f"{error}: expected an address range, like 10.20.0.0/16") from None


def _kind_of_network(value: object) -> str | None:
    if isinstance(value, BaseModel):
        return type(value).__name__
    if not isinstance(value, dict):
        return None
    return "ExistingNetwork" if "vpc" in value else "NewNetwork"


_CIDR_WORDS = "an address range, like 10.20.0.0/16"
_ARN_OR_PLATFORM = rf"(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{{12}}:.+|{naming.PLATFORM})"
SecurityGroup = Annotated[str, matching(r"sg-[0-9a-f]+", "a security group's id, like sg-0123456789abcdef0")]
Subnet = Annotated[str, matching(r"subnet-[0-9a-f]+", "a subnet's id, like subnet-0123456789abcdef0")]
Family = Annotated[
    str, matching(r"(mariadb|mysql)[0-9]+\.[0-9]+", "a parameter group family: mariadb10.11, mysql8.0 or the like")
]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A section: unknown fields are refused, and what was read does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class NewNetwork(Strict):
    """A network that snaplift makes: a public and a private subnet in each zone."""

    cidr: Annotated[
        str, matching(r"[0-9.]+/(1[6-9]|2[0-4])", f"{_CIDR_WORDS}, /16 to /24"), AfterValidator(_address_range)
    ]
    """The VPC's address range, /16 to /24."""
    zones: Annotated[tuple[str, ...], Field(min_length=2, max_length=3)]
    """Availability zones; RDS and load balancers need two."""


class ExistingNetwork(Strict):
    """A network that stands already."""

    vpc: Annotated[str, matching(r"vpc-[0-9a-f]+", "a network's id, like vpc-0123456789abcdef0")]
    """The VPC's id."""
    public_subnets: Annotated[tuple[Subnet, ...], Field(min_length=2)]
    """Where load balancers are; in two zones at least."""
    private_subnets: Annotated[tuple[Subnet, ...], Field(min_length=2)]
    """Where databases and tasks are; in two zones at least."""


class LoadBalancer(Strict):
    """One of the platform's load balancers; namespaces are spread over them (100 target groups each)."""

    name: Annotated[
        str, matching(r"[a-z][a-z0-9]{0,14}", "a letter, then up to 14 letters or digits, in lower case, like web")
    ]
    """A short word, unique in the platform."""
    existing_listener: Arn | None = None
    """The listener of a load balancer that stands already; none: one is made."""
    existing_security_group: SecurityGroup | None = None
    """The security group of that load balancer, from which tasks are reached."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.existing_listener is None) != (self.existing_security_group is None):
            raise ValueError("existing_listener and existing_security_group go together")
        return self


class Listener(Strict):
    """How the sites are reached."""

    protocol: Literal["HTTP", "HTTPS"] = "HTTPS"
    """HTTP is for the laptop."""
    port: Port = 443
    """Sites' addresses carry it where it is not the protocol's own."""
    certificate: Arn | None = None
    """The certificate (ACM) that HTTPS needs."""

    @model_validator(mode="after")
    def _https_has_a_certificate(self) -> Self:
        if self.protocol == "HTTPS" and self.certificate is None:
            raise ValueError("HTTPS needs a certificate")
        if self.protocol == "HTTP" and self.certificate is not None:
            raise Misplaced("is for HTTPS only", "certificate")
        return self


class Orchestrator(Strict):
    """Where Airflow's workers are: databases and one-off tasks are opened to them for adapt and smoke."""

    security_group: SecurityGroup | None = None
    """The workers' security group, in the platform's network or a peered one."""
    cidr: Annotated[str, matching(r"[0-9.]+/[0-9]+", _CIDR_WORDS), AfterValidator(_address_range)] | None = None
    """The workers' address range."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.security_group is None) == (self.cidr is None):
            raise ValueError("say either security_group or cidr")
        return self


class Prices(Strict):
    """What things cost, as data: nothing looks prices up."""

    currency: Annotated[str, matching(r"[A-Z]{3}", "three capital letters, like USD")]
    as_of: date
    """When they were looked up; every report says so."""
    instance_hour: dict[str, Money]
    """By instance class."""
    storage_gb_month: Money
    snapshot_gb_month: Money


class Platform(Strict):
    """Infrastructure that namespaces share."""

    connection: str = "aws_default"
    """The Airflow connection that holds the platform's account."""
    region: Annotated[str, matching(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region, like eu-central-1")]
    """All that the platform's namespaces have is there."""
    account: Annotated[str, matching(r"[0-9]{12}", "an account's number: twelve digits, in quotes")]
    """The account that the connection must be in."""
    network: Annotated[
        Annotated[NewNetwork, Tag("NewNetwork")] | Annotated[ExistingNetwork, Tag("ExistingNetwork")],
        Discriminator(
            _kind_of_network,
            custom_error_type="kind",
            custom_error_message="expected fields: cidr and zones, or vpc and its subnets",
        ),
    ]
    """Made (``cidr``, ``zones``), or one that stands (``vpc``, subnets)."""
    cluster: Annotated[str, matching(r"[A-Za-z0-9_-]{1,255}", "a cluster's name, not its ARN")] | None = None
    """An ECS cluster that stands already; none: one is made, named after the platform."""
    load_balancers: Annotated[tuple[LoadBalancer, ...], Field(min_length=1)]
    """Namespaces are spread over them."""
    listener: Listener
    """How the sites are reached."""
    domain: Annotated[
        str, matching(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", "a domain, like example.com")
    ]
    """Sites are ``<namespace>.<domain>``."""
    key: Annotated[str, matching(_ARN_OR_PLATFORM, "a KMS key's ARN, or a platform of this file")] | None = None
    """The KMS key of every database: an existing one, or another platform's (a snapshot is restored under the key
    that it has); none: one is made."""
    engines: Annotated[tuple[Family, ...], Field(min_length=1)] = ("mariadb10.11",)
    """Parameter group families that databases here may have."""
    orchestrator: Orchestrator
    """Where Airflow's workers are."""
    prices: Prices | None = None
    """For reports of cost."""

    @model_validator(mode="after")
    def _load_balancers_have_their_own_names(self) -> Self:
        names = [balancer.name for balancer in self.load_balancers]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise Misplaced(f"{name!r} is the name of another one", "load_balancers", index, "name")
        return self

    @model_validator(mode="after")
    def _zones_are_the_region_s(self) -> Self:
        for index, zone in enumerate(self.network.zones if isinstance(self.network, NewNetwork) else ()):
            if not zone.startswith(self.region):
                raise Misplaced(f"{zone!r} is no zone of {self.region}", "network", "zones", index)
        return self


class Platforms(Strict):
    """The whole file."""

    installation: InstallationName
    """This snaplift's name; it is on every tag, so that two installations never touch each other's things."""
    platforms: Annotated[dict[PlatformName, Platform], Field(min_length=1)]
    """By name; the word after ``platform-`` is free."""
    defaults: dict[str, object] = Field(default_factory=dict)
    """What a tenant's file need not say: the same fields as there, merged below each tenant's own."""

    @model_validator(mode="after")
    def _keys_name_platforms(self) -> Self:
        for name, platform in self.platforms.items():
            if platform.key and not platform.key.startswith("arn:"):
                other = self.platforms.get(platform.key)
                if other is None:
                    raise Misplaced(f"{platform.key!r} is no platform of this file", "platforms", name, "key")
                if other.key and not other.key.startswith("arn:"):
                    raise Misplaced(f"{platform.key!r} has no key of its own", "platforms", name, "key")
                if (other.account, other.region) != (platform.account, platform.region):
                    raise Misplaced(f"{platform.key!r} is in another account or region", "platforms", name, "key")
        return self
