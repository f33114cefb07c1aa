"""The platform's network: one that the platform stack makes, or one that stands already.

Tasks and databases live in private subnets, load balancers in public ones. A network made here has *one* NAT gateway
and a gateway endpoint for S3:

* Tasks need a way out (images, secrets, mail). A public address for each task instead costs about as much from ten
  tasks on, and puts every task on the internet.
* A NAT gateway in each zone doubles or triples the cost and, with two platforms in an account, exceeds the five
  elastic addresses that an account has at first. If the one gateway's zone fails, running tasks in the others serve
  on and databases are reached; what stops is starting new tasks. Who needs more names a network of their own.
* Image layers come from S3; the endpoint costs nothing and keeps them off the gateway's bill.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final

from troposphere import GetAtt, Join, Ref, Sub, ec2

from snaplift.config.platform import ExistingNetwork, NewNetwork, Platform
from snaplift.stacks.draft import Draft

# The range is cut into eight: four places for public subnets, four for private ones. A zone that is added at the
# list's end takes the next place and moves nobody.
_PLACES: Final = 3
_FIRST_PRIVATE: Final = 4


@dataclass(frozen=True)
class Network:
    """Where the rest of the platform is put: ids, or references to what the stack makes."""

    vpc: Any
    public_subnets: list[Any]
    private_subnets: list[Any]
    routed: tuple[str, ...] = ()
    """Logical ids that have to exist before anything in a public subnet is reached."""


def add_network(draft: Draft, platform: Platform) -> Network:
    """Add the network's resources, if it is to be made."""
    if isinstance(platform.network, ExistingNetwork):
        found = platform.network
        return Network(found.vpc, list(found.public_subnets), list(found.private_subnets))
    return _add_new(draft, platform.network)


def _add_new(draft: Draft, network: NewNetwork) -> Network:
    vpc = draft.add(ec2.VPC("Vpc", CidrBlock=network.cidr, EnableDnsSupport=True, EnableDnsHostnames=True))
    gateway = draft.add(ec2.InternetGateway("InternetGateway"))
    attached = draft.add(
        ec2.VPCGatewayAttachment("InternetGatewayAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))
    )
    public_table = draft.add(ec2.RouteTable("PublicRouteTable", VpcId=Ref(vpc)))
    private_table = draft.add(ec2.RouteTable("PrivateRouteTable", VpcId=Ref(vpc)))
    way_out = draft.add(
        ec2.Route(
            "PublicRoute",
            RouteTableId=Ref(public_table),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref(gateway),
            DependsOn=attached.title,
        )
    )
    public = _add_subnets(draft, network, "Public", 0, public_table)
    private = _add_subnets(draft, network, "Private", _FIRST_PRIVATE, private_table)
    _add_way_out_of_private(draft, vpc, public[0], private_table, attached.title)
    return Network(Ref(vpc), [Ref(subnet) for subnet in public], [Ref(subnet) for subnet in private], (way_out.title,))


def _add_subnets(draft: Draft, network: NewNetwork, kind: str, first: int, table: ec2.RouteTable) -> list[ec2.Subnet]:
    blocks = list(IPv4Network(network.cidr).subnets(prefixlen_diff=_PLACES))
    made = []
    for number, zone in enumerate(network.zones):
        subnet = draft.add(
            ec2.Subnet(
                f"{kind}Subnet{number + 1}",
                VpcId=Ref("Vpc"),
                AvailabilityZone=zone,
                CidrBlock=str(blocks[first + number]),
                MapPublicIpOnLaunch=False,
            )
        )
        draft.add(
            ec2.SubnetRouteTableAssociation(
                f"{kind}Subnet{number + 1}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(table)
            )
        )
        made.append(subnet)
    return made


def _add_way_out_of_private(
    draft: Draft, vpc: ec2.VPC, public: ec2.Subnet, table: ec2.RouteTable, attached: str
) -> None:
    address = draft.add(ec2.EIP("NatAddress", Domain="vpc", DependsOn=attached))
    nat = draft.add(ec2.NatGateway("NatGateway", SubnetId=Ref(public), AllocationId=GetAtt(address, "AllocationId")))
    draft.add(
        ec2.Route("PrivateRoute", RouteTableId=Ref(table), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=Ref(nat))
    )
    draft.add(
        ec2.VPCEndpoint(
            "S3Endpoint",
            VpcId=Ref(vpc),
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            VpcEndpointType="Gateway",
            RouteTableIds=[Ref(table)],
        )
    )


def joined(values: list[Any]) -> Any:
    """Join ids by commas, as CloudFormation's own lists are passed from a stack to a parameter."""
    return ",".join(values) if all(isinstance(value, str) for value in values) else Join(",", values)


def orchestrator_source(platform: Platform) -> dict[str, str]:
    """Say from where Airflow's workers come, as a security group's rule takes it."""
    if platform.orchestrator.security_group:
        return {"SourceSecurityGroupId": platform.orchestrator.security_group}
    assert platform.orchestrator.cidr is not None  # the configuration's own rule: one of the two
    return {"CidrIp": platform.orchestrator.cidr}
