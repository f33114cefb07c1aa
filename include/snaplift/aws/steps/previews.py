"""previews: make the namespace of one, with the time that it has, and find those that stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from snaplift import naming
from snaplift.aws.aws import Aws
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import dismantle
from snaplift.aws.steps.promotion import Done, locks_of, utc_now
from snaplift.aws.steps.provision import provision_namespace
from snaplift.config.platform import Platforms
from snaplift.config.previews import InvalidPreview
from snaplift.config.tenant import Tenant
from snaplift.promotion import previews
from snaplift.promotion.lock import LockHeld
from snaplift.promotion.plan import Place
from snaplift.promotion.previews import StandingPreview
from snaplift.promotion.run import Run
from snaplift.promotion.wait import Wait


def provision_preview(
    platforms: Platforms, tenant: Tenant, preview: str, ttl: timedelta, run: Run, now: Callable[[], datetime] = utc_now
) -> Wait | Done:
    """Make a preview's pointer, with its time, then its stack; one that stands is prolonged.

    The pointer is the first of it and the last, so whatever becomes of the rest is found when its time is up.

    :param tenant: with the preview among its environments.
    :raises InvalidPreview: it cannot be had.
    :raises StepFailed: it could not be made.
    """
    name = naming.Namespace(naming.Tenant.parse(tenant.tenant), preview)
    platform = tenant.environments[preview].platform
    if tenant.previews is None:
        raise InvalidPreview(f"{tenant.tenant} has no previews: its file says nothing of them")
    if why := previews.refusal(name, platform, tenant.previews, find_previews(platforms)):
        raise InvalidPreview(why)
    aws, expires = Aws.at(Place.of(platform, platforms.platforms[platform])), now() + ttl
    tags = naming.preview_tags(platforms.installation, name, platform, expires)
    if not aws.pointers.make(name.pointer, tags):
        found = aws.pointers.tags(name.pointer)
        if found is None or not naming.is_ours(found, platforms.installation, name):
            raise StepFailed(f"{name.pointer} was not made by {platforms.installation}: it is left alone")
        if (there := found.get(naming.PLATFORM_TAG)) != platform:
            raise StepFailed(f"{name} stands on {there}, not on {platform}: remove it first")
        aws.pointers.tag(name.pointer, tags)
    outcome = provision_namespace(platforms, tenant, preview, run, pointer_tags=tags)
    return Done({**outcome.result, "expires": tags[naming.EXPIRES_TAG]}) if isinstance(outcome, Done) else outcome


def find_previews(platforms: Platforms) -> list[StandingPreview]:
    """List the previews that stand, over all platforms.

    :raises Exception: one platform's could not be listed.
    """
    return [each for name in platforms.platforms for each in _on_platform(platforms, name)]


def find_previews_of(platforms: Platforms, tenant: naming.Tenant) -> list[StandingPreview]:
    """List a tenant's previews by the path of their pointers, and be sure that there are no more.

    What the tagging API lists comes late, and not what lost its tags: a preview that was made just now would be missed.

    :raises StepFailed: there is the pointer of one that cannot be told to be ours, or where it is.
    """
    found: dict[str, StandingPreview] = {}
    odd: dict[str, tuple[naming.Namespace, dict[str, str]]] = {}
    for platform, settings in platforms.platforms.items():
        place = Place.of(platform, settings)
        locks_of(place)  # the same account: in another one there would seem to be none
        pointers = Aws.at(place).pointers
        for each in [parameter.name for parameter in pointers.all(tenant.parameters)]:
            name = _preview_of(each)
            tags = pointers.tags(each) if name is not None else None
            if name is None or tags is None:
                continue
            preview = StandingPreview.read(name, tags, platforms.installation)
            if preview is not None and preview.platform == platform:
                found[each] = preview
            elif tags.get(naming.INSTALLATION_TAG) in {None, platforms.installation}:
                odd[each] = name, tags
    for name, tags in [odd[each] for each in sorted(odd.keys() - found.keys())]:
        raise StepFailed(previews.untold(name, tags, platforms.installation, platforms.platforms))
    return list(found.values())


def find_preview(platforms: Platforms, name: naming.Namespace) -> StandingPreview | None:
    """Look one preview up. None: its pointer is on no platform."""
    for platform, settings in platforms.platforms.items():
        tags = Aws.at(Place.of(platform, settings)).pointers.tags(name.pointer)
        found = StandingPreview.read(name, tags, platforms.installation) if tags is not None else None
        if found is not None and found.platform == platform:
            return found
    return None


def _preview_of(pointer: str) -> naming.Namespace | None:
    try:
        name = naming.Namespace.of_pointer(pointer)
    except naming.InvalidName:
        return None
    return name if name.is_preview else None


def _check_absent(platforms: Platforms, name: naming.Namespace) -> None:
    """Be sure that a preview that was not found has no pointer.

    :raises StepFailed: it has: its tags are not as we put them.
    """
    for platform, settings in platforms.platforms.items():
        tags = Aws.at(Place.of(platform, settings)).pointers.tags(name.pointer)
        if tags is not None:
            raise StepFailed(previews.untold(name, tags, platforms.installation, platforms.platforms))


def remove_preview(platforms: Platforms, namespace: str, run: Run, airflow: str = "") -> Wait | Done:
    """Take a preview away, whether its time is up or not.

    :raises InvalidName: it is no namespace.
    :raises StepFailed: it is no preview's, or it cannot be told where it is.
    """
    name = naming.Namespace.parse(namespace)
    if not name.is_preview:
        raise StepFailed(f"{name} is no preview: it is removed by offboarding only")
    wanted = dismantle.under_way(platforms, namespace, run)
    if wanted is None:
        preview = find_preview(platforms, name)
        if preview is None:
            _check_absent(platforms, name)
            return Done(skipped=f"there is no preview {name}")
        wanted = dismantle.prepare(platforms, namespace, preview.platform, run, final_snapshots=False)
    return dismantle.advance(wanted, airflow=airflow)


def _on_platform(platforms: Platforms, platform: str) -> list[StandingPreview]:
    place = Place.of(platform, platforms.platforms[platform])
    locks_of(place)  # the same account: in another one there would seem to be none
    aws = Aws.at(place)
    # Without the tag that says until when: one that lost it stands all the same.
    wanted: dict[str, str | None] = {naming.INSTALLATION_TAG: platforms.installation, naming.PLATFORM_TAG: platform}
    found = []
    for pointer in aws.tagged.parameters(wanted):
        name = _preview_of(pointer)
        if name is None:
            continue  # somebody else's parameter, with copied tags
        tags = aws.pointers.tags(pointer)
        preview = StandingPreview.read(name, tags, platforms.installation) if tags is not None else None
        if preview is not None and preview.platform == platform:
            found.append(preview)
    return found


class Lead(BaseModel):
    """A preview whose time is up, or a platform where one could not look for such."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: str
    namespace: str = ""
    """Empty: the platform's previews could not be listed."""
    why: str


def find_expired(platforms: Platforms, now: Callable[[], datetime] = utc_now) -> list[Lead]:
    """List the previews whose time is up. A platform that cannot be listed keeps no other's from being taken away."""
    leads, standing = [], []
    for platform in platforms.platforms:
        try:
            standing += _on_platform(platforms, platform)
        except Exception as error:
            leads.append(Lead(platform=platform, why=f"{type(error).__name__}: {error}"))
    for until, each in previews.expired(standing, now()):
        why = f"its time was up at {until:%Y-%m-%d %H:%M} UTC"
        leads.append(Lead(platform=each.platform, namespace=each.namespace, why=why))
    return leads


def remove_expired(platforms: Platforms, lead: Lead, run: Run, airflow: str = "") -> Wait | Done:
    """Take one preview away whose time is up; one that a run is at work on is left for the next time.

    :raises Exception: the platform's previews cannot be listed yet, or something could not be removed.
    """
    if not lead.namespace:
        _on_platform(platforms, lead.platform)
        return Done(skipped=f"the previews of {lead.platform} can be listed again: the next run looks at them")
    wanted = dismantle.under_way(platforms, lead.namespace, run)
    if wanted is None:
        if find_preview(platforms, naming.Namespace.parse(lead.namespace)) is None:
            return Done(skipped=f"there is no preview {lead.namespace} any more")
        given = {"final_snapshots": False, "only_expired": True}
        wanted = dismantle.prepare(platforms, lead.namespace, lead.platform, run, **given)
    try:
        return dismantle.advance(wanted, airflow=airflow)
    except LockHeld as held:
        return Done(skipped=f"{held}: the next run looks again")
