"""Secrets Manager: credentials, which never leave the process that reads them."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.amazon.aws.hooks.secrets_manager import SecretsManagerHook
from airflow.sdk.log import mask_secret

from snaplift.aws.errors import StepFailed, absent_is_none
from snaplift.aws.hooks.base import PlaceMixin
from snaplift.aws.hooks.mysql import Credentials


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

    def exists(self, arn: str) -> bool:
        """Say whether a secret can be read: it is there, and not marked as deleted."""
        client: Any = self.get_conn()
        with absent_is_none("ResourceNotFoundException"):
            return "DeletedDate" not in client.describe_secret(SecretId=arn)
        return False
