"""Outputs as values."""

from __future__ import annotations

import pytest

from snaplift.stacks.outputs import DatabaseOutputs, MissingOutput, NamespaceOutputs
from tests.unit.stacks.examples import NAMESPACE_OUTPUTS, PLATFORM_OUTPUTS

DATABASE = {
    "InstanceId": "xy-0146-qa-db",
    "ResourceId": "db-ABC",
    "Host": "127.0.2.1",
    "Port": "3306",
    "MasterSecretArn": "arn:master",
    "ApplicationSecretArn": "arn:application",
    "SecurityGroupId": "sg-1",
}


def test_reads_what_a_stack_gives() -> None:
    found = DatabaseOutputs.read("xy-0146-qa-db", DATABASE)
    assert (found.instance_id, found.port, found.security_group_id) == ("xy-0146-qa-db", 3306, "sg-1")


def test_an_output_that_is_not_there_is_named_with_its_stack() -> None:
    without = {name: value for name, value in DATABASE.items() if name != "ResourceId"}
    with pytest.raises(MissingOutput, match=r"stack xy-0146-qa-db has no output ResourceId"):
        DatabaseOutputs.read("xy-0146-qa-db", without)


def test_an_output_of_a_newer_snaplift_is_left_aside() -> None:
    assert DatabaseOutputs.read("xy-0146-qa-db", {**DATABASE, "Later": "x"}).host == "127.0.2.1"


def test_entries_are_found_by_name() -> None:
    assert PLATFORM_OUTPUTS.load_balancer("web").security_group == "sg-0123456789abcdef1"
    assert PLATFORM_OUTPUTS.parameter_group("mariadb10.11") == "platform-new-parametergroup-abc"
    secrets = NAMESPACE_OUTPUTS.model_copy(update={"environment_secrets": '{"AUTH_KEY": "arn:one"}'})
    assert secrets.secret_for("AUTH_KEY") == "arn:one"


def test_an_entry_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(MissingOutput, match=r"load balancer 'more'.*only web"):
        PLATFORM_OUTPUTS.load_balancer("more")
    with pytest.raises(MissingOutput, match=r"'mysql8.0'.*only mariadb10.11"):
        PLATFORM_OUTPUTS.parameter_group("mysql8.0")
    with pytest.raises(MissingOutput, match=r"'AUTH_KEY'.*only none"):
        NamespaceOutputs.model_validate(NAMESPACE_OUTPUTS.model_dump()).secret_for("AUTH_KEY")
