"""offboard: a tenant's environments are taken away, the last first, with a final snapshot of each database."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import dismantle
from snaplift.aws.steps.previews import find_previews_of
from snaplift.aws.steps.promotion import Done
from snaplift.config.platform import Platforms
from snaplift.config.tenant import Tenant
from snaplift.promotion import offboarding
from snaplift.promotion.plan import Place
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait


class Target(BaseModel):
    """A namespace that is to go, and where it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str
    platform: str

    @property
    def name(self) -> naming.Namespace:
        return naming.Namespace.parse(self.namespace)


def find_targets(platforms: Platforms, tenant: Tenant, environment: str) -> list[Target]:
    """Say what is to go, in this order: previews, then each environment before the one it is promoted from.

    :param environment: one, or ``all``.
    :raises OffboardingRefused: it is no environment, others that are promoted from it stand, or nothing of it does.
    :raises StepFailed: a preview stands of which it cannot be told where it is.
    """
    name = naming.Tenant.parse(tenant.tenant)
    names = offboarding.environments(tenant, environment)
    standing = {each for each in tenant.environments if _stands(platforms, _target(tenant, name, each))}
    found = [_target(tenant, name, each) for each in names if each in standing]
    if environment == offboarding.ALL:
        previews = find_previews_of(platforms, name)
        found = [*(Target(namespace=each.namespace, platform=each.platform) for each in previews), *found]
    else:
        offboarding.check_alone(tenant, environment, sorted(standing))
    if not found:
        raise offboarding.OffboardingRefused(f"nothing of {name} ({environment}) stands: there is nothing to take away")
    return found


def _target(tenant: Tenant, name: naming.Tenant, environment: str) -> Target:
    platform = tenant.environments[environment].platform
    return Target(namespace=str(naming.Namespace(name, environment)), platform=platform)


def _aws(platforms: Platforms, target: Target) -> Aws:
    return Aws.at(Place.of(target.platform, platforms.platforms[target.platform]))


def _stands(platforms: Platforms, target: Target) -> bool:
    """Say whether there is a pointer or a stack: both a half-made namespace and one that is half gone have either."""
    aws, name = _aws(platforms, target), target.name
    # An environment has no hyphen, so no other namespace's stack begins so.
    return _has_pointer(aws, name) or any(
        each.name == name.stack or each.name.startswith(f"{name}-") for each in aws.stacks.all()
    )


def _has_pointer(aws: Aws, name: naming.Namespace) -> bool:
    return aws.pointers.tags(name.pointer) is not None


def describe(platforms: Platforms, targets: list[Target]) -> str:
    """Tell in Markdown what stands of each, for who is asked."""
    lines = ["Of each database a final snapshot is kept. The rest goes, and cannot be had back:", ""]
    for target in targets:
        aws, name = _aws(platforms, target), target.name
        if not _has_pointer(aws, name):
            lines.append(f"- **{name}** on {target.platform}: it has no pointer; what is left of it goes")
            continue
        active = aws.pointers.read(name.pointer)[0].active
        databases = [
            f"`{each.identifier}` ({each.storage} GB)"
            for each in aws.databases.instances()
            if naming.is_ours(each.tags, platforms.installation, name)
        ]
        what = f"release {active.release or 'origin'} is active" if active else "nothing is active"
        lines.append(f"- **{name}** on {target.platform}: {what}; databases: {', '.join(databases) or 'none'}")
    return "\n".join(lines)


def advance(platforms: Platforms, targets: list[Target], run: Run, airflow: str = "") -> Wait | Done:
    """Take one after the other away. Those that are gone already are passed by.

    :raises LockHeld: a run is at work on one of them.
    :raises StepFailed: something could not be removed; what comes after it stands.
    """
    kept: list[str] = []
    for target in targets:
        wanted = dismantle.under_way(platforms, target.namespace, run) or dismantle.prepare(
            platforms, target.namespace, target.platform, run, final_snapshots=not target.name.is_preview
        )
        outcome = dismantle.advance(wanted, airflow=airflow)
        if isinstance(outcome, Wait):
            return outcome
        kept += outcome.result.get("kept", [])
    if not targets:
        raise StepFailed("there is nothing to take away")
    return Done({"dismantled": [target.namespace for target in targets], "kept": sorted(kept)})
