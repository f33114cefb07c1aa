"""Where things with a tag are, and what is done with a preview's pointer."""

from __future__ import annotations

import pytest

from snaplift.aws.hooks.ssm import PointerHook
from snaplift.aws.hooks.tagging import TagHook
from tests.unit.aws.conftest import Stubbed

NAME = "/snaplift/xy-0146/pr42/pointer"
ARN = f"arn:aws:ssm:eu-central-1:123456789012:parameter{NAME}"


def test_s14_parameters_are_listed_to_the_last_page(stubbed: Stubbed) -> None:
    hook, script = stubbed(TagHook, "resourcegroupstaggingapi")
    asked = {
        "ResourceTypeFilters": ["ssm:parameter"],
        "TagFilters": [{"Key": "installation", "Values": ["acme"]}, {"Key": "expires"}],
    }
    other = ARN.replace("pr42", "pr4")
    first = {"ResourceTagMappingList": [{"ResourceARN": ARN}], "PaginationToken": "more"}
    script.add_response("get_resources", first, asked)
    script.add_response(
        "get_resources", {"ResourceTagMappingList": [{"ResourceARN": other}]}, {**asked, "PaginationToken": "more"}
    )
    assert hook.parameters({"installation": "acme", "expires": None}) == [NAME.replace("pr42", "pr4"), NAME]


def test_s15_a_pointers_tags_are_its_own_or_there_is_no_pointer(stubbed: Stubbed) -> None:
    hook, script = stubbed(PointerHook, "ssm")
    asked = {"ResourceType": "Parameter", "ResourceId": NAME}
    script.add_response("list_tags_for_resource", {"TagList": [{"Key": "a", "Value": "b"}]}, asked)
    assert hook.tags(NAME) == {"a": "b"}
    script.add_client_error("list_tags_for_resource", "InvalidResourceId")
    assert hook.tags(NAME) is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InternalServerError"])
def test_s15_tags_that_cannot_be_read_are_an_error(stubbed: Stubbed, code: str) -> None:
    hook, script = stubbed(PointerHook, "ssm")
    script.add_client_error("list_tags_for_resource", code)
    with pytest.raises(hook.client.exceptions.ClientError):
        hook.tags(NAME)


def test_a_pointer_that_is_gone_already_is_removed(stubbed: Stubbed) -> None:
    hook, script = stubbed(PointerHook, "ssm")
    script.add_response("delete_parameter", {}, {"Name": NAME})
    script.add_client_error("delete_parameter", "ParameterNotFound")
    hook.remove(NAME)
    hook.remove(NAME)
