"""Whether data may go where they are asked for: what is of a higher class reaches a lower one only masked."""

from __future__ import annotations

from typing import Final, get_args

from snaplift.config.previews import DataClass
from snaplift.config.tenant import Tenant

ORDER: Final[tuple[DataClass, ...]] = get_args(DataClass)
"""From the lowest to the highest."""


def refusal(tenant: Tenant, source: str, target: str) -> str:
    """Say why a release of one environment's data must not go to another as it is; nothing: it may.

    :param source: whose data the release began as.
    """
    data, allowed = tenant.data_class(source), tenant.data_class(target)
    if ORDER.index(data) <= ORDER.index(allowed):
        return ""
    return (
        f"the data of {tenant.tenant}-{source} are {data} and those of {tenant.tenant}-{target} may be {allowed} at "
        "most: they go there only masked, which a promotion does not do. Choose another environment, or correct "
        "data_class in the tenant's file"
    )
