"""Systems Manager's pages."""

from __future__ import annotations

from urllib.parse import quote

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK

from snaplift.aws.links.base import ConsoleLink


class PointerLink(ConsoleLink):
    """A pointer's history: what was active, and since when."""

    name = "SSM pointer"
    key = "ssm_pointer"
    format_str = BASE_AWS_CONSOLE_LINK + "/systems-manager/parameters/{pointer}/history?region={region_name}"

    def quoted(self, key: str, value: str) -> str:
        """A parameter's name is one segment of the path, quoted twice."""
        return quote(quote(value, safe=""), safe="") if key == "pointer" else super().quoted(key, value)
