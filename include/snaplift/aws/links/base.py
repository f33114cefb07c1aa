"""What the links into AWS's console have in common."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink


def is_shown() -> bool:
    """Say whether AWS's console shows what is made: not where AWS's API is another endpoint's."""
    return not os.environ.get("AWS_ENDPOINT_URL")


class ConsoleLink(BaseAwsLink):
    """A page of AWS's console; none where something is not known.

    The provider's base puts ``None`` into the address where it does not know a partition's console or is given no
    value, and leaves quoting to each link.
    """

    def format_link(self, **kwargs: Any) -> str:
        """Fill in the address. Every value is quoted; ``""``, which Airflow does not show, where one is missing."""
        if any(value in {None, ""} for value in kwargs.values()):
            return ""
        return super().format_link(**{key: self.quoted(key, str(value)) for key, value in kwargs.items()})

    def quoted(self, key: str, value: str) -> str:
        """Quote one value as this page's address has it."""
        return value if key == "aws_domain" else quote(value, safe="")
