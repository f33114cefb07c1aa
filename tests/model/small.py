"""The services of which little is used: parameters, secrets, security groups, images, keys, and the lock table."""

# ruff: noqa: N803  # arguments are called as in AWS's API
from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from tests.model.rds import KEY
from tests.model.references import POINTER, check_confirmed, check_counted
from tests.model.world import World, refusal

DIGEST = "sha256:" + "a" * 64


class Ssm:
    def __init__(self, world: World) -> None:
        self.world = world

    def get_parameter(self, Name: str) -> dict[str, Any]:
        name, _, version = Name.partition(":")
        versions = self.world.parameters.get(name)
        if versions is None:
            raise refusal("ParameterNotFound", f"Parameter {name} not found.")
        number = int(version) if version else len(versions)
        return {"Parameter": {"Value": versions[number - 1], "Version": number}}

    def put_parameter(self, Name: str, Value: str, **given: Any) -> dict[str, Any]:
        if Name in self.world.parameters and not given.get("Overwrite"):
            raise refusal("ParameterAlreadyExists", f"{Name} already exists.")
        if Name.endswith(POINTER) and Name in self.world.parameters:
            check_counted(self.world, Name, self.world.parameters[Name][-1], Value)
            check_confirmed(self.world, Name, self.world.parameters[Name][-1], Value)
        self.world.parameters.setdefault(Name, []).append(Value)
        return {"Version": len(self.world.parameters[Name])}


class SecretsManager:
    def __init__(self, world: World) -> None:
        self.world = world

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:
        if SecretId not in self.world.secrets:
            raise refusal("ResourceNotFoundException", f"Secrets Manager can't find {SecretId}.")
        return {"SecretString": self.world.secrets[SecretId]}

    def describe_secret(self, SecretId: str) -> dict[str, Any]:
        if SecretId not in self.world.secrets:
            raise refusal("ResourceNotFoundException", f"Secrets Manager can't find {SecretId}.")
        return {"ARN": SecretId}


class Ec2:
    def __init__(self, world: World) -> None:
        self.world = world

    def authorize_security_group_ingress(self, GroupId: str, IpPermissions: Any, **_: Any) -> None:
        [permission] = IpPermissions
        rule = (GroupId, permission["UserIdGroupPairs"][0]["GroupId"], permission["FromPort"])
        if rule in self.world.ingress:
            raise refusal("InvalidPermission.Duplicate", "the specified rule already exists")
        self.world.ingress.add(rule)

    def describe_security_group_rules(self, Filters: Any) -> dict[str, Any]:
        [wanted] = Filters
        assert wanted["Name"] == "group-id"
        return {
            "SecurityGroupRules": [
                {"IsEgress": False, "ReferencedGroupInfo": {"GroupId": allowed}, "FromPort": port, "ToPort": port}
                for group, allowed, port in sorted(self.world.ingress)
                if group in wanted["Values"]
            ]
        }


class Ecr:
    def __init__(self, world: World) -> None:
        self.world = world

    def describe_images(self, imageIds: Any, **_: Any) -> dict[str, Any]:
        return {"imageDetails": [{"imageDigest": imageIds[0].get("imageDigest", DIGEST)}]}


class Iam:
    """The roles that the stacks which stand say they have made."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get_role(self, RoleName: str) -> dict[str, Any]:
        if not any(value.endswith(f":role/{RoleName}") for value in self.world.outputs()):
            raise refusal("NoSuchEntity", f"The role with name {RoleName} cannot be found.", status=404)
        return {"Role": {"RoleName": RoleName}}


class Logs:
    """The log groups that the stacks which stand say they have made."""

    def __init__(self, world: World) -> None:
        self.world = world

    def describe_log_groups(self, logGroupNamePrefix: str) -> dict[str, Any]:
        found = [value for value in self.world.outputs() if value.startswith(logGroupNamePrefix)]
        return {"logGroups": [{"logGroupName": name} for name in found]}


class Kms:
    def __init__(self, world: World) -> None:
        self.world = world

    def describe_key(self, KeyId: str) -> dict[str, Any]:
        return {"KeyMetadata": {"KeyState": "Enabled" if KeyId == KEY else "Disabled"}}


class DynamoDb:
    """The lock table, with as much of DynamoDB's expressions as locks are written with; any other is an error.

    What is kept of databases lies in it too.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def get_item(self, TableName: str, Key: Any, ConsistentRead: bool) -> dict[str, Any]:  # boto's
        assert ConsistentRead, "a lock is read consistently"
        item = self.world.items.get((TableName, Key["namespace"]["S"]))
        return {"Item": deepcopy(item)} if item is not None else {}

    def put_item(self, TableName: str, Item: Any) -> None:
        self.world.items[TableName, Item["namespace"]["S"]] = deepcopy(Item)

    def delete_item(self, TableName: str, Key: Any) -> None:
        self.world.items.pop((TableName, Key["namespace"]["S"]), None)

    def scan(self, TableName: str, ConsistentRead: bool, **given: Any) -> dict[str, Any]:  # boto's
        assert ConsistentRead, "locks are listed consistently"
        names, values = given["ExpressionAttributeNames"], given["ExpressionAttributeValues"]
        shown = names[given["ProjectionExpression"]]
        return {
            "Items": [
                {shown: item[shown]}
                for (table, _), item in self.world.items.items()
                if table == TableName and Expressions(item, names, values).holds(given["FilterExpression"])
            ]
        }

    def update_item(self, TableName: str, Key: Any, **given: Any) -> dict[str, Any]:
        key = (TableName, Key["namespace"]["S"])
        item = self.world.items.get(key, {})
        expressions = Expressions(item, given.get("ExpressionAttributeNames", {}), given["ExpressionAttributeValues"])
        if not expressions.holds(given["ConditionExpression"]):
            raise refusal("ConditionalCheckFailedException", "The conditional request failed")
        self.world.items[key] = {**expressions.updated(given["UpdateExpression"]), "namespace": Key["namespace"]}
        return {"Attributes": deepcopy(self.world.items[key])}


class Expressions:
    """Of one call, over one item."""

    def __init__(self, item: dict[str, Any], names: dict[str, str], values: dict[str, Any]) -> None:
        self.item, self.names, self.values = item, names, values

    def _name(self, text: str) -> str:
        return self.names.get(text.strip(), text.strip())

    def _value(self, text: str) -> Any:
        text = text.strip()
        return self.values[text] if text.startswith(":") else self.item.get(self._name(text))

    def holds(self, condition: str) -> bool:
        """Evaluate a condition of ANDs within ORs, without parentheses around them."""
        return any(all(self._clause(part) for part in either.split(" AND ")) for either in condition.split(" OR "))

    def _clause(self, text: str) -> bool:
        if found := re.fullmatch(r"attribute_(not_)?exists\((.+)\)", text.strip()):
            return (self._name(found[2]) in self.item) != bool(found[1])
        if found := re.fullmatch(r"(\S+) IN \((.+)\)", text.strip()):
            return self._value(found[1]) in [self._value(each) for each in found[2].split(",")]
        left, relation, right = re.split(r" (=|<>) ", text)
        return bool(self._value(left) == self._value(right)) == (relation == "=")

    def updated(self, update: str) -> dict[str, Any]:
        """Evaluate ``SET a = :b, … REMOVE c``."""
        setting, _, removing = update.partition(" REMOVE ")
        item = deepcopy(self.item)
        for assignment in re.split(r",\s*(?![^(]*\))", setting.removeprefix("SET ")):
            name, value = assignment.split(" = ")
            item[self._name(name)] = self._sum(value)
        for name in filter(None, map(str.strip, removing.split(","))):
            item.pop(self._name(name), None)
        return item

    def _sum(self, text: str) -> Any:
        first, plus, second = text.partition(" + ")
        if found := re.fullmatch(r"if_not_exists\((\S+), (\S+)\)", first.strip()):
            value = self.item.get(self._name(found[1]), self._value(found[2]))
        else:
            value = self._value(first)
        return {"N": str(int(value["N"]) + int(self._value(second)["N"]))} if plus else value
