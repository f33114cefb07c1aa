"""STS, IAM and quotas: what preflight asks before anything is made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.probes.asking import create_stack, delete_stack, fresh, refusal
from tests.probes.conftest import Clients
from tests.probes.templates import TRUST

DELETED = "DELETE_COMPLETE"
ONE_LOG_GROUP = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}}


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


def test_the_limits_of_load_balancers_are_told(aws: Clients) -> None:
    pages = aws("elbv2").get_paginator("describe_account_limits").paginate()
    limits = {limit["Name"]: int(limit["Max"]) for page in pages for limit in page["Limits"]}
    for name in ("target-groups-per-application-load-balancer", "rules-per-application-load-balancer"):
        assert limits[name] > 0


def test_the_limit_of_stacks_is_told_and_deleted_ones_are_listed_apart(aws: Clients) -> None:
    cloudformation = aws("cloudformation")
    pages = cloudformation.get_paginator("describe_account_limits").paginate()
    assert {limit["Name"]: limit["Value"] for page in pages for limit in page["AccountLimits"]}["StackLimit"] > 0
    stack = create_stack(cloudformation, ONE_LOG_GROUP)
    delete_stack(cloudformation, stack["StackId"])
    statuses = [name for name in cloudformation.meta.service_model.shape_for("StackStatus").enum if name != DELETED]
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=statuses)
    assert stack["StackId"] not in {found["StackId"] for page in pages for found in page["StackSummaries"]}


def test_a_log_group_is_found_by_its_name_as_a_prefix(aws: Clients) -> None:
    logs, name = aws("logs"), f"/{fresh('probe')}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=f"{name}-other")
    listed = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    for group in listed:
        logs.delete_log_group(logGroupName=group["logGroupName"])
    assert [group["logGroupName"] for group in listed] == [name, f"{name}-other"]
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
