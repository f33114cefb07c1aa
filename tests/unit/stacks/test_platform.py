"""The platform stack."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pytest

from snaplift.stacks.outputs import PlatformOutputs
from snaplift.stacks.platform import platform_stack
from tests.unit.stacks.examples import KEY, LISTENER, PLATFORMS, STACKS, properties, resources
from tests.unit.stacks.reading import resolved

NEW, EXISTING, PLAIN = STACKS["platform-new"], STACKS["platform-existing"], STACKS["platform-plain"]


def test_cannot_be_deleted_by_accident() -> None:
    assert NEW.termination_protection
    for kind in ("AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::S3::Bucket"):
        (held,) = resources(NEW, kind).values()
        assert held["DeletionPolicy"] == "RetainExceptOnCreate"
        assert held["UpdateReplacePolicy"] == "Retain"


def test_the_protected_table_is_made_last_so_that_a_failed_creation_can_be_rolled_back() -> None:
    table = NEW.template["Resources"]["LockTable"]
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert set(table["DependsOn"]) == set(NEW.template["Resources"]) - {"LockTable"}


def test_locks_are_keyed_by_namespace_and_never_expire_by_themselves() -> None:
    table = properties(NEW, "LockTable")
    assert table["KeySchema"] == [{"AttributeName": "namespace", "KeyType": "HASH"}]
    assert table["TableName"] == "platform-new-locks"
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "TimeToLiveSpecification" not in table


def test_subnets_lie_apart_in_the_network_two_kinds_in_each_zone() -> None:
    subnets = [found["Properties"] for found in resources(NEW, "AWS::EC2::Subnet").values()]
    blocks = [ip_network(subnet["CidrBlock"]) for subnet in subnets]
    assert len(subnets) == 2 * 3
    assert all(block.subnet_of(ip_network("10.20.0.0/16")) for block in blocks)  # type: ignore[arg-type]
    assert not any(a.overlaps(b) for a in blocks for b in blocks if a is not b)


def test_a_zone_added_at_the_end_moves_no_subnet() -> None:
    new = PLATFORMS.platforms["platform-new"]
    two = new.model_copy(
        update={"network": new.network.model_copy(update={"zones": ("eu-central-1a", "eu-central-1b")})}
    )
    before = platform_stack(PLATFORMS.model_copy(update={"platforms": {"platform-new": two}}), "platform-new")
    kept = resources(before, "AWS::EC2::Subnet")
    assert len(kept) == 4
    assert kept.items() <= resources(NEW, "AWS::EC2::Subnet").items()


def test_private_subnets_have_a_way_out_and_none_in() -> None:
    assert properties(NEW, "PrivateRoute")["NatGatewayId"] == {"Ref": "NatGateway"}
    assert "GatewayId" not in properties(NEW, "PrivateRoute")
    assert len(resources(NEW, "AWS::EC2::NatGateway")) == 1
    assert not any(
        subnet["Properties"]["MapPublicIpOnLaunch"] for subnet in resources(NEW, "AWS::EC2::Subnet").values()
    )


def test_what_stands_already_is_not_made() -> None:
    kinds = {resource["Type"] for resource in EXISTING.template["Resources"].values()}
    made = ("EC2", "ECS", "ElasticLoadBalancing", "KMS")
    assert not [kind for kind in kinds if kind.split("::")[1].startswith(made)]
    outputs = {name: resolved(EXISTING, output["Value"]) for name, output in EXISTING.template["Outputs"].items()}
    read = PlatformOutputs.read("platform-existing", outputs)
    assert read.vpc_id == "vpc-0123456789abcdef0"
    assert read.private_subnet_ids == "subnet-0123456789abcdef2,subnet-0123456789abcdef3"
    assert read.cluster_name == "shared"
    assert read.key_arn == KEY
    assert read.load_balancer("web") == (LISTENER, "sg-0123456789abcdef1")


def test_another_platforms_key_is_a_parameter_without_a_value() -> None:
    assert not resources(PLAIN, "AWS::KMS::Key")
    assert "KeyArn" not in PLAIN.parameters
    given = PLAIN.with_parameters(KeyArn=KEY)
    assert resolved(given, given.template["Outputs"]["KeyArn"]["Value"]) == KEY


def test_its_own_key_rotates_and_the_accounts_policies_decide_who_uses_it() -> None:
    key = properties(NEW, "Key")
    assert key["EnableKeyRotation"] is True
    (statement,) = key["KeyPolicy"]["Statement"]
    assert resolved(NEW, statement["Principal"]) == {"AWS": "arn:aws:iam::123456789012:root"}
    assert properties(NEW, "KeyAlias")["AliasName"] == "alias/snaplift/platform-new"


@pytest.mark.parametrize("title", ["WebListener", "MoreListener"])
def test_a_host_that_nobody_has_is_answered_404(title: str) -> None:
    (action,) = properties(NEW, title)["DefaultActions"]
    assert action["FixedResponseConfig"]["StatusCode"] == "404"


def test_https_has_its_certificate_and_http_leads_there() -> None:
    listener = properties(NEW, "WebListener")
    assert (listener["Protocol"], listener["Port"]) == ("HTTPS", 443)
    assert listener["Certificates"][0]["CertificateArn"].startswith("arn:aws:acm:")
    (redirect,) = properties(NEW, "WebRedirectListener")["DefaultActions"]
    assert redirect["RedirectConfig"]["Protocol"] == "HTTPS"


def test_plain_http_listens_on_its_port_only() -> None:
    assert {
        found["Properties"]["Port"] for found in resources(PLAIN, "AWS::ElasticLoadBalancingV2::Listener").values()
    } == {8088}
    (rule,) = properties(PLAIN, "WebSecurityGroup")["SecurityGroupIngress"]
    assert (rule["FromPort"], rule["ToPort"]) == (8088, 8088)


def test_s32_each_engine_family_has_a_parameter_group_that_lets_no_copys_events_fire() -> None:
    groups = [found["Properties"] for found in resources(NEW, "AWS::RDS::DBParameterGroup").values()]
    assert {group["Family"] for group in groups} == {"mariadb10.11", "mysql8.0"}
    assert all(group["Parameters"] == {"event_scheduler": "OFF"} for group in groups)


def test_the_log_bucket_is_closed_encrypted_and_forgets() -> None:
    bucket = properties(NEW, "LogBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in bucket
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 365
    (statement,) = properties(NEW, "LogBucketPolicy")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_lists_are_json_once_their_references_are_put_in() -> None:
    for name in ("LoadBalancers", "ParameterGroups"):
        value = json.loads(resolved(NEW, NEW.template["Outputs"][name]["Value"]))
        assert value
    balancers = json.loads(resolved(NEW, NEW.template["Outputs"]["LoadBalancers"]["Value"]))
    assert balancers["more"] == {"listener": "<MoreListener>", "security_group": "<MoreSecurityGroup.GroupId>"}
