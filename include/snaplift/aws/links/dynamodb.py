"""DynamoDB's pages."""

from __future__ import annotations

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK

from snaplift.aws.links.base import ConsoleLink


class LockLink(ConsoleLink):
    """A namespace's lock: who holds it, and the plan that it was taken with."""

    name = "DynamoDB lock"
    key = "dynamodb_lock"
    format_str = (
        BASE_AWS_CONSOLE_LINK + "/dynamodbv2/home?region={region_name}#edit-item"
        "?itemMode=2&pk={namespace}&route=ROUTE_ITEM_EXPLORER&sk=&table={table}"
    )
