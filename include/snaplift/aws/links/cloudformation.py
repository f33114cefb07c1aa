"""CloudFormation's pages."""

from __future__ import annotations

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK

from snaplift.aws.links.base import ConsoleLink


class StackLink(ConsoleLink):
    """A stack's events, by its id: a deleted stack has a page as well."""

    name = "CloudFormation stack"
    key = "cloudformation_stack"
    format_str = BASE_AWS_CONSOLE_LINK + "/cloudformation/home?region={region_name}#/stacks/events?stackId={stack_id}"
