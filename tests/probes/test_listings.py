"""Listings of everything: pages, and each thing with its own tags."""

from __future__ import annotations

from typing import Any

from tests.probes.asking import fresh, refusal
from tests.probes.conftest import Clients


def test_secrets_are_listed_by_name_in_pages_with_their_tags_and_without_those_marked_as_deleted(aws: Clients) -> None:
    client, prefix = aws("secretsmanager"), f"{fresh()}/"
    names = [f"{prefix}{number}" for number in range(7)]
    for name in names:
        client.create_secret(Name=name, SecretString="{}", Tags=[{"Key": "of", "Value": name}])
    client.delete_secret(SecretId=names[0], RecoveryWindowInDays=7)
    pages = client.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [prefix]}], PaginationConfig={"PageSize": 2}
    )
    found = {each["Name"]: each for page in pages for each in page["SecretList"]}
    assert sorted(found) == names[1:]
    assert all(each["Tags"] == [{"Key": "of", "Value": name}] for name, each in found.items())
    assert refusal(client.delete_secret, SecretId=names[0], RecoveryWindowInDays=7) == "InvalidRequestException"


def test_a_log_groups_tags_are_asked_by_the_arn_without_the_star(aws: Clients) -> None:
    client, name = aws("logs"), f"/{fresh()}"
    client.create_log_group(logGroupName=name, tags={"of": name})
    [found] = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert client.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"] == {"of": name}
    assert found["creationTime"] > 0
    client.delete_log_group(logGroupName=name)
    assert refusal(client.delete_log_group, logGroupName=name) == "ResourceNotFoundException"


def test_parameters_are_listed_by_path_in_pages_with_when_they_were_written(aws: Clients) -> None:
    client, path = aws("ssm"), f"/{fresh()}"
    names = [f"{path}/{number:02}/pointer" for number in range(12)]
    for name in names:
        client.put_parameter(Name=name, Value="{}", Type="String", Tags=[{"Key": "of", "Value": name}])
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    found: list[Any] = [each for page in pages for each in page["Parameters"]]
    assert [each["Name"] for each in found] == names
    assert all(each["LastModifiedDate"] for each in found)
    tags = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=names[0])["TagList"]
    assert tags == [{"Key": "of", "Value": names[0]}]
