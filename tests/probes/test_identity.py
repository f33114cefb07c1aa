"""STS, IAM and quotas: what preflight asks before anything is made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.probes.asking import fresh, refusal
from tests.probes.conftest import Clients
from tests.probes.templates import TRUST


def test_the_caller_has_an_account_and_an_arn_in_it(aws: Clients) -> None:
    identity = aws("sts").get_caller_identity()
    assert len(identity["Account"]) == 12
    assert identity["Account"] in identity["Arn"]


def test_a_role_keeps_its_trust_and_its_inline_policy(aws: Clients) -> None:
    iam, name = aws("iam"), fresh("role")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=json.dumps(policy))
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == TRUST
    assert iam.get_role_policy(RoleName=name, PolicyName="read")["PolicyDocument"] == policy
    assert refusal(iam.delete_role, RoleName=name) == "DeleteConflict"
    iam.delete_role_policy(RoleName=name, PolicyName="read")
    iam.delete_role(RoleName=name)
    assert refusal(iam.get_role, RoleName=name) == "NoSuchEntity"


def test_a_role_name_is_given_once_and_at_most_64_long(aws: Clients) -> None:
    iam, name = aws("iam"), fresh("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    again = refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    too_long = refusal(iam.create_role, RoleName="r" * 65, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.delete_role(RoleName=name)
    assert (again, too_long) == ("EntityAlreadyExists", "ValidationError")


@pytest.mark.parametrize(("code", "name"), [("L-7B6409FD", "DB instances"), ("L-272F1212", "Manual DB")])
def test_rds_quotas_can_be_read(aws: Clients, code: str, name: str) -> None:
    quota = aws("service-quotas").get_service_quota(ServiceCode="rds", QuotaCode=code)["Quota"]
    assert quota["Value"] > 0
    assert name.lower() in quota["QuotaName"].lower()


def test_rds_quotas_are_listed(aws: Clients) -> None:
    pages = aws("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="rds")
    codes = {quota["QuotaCode"] for page in pages for quota in page["Quotas"]}
    assert codes >= {"L-7B6409FD", "L-272F1212"}


def test_an_unknown_quota_is_not_found(aws: Clients) -> None:
    code = refusal(aws("service-quotas").get_service_quota, ServiceCode="rds", QuotaCode="L-00000000")
    assert code == "NoSuchResourceException"


def test_what_is_used_of_the_quotas_is_counted(aws: Clients) -> None:
    quotas: dict[str, Any] = {
        quota["AccountQuotaName"]: quota for quota in aws("rds").describe_account_attributes()["AccountQuotas"]
    }
    for name in ("DBInstances", "ManualSnapshots", "DBParameterGroups", "DBSubnetGroups"):
        assert 0 <= quotas[name]["Used"] <= quotas[name]["Max"], name
