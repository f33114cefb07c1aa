"""Data brought downwards: from which environment, with which build, and whether they may go there masked."""

from __future__ import annotations

from snaplift.config.tenant import Tenant
from snaplift.promotion.choosing import Choice, PlanRefused, Request, images_of
from snaplift.promotion.data_class import ORDER
from snaplift.promotion.pointer import Pointer

HOW_TO = "docs/how-to/refresh-with-masking.md"


def source_of(request: Request, tenant: Tenant) -> str:
    """Name the environment whose data are brought down: the one that is asked for, or else the highest.

    :raises PlanRefused: it is not above the target, or which one is meant is not clear.
    """
    target, asked = request.environment, request.refresh_from
    if target not in tenant.environments:
        raise PlanRefused([f"{tenant.tenant} has no environment {target!r}; it has {', '.join(tenant.environments)}"])
    above = tenant.above(target)
    if not above:
        raise PlanRefused([f"no environment of {tenant.tenant} is above {target}: there is nothing to bring down"])
    if asked:
        if asked not in above:
            raise PlanRefused(
                [f"{asked!r} is not above {target}: data come down from {' or '.join(above)}; everywhere else they "
                 "go by a promotion"]
            )  # fmt: skip
        return asked
    highest = [name for name in above if len(tenant.way_to(name)) == len(tenant.way_to(above[-1]))]
    if len(highest) > 1:
        raise PlanRefused([f"{' and '.join(highest)} are equally far above {target}: say from which"])
    return highest[0]


def choose_refresh(request: Request, tenant: Tenant, here: Pointer) -> Choice:
    """Say what a refresh means: what is active above goes with the build that is active here.

    :param here: the target's pointer.
    :raises PlanRefused: it means nothing in this environment, or the tenant has no masking.
    """
    source = source_of(request, tenant)
    if why := refusal(tenant, source, request.environment):
        raise PlanRefused([why])
    with_its_build = None if request.build else here.active
    return Choice(
        mode="refresh", release=None, images=images_of(request.build, tenant, with_its_build, "active"), source=source
    )


def refusal(tenant: Tenant, source: str, target: str) -> str:
    """Say why data may not be brought down, whatever is done to them; nothing: they may, masked."""
    if tenant.masking is None:
        return (
            f"{tenant.tenant}-{source} goes to {tenant.tenant}-{target} only masked, and 'masking' is not in "
            f"tenants/{tenant.tenant}.yaml: write there what masks the data (masking.steps) and what shows that they "
            f"are (masking.checks), as {HOW_TO} says"
        )
    masked, allowed = tenant.masking.data_class, tenant.data_class(target)
    if masked is None or ORDER.index(masked) <= ORDER.index(allowed):
        return ""
    return (
        f"masked, the data of {tenant.tenant}-{source} are {masked} (masking.data_class), and those of "
        f"{tenant.tenant}-{target} may be {allowed} at most: mask more, or choose another environment"
    )
