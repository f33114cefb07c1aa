"""EC2: who may reach a database is a rule that is opened after `adapt` and closed again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.probes.asking import fresh, refusal, tags
from tests.probes.conftest import Clients


@pytest.fixture(scope="module")
def ec2(aws: Clients) -> Any:
    return aws("ec2")


@pytest.fixture(scope="module")
def vpc(ec2: Any) -> str:
    return str(ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def group(ec2: Any, vpc: str) -> str:
    made = ec2.create_security_group(GroupName=fresh("db"), Description="probe", VpcId=vpc)
    return str(made["GroupId"])


@pytest.fixture
def source(ec2: Any, vpc: str) -> str:
    made = ec2.create_security_group(GroupName=fresh("service"), Description="probe", VpcId=vpc)
    return str(made["GroupId"])


def mysql_from(group: str) -> list[dict[str, Any]]:
    pair = {"GroupId": group, "Description": "the service"}
    return [{"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "UserIdGroupPairs": [pair]}]


def authorize(ec2: Any, group: str, source: str) -> Any:
    return ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=mysql_from(source),
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags(owner="probe")}],
    )


def test_ingress_from_a_group_is_opened_and_seen(ec2: Any, group: str, source: str) -> None:
    answered = authorize(ec2, group, source)["SecurityGroupRules"][0]
    assert answered["ReferencedGroupInfo"]["GroupId"] == source
    permission = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"][0]
    assert (permission["FromPort"], permission["UserIdGroupPairs"][0]["GroupId"]) == (3306, source)


def test_a_rule_has_an_id_and_its_tags(ec2: Any, group: str, source: str) -> None:
    answered = authorize(ec2, group, source)["SecurityGroupRules"][0]
    described = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    rules = [rule for rule in described["SecurityGroupRules"] if not rule["IsEgress"]]
    assert [rule["SecurityGroupRuleId"] for rule in rules] == [answered["SecurityGroupRuleId"]]
    assert rules[0]["Tags"] == tags(owner="probe")
    assert rules[0]["Description"] == "the service"


def test_the_same_rule_twice_is_refused(ec2: Any, group: str, source: str) -> None:
    authorize(ec2, group, source)
    assert refusal(authorize, ec2=ec2, group=group, source=source) == "InvalidPermission.Duplicate"


def test_a_rule_is_closed_by_its_permission_and_by_its_id(ec2: Any, group: str, source: str) -> None:
    authorize(ec2, group, source)
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=mysql_from(source))
    rule = authorize(ec2, group, source)["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []


def test_closing_a_rule_that_is_not_there_is_refused(ec2: Any, group: str, source: str) -> None:
    code = refusal(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=mysql_from(source))
    assert code == "InvalidPermission.NotFound"


def test_a_rule_from_an_unknown_group_is_refused(ec2: Any, group: str) -> None:
    code = refusal(authorize, ec2=ec2, group=group, source="sg-00000000000000000")
    assert code == "InvalidGroup.NotFound"


def test_a_group_that_a_rule_refers_to_cannot_be_deleted(ec2: Any, group: str, source: str) -> None:
    authorize(ec2, group, source)
    assert refusal(ec2.delete_security_group, GroupId=source) == "DependencyViolation"


def test_an_unknown_group_is_not_found(ec2: Any) -> None:
    code = refusal(ec2.describe_security_groups, GroupIds=["sg-00000000000000000"])
    assert code == "InvalidGroup.NotFound"


def test_a_group_name_is_given_once_in_a_vpc(ec2: Any, vpc: str) -> None:
    name = fresh("db")
    ec2.create_security_group(GroupName=name, Description="probe", VpcId=vpc)
    code = refusal(ec2.create_security_group, GroupName=name, Description="probe", VpcId=vpc)
    assert code == "InvalidGroup.Duplicate"
