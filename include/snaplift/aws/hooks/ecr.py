"""ECR: which image a tag means now."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.ecr import EcrHook
from botocore.exceptions import ClientError

from snaplift.aws.errors import code
from snaplift.aws.hooks.base import PlaceMixin


class ImageHook(PlaceMixin, EcrHook):
    """Resolve images to digests."""

    def resolve(self, image: str) -> str | None:
        """Find ``repository@digest`` for ``repository:tag`` or ``repository@digest``. None: there is no such image."""
        uri, by_digest, digest = image.partition("@")
        if not by_digest:
            uri, _, tag = image.rpartition(":")
        host, _, repository = uri.partition("/")
        asked = {"imageDigest": digest} if by_digest else {"imageTag": tag}
        try:
            client: Any = self.get_conn()
            answer = client.describe_images(
                registryId=host.partition(".")[0], repositoryName=repository, imageIds=[asked]
            )
        except ClientError as error:
            if code(error) in {"ImageNotFoundException", "RepositoryNotFoundException"}:
                return None
            raise
        return f"{uri}@{answer['imageDetails'][0]['imageDigest']}"
