"""Parameter Store: the pointer rests on its versions, provisioning on its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.probes.asking import fresh, refusal, tags
from tests.probes.conftest import Clients


@pytest.fixture(scope="module")
def ssm(aws: Clients) -> Any:
    return aws("ssm")


@pytest.fixture
def path() -> str:
    return f"/snaplift/{fresh()}"


@pytest.fixture
def parameter(ssm: Any, path: str) -> Iterator[str]:
    ssm.put_parameter(Name=path, Value="{}", Type="String", Tags=tags(owner="probe"))
    yield path
    ssm.delete_parameter(Name=path)


def test_every_put_returns_the_version_that_it_made(ssm: Any, parameter: str) -> None:
    versions = [
        ssm.put_parameter(Name=parameter, Value=str(value), Type="String", Overwrite=True)["Version"]
        for value in range(3)
    ]
    assert versions == [2, 3, 4]
    assert ssm.get_parameter(Name=parameter)["Parameter"]["Version"] == 4


def test_an_older_version_can_be_read_by_its_number(ssm: Any, parameter: str) -> None:
    ssm.put_parameter(Name=parameter, Value="later", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name=f"{parameter}:1")["Parameter"]["Value"] == "{}"


def test_the_history_keeps_every_version_in_order(ssm: Any, parameter: str) -> None:
    ssm.put_parameter(Name=parameter, Value="later", Type="String", Overwrite=True)
    history = ssm.get_parameter_history(Name=parameter)["Parameters"]
    assert [(entry["Version"], entry["Value"]) for entry in history] == [(1, "{}"), (2, "later")]


def test_tags_beside_overwrite_are_refused(ssm: Any, parameter: str) -> None:
    code = refusal(
        ssm.put_parameter, Name=parameter, Value="x", Type="String", Overwrite=True, Tags=tags(owner="other")
    )
    assert code == "ValidationException"


def test_an_existing_parameter_is_not_overwritten_unasked(ssm: Any, parameter: str) -> None:
    assert refusal(ssm.put_parameter, Name=parameter, Value="x", Type="String") == "ParameterAlreadyExists"


@pytest.mark.parametrize("tier", ["Standard", None])
def test_a_value_over_4_kb_is_refused_in_the_standard_tier(ssm: Any, path: str, tier: str | None) -> None:
    chosen = {"Tier": tier} if tier else {}
    assert refusal(ssm.put_parameter, Name=path, Value="x" * 4097, Type="String", **chosen) == ("ValidationException")


def test_a_value_of_4_kb_is_taken(ssm: Any, path: str) -> None:
    ssm.put_parameter(Name=path, Value="x" * 4096, Type="String")
    assert ssm.delete_parameter(Name=path)


def test_an_empty_value_is_refused(ssm: Any, path: str) -> None:
    assert refusal(ssm.put_parameter, Name=path, Value="", Type="String") == "ValidationException"


@pytest.mark.parametrize("root", ["/aws/probe", "/ssm/probe", "aws-probe"])
def test_names_that_aws_keeps_for_itself_are_refused(ssm: Any, root: str) -> None:
    code = refusal(ssm.put_parameter, Name=root, Value="x", Type="String")
    assert code in ("AccessDeniedException", "ValidationException")


def test_an_unknown_parameter_is_not_found(ssm: Any, path: str) -> None:
    assert refusal(ssm.get_parameter, Name=path) == "ParameterNotFound"
    assert refusal(ssm.delete_parameter, Name=path) == "ParameterNotFound"


def test_a_parameter_made_again_starts_at_version_1(ssm: Any, path: str) -> None:
    for _ in range(2):
        assert ssm.put_parameter(Name=path, Value="x", Type="String")["Version"] == 1
        ssm.delete_parameter(Name=path)


def test_a_path_is_read_in_pages_with_all_below_it(ssm: Any, path: str) -> None:
    names = {f"{path}/tenant-{number:02}/pointer" for number in range(23)}
    outside = f"{path}2/pointer"
    for name in {*names, outside}:
        ssm.put_parameter(Name=name, Value="{}", Type="String")
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True))
    assert {parameter["Name"] for page in pages for parameter in page["Parameters"]} == names
    assert [len(page["Parameters"]) for page in pages] == [10, 10, 3]


def test_a_path_is_not_read_deeper_unless_asked(ssm: Any, path: str) -> None:
    ssm.put_parameter(Name=f"{path}/one", Value="{}", Type="String")
    ssm.put_parameter(Name=f"{path}/deeper/two", Value="{}", Type="String")
    found = ssm.get_parameters_by_path(Path=path)["Parameters"]
    assert [parameter["Name"] for parameter in found] == [f"{path}/one"]


def test_more_than_ten_parameters_a_page_are_refused(ssm: Any, path: str) -> None:
    assert refusal(ssm.get_parameters_by_path, Path=path, MaxResults=11) == "ValidationException"


def test_tags_given_at_creation_can_be_listed(ssm: Any, parameter: str) -> None:
    listed = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=parameter)["TagList"]
    assert listed == tags(owner="probe")


def test_the_hundredth_version_pushes_out_the_oldest(ssm: Any, parameter: str) -> None:
    for number in range(100):
        version = ssm.put_parameter(Name=parameter, Value=str(number), Type="String", Overwrite=True)["Version"]
    assert version == 101
    assert refusal(ssm.get_parameter, Name=f"{parameter}:1") == "ParameterVersionNotFound"


def test_a_label_on_the_oldest_version_stops_the_next_put(ssm: Any, parameter: str) -> None:
    ssm.label_parameter_version(Name=parameter, ParameterVersion=1, Labels=["kept"])
    for number in range(99):
        ssm.put_parameter(Name=parameter, Value=str(number), Type="String", Overwrite=True)
    code = refusal(ssm.put_parameter, Name=parameter, Value="over", Type="String", Overwrite=True)
    assert code == "ParameterMaxVersionLimitExceeded"


def test_tags_are_a_parameters_that_there_is(ssm: Any, parameter: str, path: str) -> None:
    """A pointer that is gone has none, rather than no tags."""
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=parameter, Tags=tags(expires="soon"))
    found = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=parameter)["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in found} == {"owner": "probe", "expires": "soon"}
    gone = {"ResourceType": "Parameter", "ResourceId": f"{path}/gone"}
    assert refusal(ssm.list_tags_for_resource, **gone) == "InvalidResourceId"
    assert refusal(ssm.add_tags_to_resource, **gone, Tags=tags(expires="soon")) == "InvalidResourceId"


def test_tags_say_no_new_version(ssm: Any, parameter: str) -> None:
    before = ssm.get_parameter(Name=parameter)["Parameter"]["Version"]
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=parameter, Tags=tags(expires="soon"))
    assert ssm.get_parameter(Name=parameter)["Parameter"]["Version"] == before
