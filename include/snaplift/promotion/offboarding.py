"""Offboarding: which environments go, in which order, and what keeps one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from snaplift.config.tenant import Approval, Tenant

ALL: Final = "all"
APPROVED: Final = "Approve"


class OffboardingRefused(ValueError):
    """Nothing is taken away; the message says why."""


def environments(tenant: Tenant, asked: str) -> list[str]:
    """Name the environments that go, each before the one that it is promoted from.

    :raises OffboardingRefused: the tenant has no such environment.
    """
    if asked != ALL and asked not in tenant.environments:
        known = ", ".join([ALL, *tenant.environments])
        raise OffboardingRefused(f"{tenant.tenant} has no environment {asked!r}: expected {known}")
    names = list(tenant.environments) if asked == ALL else [asked]
    return sorted(names, key=lambda name: (-_depth(tenant, name), name))


def check_alone(tenant: Tenant, asked: str, standing: list[str]) -> None:
    """Be sure that nothing that stands is promoted from an environment that goes alone.

    :raises OffboardingRefused: it is.
    """
    if left := [name for name in standing if tenant.environments[name].promoted_from == asked]:
        raise OffboardingRefused(
            f"{tenant.tenant}-{asked} is what {', '.join(left)} is promoted from, which stands: take that away first"
        )


def approval(tenant: Tenant, environments: Iterable[str]) -> Approval:
    """Say who may say yes, and until when: whoever may in each of the environments that go, and the shortest time.

    :param environments: those that go; a preview's, which is in no file, asks nobody by itself.
    :raises OffboardingRefused: nobody may in all of them.
    """
    known = (tenant.environments.get(name) for name in environments)
    named = [each.approval for each in known if each is not None and each.approval is not None]
    restricted = [each.users for each in named if each.users]
    users = tuple(sorted(set(restricted[0]).intersection(*restricted))) if restricted else ()
    if restricted and not users:
        raise OffboardingRefused(
            f"nobody may approve all of these environments of {tenant.tenant} by the tenant's file: take them away one "
            "at a time, each with its own approver"
        )
    return Approval(timeout=min((each.timeout for each in named), default=Approval().timeout), users=users)


def check_confirmed(tenant: str, typed: str) -> None:
    """Be sure that a person means this tenant.

    :raises OffboardingRefused: another name was typed.
    """
    if typed != tenant:
        raise OffboardingRefused(f"{typed!r} was typed to confirm, not {tenant!r}: nothing is taken away")


def check_approved(answer: object) -> None:
    """Be sure that a person said yes: the colour of the task that asks proves nothing.

    :param answer: what the task that asks has written down.
    :raises OffboardingRefused: nobody did.
    """
    chosen = answer.get("chosen_options") if isinstance(answer, dict) else None
    if chosen != [APPROVED]:
        raise OffboardingRefused("nobody has approved this: nothing is taken away. Clear 'approve' to be asked again")


def _depth(tenant: Tenant, name: str) -> int:
    above = tenant.environments[name].promoted_from
    return 0 if above is None else 1 + _depth(tenant, above)
