"""Secrets Manager: credentials, which never leave the process that reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from airflow.providers.amazon.aws.hooks.secrets_manager import SecretsManagerHook
from airflow.sdk.log import mask_secret

from snaplift import naming
from snaplift.aws.errors import StepFailed, absent_is_none
from snaplift.aws.hooks.base import PlaceMixin, from_tag_list, to_tag_list
from snaplift.aws.hooks.mysql import Credentials


class FoundSecret(NamedTuple):
    """A secret, as it was found: never what it holds."""

    name: str
    arn: str
    created_at: datetime | None
    tags: dict[str, str]


class CredentialsHook(PlaceMixin, SecretsManagerHook):
    """Read database credentials, and see whether secrets are there."""

    def credentials(self, arn: str) -> Credentials:
        """Read a secret that holds a user name and a password, and have Airflow mask the password in every log.

        :raises StepFailed: the secret holds something else.
        """
        client: Any = self.get_conn()
        text = client.get_secret_value(SecretId=arn)["SecretString"]
        try:
            found = json.loads(text)
            credentials = Credentials(found["username"], found["password"])
        except (ValueError, KeyError, TypeError):
            raise StepFailed(f"secret {arn} is no JSON object with username and password") from None
        mask_secret(credentials.password)
        return credentials

    def all(self, prefix: str = naming.SECRETS) -> Iterator[FoundSecret]:
        """List every secret whose name begins so, to the last page; those that are marked as deleted are not listed."""
        client: Any = self.get_conn()
        given = [{"Key": "name", "Values": [prefix]}]
        for page in client.get_paginator("list_secrets").paginate(Filters=given):
            for found in page["SecretList"]:
                tags = from_tag_list(found.get("Tags"))
                yield FoundSecret(found["Name"], found["ARN"], found.get("CreatedDate"), tags)

    def remove(self, arn: str) -> None:
        """Mark a secret as deleted; for a week it can be restored. That it is marked, or gone, is no error."""
        client: Any = self.get_conn()
        with absent_is_none("ResourceNotFoundException", "InvalidRequestException"):
            client.delete_secret(SecretId=arn, RecoveryWindowInDays=7)

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        """Put tags on a secret."""
        client: Any = self.get_conn()
        client.tag_resource(SecretId=arn, Tags=to_tag_list(tags))

    def exists(self, arn: str) -> bool:
        """Say whether a secret can be read: it is there, and not marked as deleted."""
        client: Any = self.get_conn()
        with absent_is_none("ResourceNotFoundException"):
            return "DeletedDate" not in client.describe_secret(SecretId=arn)
        return False
