"""One account and region, and the hooks for what snaplift uses there."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from snaplift.aws.fence import Fence
from snaplift.aws.hooks.base import CLIENT_CONFIG
from snaplift.aws.hooks.change_sets import ChangeSetHook
from snaplift.aws.hooks.cloudformation import StackHook
from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.aws.hooks.ec2 import NetworkHook
from snaplift.aws.hooks.ecr import ImageHook
from snaplift.aws.hooks.ecs import ServiceHook
from snaplift.aws.hooks.ecs_roster import RosterHook
from snaplift.aws.hooks.ecs_site import SiteHook
from snaplift.aws.hooks.elbv2 import ListenerHook
from snaplift.aws.hooks.fingerprints import FingerprintHook
from snaplift.aws.hooks.iam import RoleHook
from snaplift.aws.hooks.kms import KeyHook
from snaplift.aws.hooks.logs import LogGroupHook
from snaplift.aws.hooks.marks import MarkHook
from snaplift.aws.hooks.rds import DatabaseHook
from snaplift.aws.hooks.secrets_manager import CredentialsHook
from snaplift.aws.hooks.ssm import PointerHook
from snaplift.aws.hooks.tagging import TagHook
from snaplift.promotion.plan import Place


class Aws:
    """Hooks, made when they are first asked for.

    :param connection: the Airflow connection; empty: boto3's own way to credentials.
    :param fence: what every write through these hooks has to pass.
    """

    def __init__(self, connection: str, region: str, fence: Fence | None = None) -> None:
        self.connection = connection
        self.region = region
        self._unfenced: dict[str, Any] = {
            "aws_conn_id": connection or None,
            "region_name": region,
            "config": CLIENT_CONFIG,
            "sessions": {},
        }
        self._given = {**self._unfenced, "fence": fence}

    @classmethod
    def at(cls, place: Place, fence: Fence | None = None) -> Aws:
        """Hooks for a place."""
        return cls(place.connection, place.region, fence)

    @cached_property
    def stacks(self) -> StackHook:
        return StackHook(**self._given)

    @cached_property
    def change_sets(self) -> ChangeSetHook:
        return ChangeSetHook(**self._given)

    @cached_property
    def databases(self) -> DatabaseHook:
        return DatabaseHook(**self._given)

    @cached_property
    def services(self) -> ServiceHook:
        return ServiceHook(**self._given)

    @cached_property
    def roster(self) -> RosterHook:
        return RosterHook(**self._given)

    @cached_property
    def sites(self) -> SiteHook:
        return SiteHook(**self._given)

    @cached_property
    def pointers(self) -> PointerHook:
        return PointerHook(**self._given)

    @cached_property
    def locks(self) -> LockHook:
        return LockHook(**self._unfenced)  # its writes have their own condition

    @cached_property
    def fingerprints(self) -> FingerprintHook:
        return FingerprintHook(**self._given)

    @cached_property
    def marks(self) -> MarkHook:
        return MarkHook(**self._given)

    @cached_property
    def credentials(self) -> CredentialsHook:
        return CredentialsHook(**self._given)

    @cached_property
    def images(self) -> ImageHook:
        return ImageHook(**self._given)

    @cached_property
    def network(self) -> NetworkHook:
        return NetworkHook(**self._given)

    @cached_property
    def listeners(self) -> ListenerHook:
        return ListenerHook(**self._given)

    @cached_property
    def keys(self) -> KeyHook:
        return KeyHook(**self._given)

    @cached_property
    def log_groups(self) -> LogGroupHook:
        return LogGroupHook(**self._given)

    @cached_property
    def roles(self) -> RoleHook:
        return RoleHook(**self._given)

    @cached_property
    def tagged(self) -> TagHook:
        return TagHook(**self._given)
