"""EC2: who may reach a database, and networks that stand."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.ec2 import EC2Hook
from botocore.exceptions import ClientError

from snaplift.aws.errors import absent_is_none, code
from snaplift.aws.hooks.base import PlaceMixin, to_tag_list
from snaplift.promotion.existing import Subnet


class NetworkHook(PlaceMixin, EC2Hook):
    """Open a security group to another, and see whether it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "api_type": "client_type"})

    def allow(self, group: str, *, from_group: str, port: int, description: str, tags: dict[str, str]) -> None:
        """Let one security group's members reach another's port. That it is allowed already is no error."""
        try:
            client: Any = self.conn
            client.authorize_security_group_ingress(
                GroupId=group,
                IpPermissions=[
                    {
                        "IpProtocol": "tcp",
                        "FromPort": port,
                        "ToPort": port,
                        "UserIdGroupPairs": [{"GroupId": from_group, "Description": description}],
                    }
                ],
                TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": to_tag_list(tags)}],
            )
        except ClientError as error:
            if code(error) != "InvalidPermission.Duplicate":
                raise

    def allows(self, group: str, *, from_group: str, port: int) -> bool:
        """Say whether one security group's members reach another's port."""
        client: Any = self.conn
        pages = client.get_paginator("describe_security_group_rules").paginate(
            Filters=[{"Name": "group-id", "Values": [group]}]
        )
        return any(
            not rule["IsEgress"]
            and rule.get("ReferencedGroupInfo", {}).get("GroupId") == from_group
            and rule["FromPort"] <= port <= rule["ToPort"]
            for page in pages
            for rule in page["SecurityGroupRules"]
        )

    def vpcs(self, vpc: str) -> tuple[str, ...]:
        """Look a network up by its id. None: there is no such network here."""
        client: Any = self.conn
        with absent_is_none("InvalidVpcID.NotFound"):
            return tuple(each["VpcId"] for each in client.describe_vpcs(VpcIds=[vpc])["Vpcs"])
        return ()

    def subnet(self, subnet: str) -> Subnet | None:
        """Look a subnet up."""
        client: Any = self.conn
        with absent_is_none("InvalidSubnetID.NotFound"):
            for each in client.describe_subnets(SubnetIds=[subnet])["Subnets"]:
                return Subnet(vpc=each["VpcId"], zone=each["AvailabilityZone"])
        return None

    def network_of(self, group: str) -> str | None:
        """Say which network a security group is in. None: there is no such group."""
        client: Any = self.conn
        with absent_is_none("InvalidGroup.NotFound", "InvalidGroupId.Malformed"):
            for each in client.describe_security_groups(GroupIds=[group])["SecurityGroups"]:
                return str(each["VpcId"])
        return None
