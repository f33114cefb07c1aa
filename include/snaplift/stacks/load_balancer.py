"""A platform's load balancers, on which namespaces have their host rules."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, ec2
from troposphere import elasticloadbalancingv2 as elb

from snaplift.config.platform import LoadBalancer, Platform
from snaplift.stacks.draft import Draft
from snaplift.stacks.network import Network


def add_load_balancer(draft: Draft, platform: Platform, settings: LoadBalancer, network: Network) -> tuple[Any, Any]:
    """Add a load balancer, or take the one that stands; say its listener and its security group."""
    if settings.existing_listener:
        return settings.existing_listener, settings.existing_security_group
    title = settings.name.capitalize()
    ports = {platform.listener.port, *((80,) if platform.listener.protocol == "HTTPS" else ())}
    group = draft.add(
        ec2.SecurityGroup(
            f"{title}SecurityGroup",
            GroupDescription=f"Load balancer {settings.name}: open to everybody on the ports of its listeners",
            VpcId=network.vpc,
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0")
                for port in sorted(ports)
            ],
        )
    )
    balancer = draft.add(
        elb.LoadBalancer(
            f"{title}LoadBalancer",
            Type="application",
            Scheme="internet-facing",
            Subnets=network.public_subnets,
            SecurityGroups=[GetAtt(group, "GroupId")],
            LoadBalancerAttributes=[
                elb.LoadBalancerAttributes(Key="routing.http.drop_invalid_header_fields.enabled", Value="true"),
            ],
            **({"DependsOn": list(network.routed)} if network.routed else {}),
        )
    )
    listener = _add_listeners(draft, platform, title, balancer)
    return Ref(listener), GetAtt(group, "GroupId")


def _add_listeners(draft: Draft, platform: Platform, title: str, balancer: elb.LoadBalancer) -> elb.Listener:
    settings = platform.listener
    secure = (
        {
            "Certificates": [elb.Certificate(CertificateArn=settings.certificate)],
            "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        }
        if settings.certificate
        else {}
    )
    if secure and settings.port != 80:
        draft.add(
            elb.Listener(
                f"{title}RedirectListener",
                LoadBalancerArn=Ref(balancer),
                Port=80,
                Protocol="HTTP",
                DefaultActions=[
                    elb.Action(
                        Type="redirect",
                        RedirectConfig=elb.RedirectConfig(
                            Protocol="HTTPS", Port=str(settings.port), StatusCode="HTTP_301"
                        ),
                    )
                ],
            )
        )
    # A host that no namespace has is nobody's: never the first tenant's.
    nobody = elb.FixedResponseConfig(StatusCode="404", ContentType="text/plain", MessageBody="No such site.")
    return draft.add(
        elb.Listener(
            f"{title}Listener",
            LoadBalancerArn=Ref(balancer),
            Port=settings.port,
            Protocol=settings.protocol,
            DefaultActions=[elb.Action(Type="fixed-response", FixedResponseConfig=nobody)],
            **secure,
        )
    )
