"""IAM: whether tasks can take their roles on."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from snaplift.aws.errors import absent_is_none
from snaplift.aws.hooks.base import PlaceMixin


class RoleHook(PlaceMixin, AwsGenericHook[Any]):
    """Look roles up. (The provider has no hook for IAM.)"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "iam"})

    def exists(self, arn: str) -> bool:
        """Say whether there is a role."""
        with absent_is_none("NoSuchEntity", "NoSuchEntityException"):
            self.get_conn().get_role(RoleName=arn.rpartition("/")[2])
            return True
        return False
