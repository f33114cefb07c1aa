"""The tenant's site."""

from __future__ import annotations

from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink


class SiteLink(BaseAwsLink):
    """What visitors see; no page of AWS's console, so it is shown whatever endpoint AWS has."""

    name = "Site"
    key = "site"
    format_str = "{url}"
