"""KMS: whether a key can be used."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from snaplift.aws.errors import absent_is_none
from snaplift.aws.hooks.base import PlaceMixin
from snaplift.promotion.existing import Key


class KeyHook(PlaceMixin, AwsGenericHook[Any]):
    """Look keys up. (The provider has no hook for KMS.)"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "kms"})

    def state(self, arn: str) -> str:
        """Tell a key's state: ``Enabled``, ``Disabled``, ``PendingDeletion`` …"""
        return str(self.get_conn().describe_key(KeyId=arn)["KeyMetadata"].get("KeyState", "unknown"))

    def find(self, arn: str) -> Key | None:
        """Look a key up. None: there is no such key here."""
        with absent_is_none("NotFoundException"):
            found = self.get_conn().describe_key(KeyId=arn)["KeyMetadata"]
            return Key(
                state=found.get("KeyState", "unknown"),
                manager=found.get("KeyManager", "unknown"),
                spec=found.get("KeySpec", "unknown"),
            )
        return None
