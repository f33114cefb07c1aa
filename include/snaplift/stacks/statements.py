"""Statements of IAM policies, and the ARNs in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import Sub

from snaplift import naming

Statement = dict[str, Any]


def allow(sid: str, actions: list[str], resources: Any, **conditions: Mapping[str, Any]) -> Statement:
    """Write a statement that allows; ``conditions`` are operators with what they compare."""
    found: Statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    if conditions:
        found["Condition"] = {operator: dict(compared) for operator, compared in conditions.items()}
    return found


def document(*statements: Statement) -> dict[str, Any]:
    """Put statements into a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def arn(
    service: str,
    resource: str,
    *,
    region: str = "${AWS::Region}",
    account: str = "${AWS::AccountId}",
    **references: Any,
) -> Sub:
    """Write an ARN in the stack's own partition, region and account; ``*`` in it is a wildcard.

    :param references: what is put in for ``${Name}`` in the resource.
    """
    return Sub(f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{resource}", **references)


def tagged_ours(installation: str) -> dict[str, str]:
    """Compare a resource's tags: it is this installation's."""
    return {f"aws:ResourceTag/{naming.INSTALLATION_TAG}": installation}


def tagging_ours(installation: str) -> dict[str, str]:
    """Compare the tags that a request sets: it makes a thing this installation's."""
    return {f"aws:RequestTag/{naming.INSTALLATION_TAG}": installation}


def trusted_by(service: str, **conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Write the policy that lets a service take a role on."""
    statement: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if conditions:
        statement["Condition"] = {operator: dict(compared) for operator, compared in conditions.items()}
    return document(statement)
