"""CloudFormation: stacks of one database or one service, that come, roll back, and go."""

# ruff: noqa: N803  # arguments are called as in AWS's API
from __future__ import annotations

import json
from typing import Any

from tests.model.ecs import Ecs
from tests.model.rds import Rds, from_tag_list, tag_list
from tests.model.references import check_secret_unused
from tests.model.world import Data, Stack, World, refusal


class CloudFormation:
    def __init__(self, world: World, rds: Rds, ecs: Ecs) -> None:
        self.world, self.rds, self.ecs = world, rds, ecs

    def stand(self, name: str, tags: dict[str, str], outputs: dict[str, str]) -> None:
        """Put a stack there that needs nothing to happen: a platform's, a namespace's."""
        made = Stack(f"arn:stack/{name}/0", name, "", "CREATE_COMPLETE", tags, {"Resources": {}}, {}, outputs)
        self.world.stacks[made.id] = made

    # -- the API ---------------------------------------------------------------------------------------------------

    def describe_stacks(self, StackName: str | None = None) -> dict[str, Any]:
        if StackName is None:
            return {"Stacks": [_described(stack) for stack in self.world.stacks.values()]}
        found = self.world.stack(StackName)
        if found is None:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [_described(found)]}

    def describe_account_limits(self) -> dict[str, Any]:
        return {"AccountLimits": [{"Name": "StackLimit", "Value": 2000}, {"Name": "StackOutputsLimit", "Value": 200}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # of any stack, alike
        failure = {"ResourceStatus": "CREATE_FAILED", "LogicalResourceId": "It", "ResourceStatusReason": "told to"}
        return {"StackEvents": [failure]}

    def create_stack(self, StackName: str, **given: Any) -> dict[str, Any]:
        token = given["ClientRequestToken"]
        if found := self.world.stack(StackName):
            if found.token == token:
                return {"StackId": found.id}
            raise refusal("AlreadyExistsException", f"Stack [{StackName}] already exists")
        number = self.world.next()
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in given["Parameters"]}
        template = json.loads(given["TemplateBody"])
        tags = from_tag_list(given["Tags"])
        made = Stack(
            f"arn:stack/{StackName}/{number}", StackName, token, "CREATE_IN_PROGRESS", tags, template, parameters
        )
        self.world.stacks[made.id] = made
        self.world.later(20, self._begin_database if "Instance" in template["Resources"] else self._begin_service, made)
        return {"StackId": made.id}

    def delete_stack(self, StackName: str) -> None:
        found = self.world.stack(StackName)
        if found is None or found.status in {"DELETE_IN_PROGRESS", "DELETE_COMPLETE"}:
            return
        if found.secret:
            check_secret_unused(self.world, found.secret)
        if found.service:
            self.ecs.remove(found.service)
        found.status = "DELETE_IN_PROGRESS"
        self.world.later(120, self._deleted, found)

    # -- what happens ----------------------------------------------------------------------------------------------

    def _deleted(self, stack: Stack) -> None:
        standing = stack.instance
        if standing is not None and self.world.instances.get(standing.identifier) is standing:
            stack.status, stack.reason = "DELETE_FAILED", "the security group has a dependent object"
            return
        if stack.service and self.ecs.drains(stack.service):
            self.world.later(30, self._deleted, stack)
            return
        self.world.secrets.pop(stack.secret, None)
        stack.status = "DELETE_COMPLETE"

    def _begin_database(self, stack: Stack) -> None:
        if stack.status != "CREATE_IN_PROGRESS":
            return
        made = stack.template["Resources"]["Instance"]["Properties"]
        data, name = Data(belongs_to="nobody"), made["DBInstanceIdentifier"]
        if "DBSnapshotIdentifier" in made:
            snapshot = self.world.snapshots.get(stack.parameters["SnapshotIdentifier"])
            if snapshot is None or snapshot.status != "available":
                self._roll_back(stack)
                return
            data = snapshot.data.copy()
        if name in self.world.instances:
            self._roll_back(stack)
            return
        secret = stack.template["Resources"]["ApplicationSecret"]["Properties"]
        user = json.loads(secret["GenerateSecretString"]["SecretStringTemplate"])["username"]
        # Named by the incarnation of its stack, as the template does it.
        stack.secret = f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{stack.id.removeprefix('arn:')}"
        self.world.secrets[stack.secret] = json.dumps({"username": user, "password": f"made for {stack.id}"})
        stack.instance = self.rds.make(name, data, dict(stack.tags), int(stack.parameters["AllocatedStorage"]))
        self.world.later(480, self._end_database, stack, self.world.befalls("stack"))

    def _end_database(self, stack: Stack, fails: bool) -> None:
        instance = stack.instance
        if stack.status != "CREATE_IN_PROGRESS" or instance is None:
            return
        if fails or self.world.instances.get(instance.identifier) is not instance:
            self.rds.gone(instance)
            self._roll_back(stack)
            return
        self.rds.settle(instance, "backing-up")  # the first backup
        self.world.later(180, self.rds.settle, instance, "available")
        stack.status = "CREATE_COMPLETE"
        stack.outputs = {
            "InstanceId": instance.identifier,
            "ResourceId": instance.resource_id,
            "Host": instance.host,
            "Port": "3306",
            "MasterSecretArn": instance.master_secret,
            "ApplicationSecretArn": stack.secret,
            "SecurityGroupId": instance.group,
        }

    def _begin_service(self, stack: Stack) -> None:
        if stack.status != "CREATE_IN_PROGRESS":
            return
        stack.service = stack.template["Resources"]["Service"]["Properties"]["ServiceName"]
        self.ecs.make(stack.service, stack.parameters["TaskDefinition"])
        self.world.later(360, self._end_service, stack)

    def _end_service(self, stack: Stack) -> None:
        if stack.status != "CREATE_IN_PROGRESS":
            return
        service = self.world.services.get(stack.service)
        if service is None or service.primary.status != "SUCCESSFUL":
            self.ecs.remove(stack.service)
            self._roll_back(stack)
            return
        stack.status = "CREATE_COMPLETE"
        stack.outputs = {"ServiceArn": f"arn:service/{stack.service}", "ServiceName": stack.service}

    def _roll_back(self, stack: Stack) -> None:
        stack.status, stack.reason = "ROLLBACK_IN_PROGRESS", "a resource could not be made"
        self.world.later(60, self._rolled_back, stack)

    def _rolled_back(self, stack: Stack) -> None:
        if stack.status == "ROLLBACK_IN_PROGRESS":
            self.world.secrets.pop(stack.secret, None)
            stack.status = "ROLLBACK_COMPLETE"


def _described(found: Stack) -> dict[str, Any]:
    return {
        "StackId": found.id,
        "StackName": found.name,
        "StackStatus": found.status,
        "StackStatusReason": found.reason,
        "Tags": tag_list(found.tags),
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in found.outputs.items()],
    }
