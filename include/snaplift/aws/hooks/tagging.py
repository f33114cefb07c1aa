"""The tagging API: where things with a tag are. A hint, no proof: it also tells of what is gone."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from snaplift.aws.hooks.base import PlaceMixin


class TagHook(PlaceMixin, AwsGenericHook[Any]):
    """Find things by tags. (The provider has no hook for it.)"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "resourcegroupstaggingapi"})

    def parameters(self, tags: dict[str, str | None]) -> list[str]:
        """Name the SSM parameters that have, or had, these tags, to the last page.

        :param tags: by key the value; None: any.
        """
        wanted = [{"Key": key, **({"Values": [value]} if value is not None else {})} for key, value in tags.items()]
        pages = (
            self.get_conn()
            .get_paginator("get_resources")
            .paginate(ResourceTypeFilters=["ssm:parameter"], TagFilters=wanted)
        )
        arns = [found["ResourceARN"] for page in pages for found in page["ResourceTagMappingList"]]
        # arn:…:parameter/snaplift/…: the name's own slash is the one behind the word.
        return sorted(arn.partition(":parameter")[2] for arn in arns)
