"""Whether data may go where they are asked for: what is of a higher class reaches a lower one only masked."""

from __future__ import annotations

from typing import Final, get_args

from snaplift import naming
from snaplift.config.previews import DataClass
from snaplift.config.tenant import Tenant

ORDER: Final[tuple[DataClass, ...]] = get_args(DataClass)
"""From the lowest to the highest."""


def refusal(tenant: Tenant, source: str, target: str, snapshot: str = "", carried: str | None = None) -> str:
    """Say why a release of one environment's data must not go to another as it is; nothing: it may.

    The higher of what the release carries and the file says counts: who lowers a class in the file says nothing of
    data that were taken before.

    :param source: whose data the release began as.
    :param snapshot: the release's, where it stands.
    :param carried: the class that its tag says; none: it was taken before releases carried one.
    """
    if carried is not None and carried not in ORDER:
        return (
            f"the tag {naming.DATA_CLASS_TAG} of {snapshot} says {carried!r}, which is no data class: put back what it "
            f"was when it was taken ({', '.join(ORDER)}), or choose another release"
        )
    said, allowed = tenant.data_class(source), tenant.data_class(target)
    limits = f"those of {tenant.tenant}-{target} may be {allowed} at most: they go there only masked, which a promotion"
    if ORDER.index(said) > ORDER.index(allowed):
        return (
            f"the data of {tenant.tenant}-{source} are {said} and {limits} does not do. Choose another environment, or "
            "correct data_class in the tenant's file"
        )
    if carried is not None and ORDER.index(carried) > ORDER.index(allowed):
        return (
            f"the data of {snapshot} were {carried} when it was taken (its tag {naming.DATA_CLASS_TAG}), those of "
            f"{tenant.tenant}-{source} are {said} now by the tenant's file, and {limits} does not do. Choose another "
            "environment, or a release that was taken since"
        )
    return ""
