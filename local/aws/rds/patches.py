"""All that RDS here takes from ministack, and all that it changes in it.

Taken: the tables of instances, snapshots, groups and tags, so that ministack's other services find in them what
they look for; keys, secrets, security groups; the account and region of a call.

Changed, because ministack's RDS answers at once, holds no data without Docker and accepts what AWS refuses:

- the table of RDS's actions is reduced to those of single instances, most of them answered by us
- CloudFormation's handler of AWS::RDS::DBInstance, which runs in a thread since it waits
- that a changed DBSnapshotIdentifier replaces the instance, and that a group in use cannot be deleted
- the roll-back of a stack, which forgets a resource that was made although its creation failed
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.aws import patching
from local.aws.query import Fault, Parameters, Response

Record = dict[str, Any]
Actions = Mapping[str, Callable[[Parameters], Response]]
INSTANCE_TYPE = "AWS::RDS::DBInstance"

# What ministack answers itself: nothing that depends on a running database.
_KEPT_ACTIONS = (
    "CreateDBSubnetGroup",
    "DeleteDBSubnetGroup",
    "DescribeDBSubnetGroups",
    "ModifyDBSubnetGroup",
    "DescribeDBParameters",
    "DescribeOrderableDBInstanceOptions",
    "DescribePendingMaintenanceActions",
)

_GROUP_TYPES = {
    "AWS::RDS::DBParameterGroup": ("DeleteDBParameterGroup", "DBParameterGroupName"),
    "AWS::RDS::DBSubnetGroup": ("DeleteDBSubnetGroup", "DBSubnetGroupName"),
}
# CloudFormation's handlers of groups do not go by the table of actions.
_FUNCTIONS_THAT_STACKS_CALL = {
    "CreateDBParameterGroup": "_create_param_group",
    "ModifyDBParameterGroup": "_modify_param_group",
    "ResetDBParameterGroup": "_reset_param_group",
    "AddTagsToResource": "_add_tags",
    "RemoveTagsFromResource": "_remove_tags",
}


class Ministack:
    """ministack's tables and services, as far as RDS uses them."""

    def __init__(self) -> None:
        """Look everything up.

        :raises local.aws.patching.Incompatible: the installed ministack lacks something
        """
        from ministack.core import responses
        from ministack.services import cloudformation, ec2, kms, rds, secretsmanager
        from ministack.services.cloudformation import provisioners, stacks

        patching.require(rds, "_instances", "_snapshots", "_param_groups", "_subnet_groups", "_tags", "_ACTION_MAP")
        patching.require(
            secretsmanager,
            "_store_new_secret",
            "put_secret_value_in_process",
            "delete_secret_in_process",
        )
        patching.require(kms, "_resolve_key")
        patching.require(ec2, "_security_groups", "_ensure_defaults_initialized", "_DEFAULT_VPC_ID", "_subnets")
        patching.require(responses, "get_account_id", "get_region")
        patching.require(cloudformation, "_stacks")
        patching.require(stacks, "_runs_on_worker_thread", "_roll_back_operation")
        patching.require(provisioners, "_RESOURCE_HANDLERS", "_physical_name", "_CUSTOM_NAME_REPLACEMENT")
        for kind in (INSTANCE_TYPE, *_GROUP_TYPES):
            patching.entry(provisioners._RESOURCE_HANDLERS, kind, of="_RESOURCE_HANDLERS")
        patching.entry(provisioners._CUSTOM_NAME_REPLACEMENT, INSTANCE_TYPE, of="_CUSTOM_NAME_REPLACEMENT")
        patching.require(rds, *_FUNCTIONS_THAT_STACKS_CALL.values())
        for action in _KEPT_ACTIONS:
            patching.entry(rds._ACTION_MAP, action, of="RDS's _ACTION_MAP")
        self.instances = rds._instances
        self.snapshots = rds._snapshots
        self.parameter_groups = rds._param_groups
        self.subnet_groups = rds._subnet_groups
        self.tags = rds._tags
        self.stacks = cloudformation._stacks
        self._rds, self._kms, self._ec2, self._secrets = rds, kms, ec2, secretsmanager
        self._responses, self._provisioners, self._engine = responses, provisioners, stacks

    def arn(self, kind: str, name: str) -> str:
        """The ARN of something of RDS's in the account and region of the current call."""
        account, region = self._responses.get_account_id(), self._responses.get_region()
        return f"arn:aws:rds:{region}:{account}:{kind}:{name}"

    def zone(self) -> str:
        """The first availability zone of the current call's region."""
        return f"{self._responses.get_region()}a"

    def usable_key(self, key: str) -> str:
        """The ARN of a KMS key given by id, ARN or alias.

        :raises Fault: KMSKeyNotAccessibleFault: there is none, or it is not enabled
        """
        if key in (self.service_key("rds"), self.service_key("secretsmanager")):
            return key
        found = self._kms._resolve_key(key)
        if found is None or found["KeyState"] != "Enabled":
            raise Fault(
                "KMSKeyNotAccessibleFault",
                f"The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to "
                "access it.",
            )
        return str(found["Arn"])

    def service_key(self, service: str) -> str:
        """The ARN of the key that AWS keeps for a service in this account (``aws/rds``)."""
        account, region = self._responses.get_account_id(), self._responses.get_region()
        return f"arn:aws:kms:{region}:{account}:key/{uuid5(NAMESPACE_URL, f'alias/aws/{service} {account} {region}')}"

    def subnet_group(self, name: str | None) -> Record:
        """The subnet group called ``name``; None: the default VPC's.

        :raises Fault: DBSubnetGroupNotFoundFault
        """
        if name and name.lower() != "default":
            found = self.subnet_groups.get(name) or self.subnet_groups.get(name.lower())
            if found is None:
                raise Fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
            return dict(found)
        self._ec2._ensure_defaults_initialized()
        vpc = self._ec2._DEFAULT_VPC_ID
        subnets = [one for one in self._ec2._subnets.values() if one["VpcId"] == vpc]
        return {
            "DBSubnetGroupName": "default",
            "DBSubnetGroupDescription": "default",
            "VpcId": vpc,
            "SubnetGroupStatus": "Complete",
            "Subnets": [
                {
                    "SubnetIdentifier": one["SubnetId"],
                    "SubnetAvailabilityZone": {"Name": one["AvailabilityZone"]},
                    "SubnetStatus": "Active",
                }
                for one in subnets
            ],
            "DBSubnetGroupArn": self.arn("subgrp", "default"),
        }

    def check_security_groups(self, ids: list[str]) -> None:
        """Refuse security groups that do not exist.

        :raises Fault: InvalidParameterValue
        """
        unknown = [one for one in ids if one not in self._ec2._security_groups]
        if unknown:
            raise Fault("InvalidParameterValue", f"Invalid security group , groupId= {', '.join(unknown)}, groupName=.")

    def default_security_groups(self, vpc: str) -> list[str]:
        """The ids of the default security group of a VPC."""
        groups = self._ec2._security_groups.values()
        return [group["GroupId"] for group in groups if group["VpcId"] == vpc and group["GroupName"] == "default"]

    def create_secret(self, name: str, value: str, description: str, key: str, tags: list[Record]) -> str:
        """Store a secret on RDS's behalf and return its ARN."""
        arn, _ = self._secrets._store_new_secret(
            name, secret_string=value, description=description, tags=tags, kms_key_id=key
        )
        return str(arn)

    def put_secret(self, arn: str, value: str) -> None:
        """Give a secret a new current value."""
        self._secrets.put_secret_value_in_process(arn, value)

    def delete_secret(self, arn: str) -> None:
        """Delete a secret at once."""
        self._secrets.delete_secret_in_process(arn)

    def generated_name(self, stack: str, logical_id: str) -> str:
        """The name that CloudFormation gives an instance whose template names none."""
        return str(self._provisioners._physical_name(stack, logical_id, lowercase=True, max_len=63))

    def answer_actions(self, handlers: Actions, by_aws: Actions) -> None:
        """Let ``handlers`` answer; what neither they nor ministack can do truly becomes an unknown action.

        :param by_aws: what answers instead when a stack, not a caller, asks
        """
        kept = {action: self._rds._ACTION_MAP[action] for action in _KEPT_ACTIONS}
        self._rds._ACTION_MAP.clear()
        self._rds._ACTION_MAP.update({**kept, **handlers})
        for action, name in _FUNCTIONS_THAT_STACKS_CALL.items():
            patching.replace(self._rds, name, by_aws.get(action, handlers[action]))
        for kind, (action, parameter) in _GROUP_TYPES.items():
            delete = self._rds._ACTION_MAP[action]
            self._provisioners._RESOURCE_HANDLERS[kind]["delete"] = _refusing_deletion(delete, parameter)

    def provision_instances(self, handlers: Mapping[str, Any]) -> None:
        """Let ``handlers`` make, change and delete AWS::RDS::DBInstance, in a thread of their own."""
        self._provisioners._RESOURCE_HANDLERS[INSTANCE_TYPE] = dict(handlers)
        rule = self._provisioners._CUSTOM_NAME_REPLACEMENT[INSTANCE_TYPE]
        replaces = rule["requires_replacement"]
        rule["requires_replacement"] = lambda old, new: (
            replaces(old, new) or (old.get("DBSnapshotIdentifier") != new.get("DBSnapshotIdentifier"))
        )
        in_a_thread = self._engine._runs_on_worker_thread
        patching.replace(
            self._engine,
            "_runs_on_worker_thread",
            lambda resource_type: resource_type == INSTANCE_TYPE or in_a_thread(resource_type),
        )

    def roll_back_failed_creations(self) -> None:
        """Let a roll-back also delete what ``note_failed_creation`` was told of, as CloudFormation does."""
        original = self._engine._roll_back_operation

        async def roll_back(name: str, stack_id: str, stack: Record, operation: Record, *rest: Any) -> None:
            failed = [
                logical_id
                for logical_id, resource in stack.get("_resources", {}).items()
                if resource.get("ResourceStatus") == "CREATE_FAILED"
                and resource.get("ResourceType") == INSTANCE_TYPE
                and logical_id not in operation["created"]
            ]
            await original(name, stack_id, stack, {**operation, "created": [*operation["created"], *failed]}, *rest)

        patching.replace(self._engine, "_roll_back_operation", roll_back)

    def note_failed_creation(self, stack: str, logical_id: str, physical_id: str, properties: Record) -> None:
        """Keep in a stack that its instance exists although its creation failed."""
        self.stacks[stack].setdefault("_resources", {})[logical_id] = {
            "PhysicalResourceId": physical_id,
            "ResourceType": INSTANCE_TYPE,
            "ResourceStatus": "CREATE_FAILED",
            "LogicalResourceId": logical_id,
            "Properties": properties,
            "Attributes": {},
        }


def _refusing_deletion(delete: Callable[[Parameters], Response], parameter: str) -> Callable[[str, Record], None]:
    def delete_or_raise(physical_id: str, _: Record) -> None:
        status, _headers, body = delete({parameter: physical_id})
        if status not in (200, 404):
            message = re.search(rb"<Message>(.*?)</Message>", body)
            raise ValueError(message[1].decode() if message else f"{physical_id} cannot be deleted")

    return delete_or_raise
