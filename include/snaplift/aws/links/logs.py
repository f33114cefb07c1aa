"""CloudWatch Logs' pages."""

from __future__ import annotations

from urllib.parse import quote

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK

from snaplift.aws.links.base import ConsoleLink


class LogGroupLink(ConsoleLink):
    """The streams of a log group that begin with a prefix, the latest first."""

    name = "CloudWatch logs"
    key = "cloudwatch_log_group"
    format_str = (
        BASE_AWS_CONSOLE_LINK + "/cloudwatch/home?region={region_name}#logsV2:log-groups/log-group/{log_group}"
        "$3FlogStreamNameFilter$3D{stream_prefix}"
    )

    def quoted(self, key: str, value: str) -> str:
        """Behind ``#`` this page has its values quoted twice, with ``$`` for the second ``%``."""
        if key in {"log_group", "stream_prefix"}:
            return quote(quote(value, safe=""), safe="").replace("%", "$")
        return super().quoted(key, value)
