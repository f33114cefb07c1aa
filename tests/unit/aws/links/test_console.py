"""Every link's address: by region and partition, its values quoted as the page wants them, and none where one lacks."""

from __future__ import annotations

import pytest
from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink

from snaplift.aws.links.cloudformation import StackLink
from snaplift.aws.links.dynamodb import LockLink
from snaplift.aws.links.ecs import DeploymentLink, ServiceLink, TaskDefinitionLink, TaskLink
from snaplift.aws.links.logs import LogGroupLink
from snaplift.aws.links.outcome import LINKS
from snaplift.aws.links.rds import InstanceLink, SnapshotLink
from snaplift.aws.links.site import SiteLink
from snaplift.aws.links.ssm import PointerLink

CONSOLE = "https://console.aws.amazon.com"
REGION = "region=eu-central-1"
STACK = "arn:aws:cloudformation:eu-central-1:123456789012:stack/xy-0146-qa-db/0a1b"

EXAMPLES: list[tuple[type[BaseAwsLink], dict[str, str], str]] = [
    (
        StackLink,
        {"stack_id": STACK},
        f"{CONSOLE}/cloudformation/home?{REGION}#/stacks/events?stackId="
        "arn%3Aaws%3Acloudformation%3Aeu-central-1%3A123456789012%3Astack%2Fxy-0146-qa-db%2F0a1b",
    ),
    (
        InstanceLink,
        {"instance": "xy-0146-qa-db-20261123t020000z"},
        f"{CONSOLE}/rds/home?{REGION}#database:id=xy-0146-qa-db-20261123t020000z;is-cluster=false",
    ),
    (
        SnapshotLink,
        {"snapshot": "xy-0146-dev-snapshot-20261123t020000z"},
        f"{CONSOLE}/rds/home?{REGION}#db-snapshot:id=xy-0146-dev-snapshot-20261123t020000z",
    ),
    (
        TaskDefinitionLink,
        {"family": "xy-0146-qa", "revision": "37"},
        f"{CONSOLE}/ecs/v2/task-definitions/xy-0146-qa/37/containers?{REGION}",
    ),
    (
        ServiceLink,
        {"cluster": "platform-nonprod", "service": "xy-0146-qa"},
        f"{CONSOLE}/ecs/v2/clusters/platform-nonprod/services/xy-0146-qa/health?{REGION}",
    ),
    (
        DeploymentLink,
        {"cluster": "platform-nonprod", "service": "xy-0146-qa"},
        f"{CONSOLE}/ecs/v2/clusters/platform-nonprod/services/xy-0146-qa/deployments?{REGION}",
    ),
    (
        TaskLink,
        {"cluster": "platform-nonprod", "task": "0a1b2c"},
        f"{CONSOLE}/ecs/v2/clusters/platform-nonprod/tasks/0a1b2c/configuration?{REGION}",
    ),
    (
        LogGroupLink,
        {"log_group": "/snaplift/xy-0146/qa", "stream_prefix": "origin/"},
        f"{CONSOLE}/cloudwatch/home?{REGION}#logsV2:log-groups/log-group/"
        "$252Fsnaplift$252Fxy-0146$252Fqa$3FlogStreamNameFilter$3Dorigin$252F",
    ),
    (
        PointerLink,
        {"pointer": "/snaplift/xy-0146/qa/pointer"},
        f"{CONSOLE}/systems-manager/parameters/%252Fsnaplift%252Fxy-0146%252Fqa%252Fpointer/history?{REGION}",
    ),
    (
        LockLink,
        {"table": "platform-nonprod-locks", "namespace": "xy-0146-qa"},
        f"{CONSOLE}/dynamodbv2/home?{REGION}#edit-item"
        "?itemMode=2&pk=xy-0146-qa&route=ROUTE_ITEM_EXPLORER&sk=&table=platform-nonprod-locks",
    ),
]
PAGES = [pytest.param(*example, id=example[0].__name__) for example in EXAMPLES]
PLACE = {"region_name": "eu-central-1", "aws_domain": "aws.amazon.com"}


@pytest.mark.parametrize(("link", "values", "address"), PAGES)
def test_a_link_leads_to_the_things_page_in_its_region(
    link: type[BaseAwsLink], values: dict[str, str], address: str
) -> None:
    assert link().format_link(**PLACE, **values) == address


def test_every_page_has_an_example() -> None:
    assert {link for link, _, _ in EXAMPLES} | {SiteLink} == set(LINKS)


@pytest.mark.parametrize(
    ("partition", "console"),
    [
        ("aws", "https://console.aws.amazon.com/"),
        ("aws-cn", "https://console.amazonaws.cn/"),
        ("aws-us-gov", "https://console.amazonaws-us-gov.com/"),
    ],
)
@pytest.mark.parametrize(("link", "values", "address"), PAGES)
def test_a_link_leads_to_the_console_of_its_partition(
    link: type[BaseAwsLink], values: dict[str, str], address: str, partition: str, console: str
) -> None:
    found = link().format_link(region_name="a-region-1", aws_domain=link.get_aws_domain(partition), **values)
    assert found.startswith(console)
    assert "region=a-region-1" in found


@pytest.mark.parametrize(("link", "values", "address"), PAGES)
def test_there_is_no_link_into_a_console_that_is_not_known(
    link: type[BaseAwsLink], values: dict[str, str], address: str
) -> None:
    assert link().format_link(region_name="eusc-de-east-1", aws_domain=link.get_aws_domain("aws-eusc"), **values) == ""


@pytest.mark.parametrize("absent", [None, ""])
@pytest.mark.parametrize(("link", "values", "address"), PAGES)
def test_there_is_no_link_where_a_value_lacks(
    link: type[BaseAwsLink], values: dict[str, str], address: str, absent: str | None
) -> None:
    for key in values:
        assert link().format_link(**PLACE, **(values | {key: absent})) == ""
        assert link().format_link(**PLACE, **{name: value for name, value in values.items() if name != key}) == ""


@pytest.mark.parametrize(("link", "values", "address"), PAGES)
def test_no_value_changes_the_address_around_it(link: type[BaseAwsLink], values: dict[str, str], address: str) -> None:
    found = link().format_link(**PLACE, **dict.fromkeys(values, "a&b=c#d;e?f g/ü"))
    assert found.isascii()
    for character in "&#;? /":
        assert found.count(character) == address.count(character), character


def test_the_sites_link_is_its_address_as_it_is() -> None:
    assert SiteLink().format_link(url="http://xy-0146-qa.localhost:8088/") == "http://xy-0146-qa.localhost:8088/"
    assert SiteLink().format_link() == ""
