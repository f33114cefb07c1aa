"""Previews: until when one stands, which have to go, and whether there is room for another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

from snaplift import naming
from snaplift.config.fields import format_duration, read_duration
from snaplift.config.previews import InvalidPreview, Previews
from snaplift.promotion.plan import Frozen


class StandingPreview(Frozen):
    """A preview, as its pointer's tags tell of it."""

    namespace: str
    platform: str
    expires: datetime | None
    """None: its tags do not say it any more. It stands, and goes only when a person removes it."""

    @classmethod
    def read(cls, name: naming.Namespace, tags: dict[str, str], installation: str) -> Self | None:
        """Read a pointer's tags. None: it is no preview of this installation, or they do not say where it is."""
        platform = tags.get(naming.PLATFORM_TAG)
        if not name.is_preview or not naming.is_ours(tags, installation, name) or not platform:
            return None
        return cls(namespace=str(name), platform=platform, expires=naming.read_expiry(tags))

    @property
    def name(self) -> naming.Namespace:
        return naming.Namespace.parse(self.namespace)


def expired(found: Iterable[StandingPreview], now: datetime) -> list[tuple[datetime, StandingPreview]]:
    """Those whose time is up, each with when it was, the longest ago first."""
    up = ((each.expires, each) for each in found if each.expires is not None and each.expires <= now)
    return sorted(up, key=lambda each: (each[0], each[1].namespace))


def untold(name: naming.Namespace, tags: dict[str, str], installation: str, platforms: Iterable[str]) -> str:
    """Say why a preview cannot be taken away although its pointer is there, and what to do.

    :param tags: the pointer's, of which :meth:`StandingPreview.read` makes nothing, or another platform's preview.
    :param platforms: that there are.
    """
    known, platform = sorted(platforms), tags.get(naming.PLATFORM_TAG)
    if (other := tags.get(naming.INSTALLATION_TAG)) is not None and other != installation:
        return f"{name.pointer} was not made by {installation}, but by {other}: it is left alone"
    if naming.is_ours(tags, installation, name) and platform:
        return (
            f"{name.pointer} says that {name} is on {platform}, and platforms.yaml has no such platform where it is: "
            f"put it back there first, or correct the tag {naming.PLATFORM_TAG}"
        )
    wanted = {naming.INSTALLATION_TAG: installation, naming.NAMESPACE_TAG: str(name)}
    put = " ".join(f"Key={key},Value={value}" for key, value in wanted.items())
    return (
        f"{name.pointer} is there, and its tags do not say that {name} is ours and on which platform: put them back, "
        f"then again: aws ssm add-tags-to-resource --resource-type Parameter --resource-id {name.pointer} --tags {put} "
        f"Key={naming.PLATFORM_TAG},Value=<{' or '.join(known)}>"
    )


def time_to_live(previews: Previews, asked: str) -> timedelta:
    """Say for how long a preview is to stand.

    :param asked: like ``72h``; empty: as long as the tenant's file says.
    :raises InvalidPreview: it is no length of time, or too long.
    """
    if not asked:
        return previews.ttl
    try:
        ttl = read_duration(asked)
    except ValueError as error:
        raise InvalidPreview(f"ttl: {error}") from None
    if not timedelta(0) < ttl <= previews.longest:
        raise InvalidPreview(
            f"ttl: {asked} is not allowed: expected more than 0s and at most {format_duration(previews.longest)}, "
            "which the tenant's file says"
        )
    return ttl


def refusal(name: naming.Namespace, platform: str, previews: Previews, found: Iterable[StandingPreview]) -> str:
    """Say why a preview can not be made, or be used again; nothing: it can.

    :param platform: where it is to be.
    :param found: the tenant's previews that stand.
    """
    standing = {each.namespace: each for each in found if each.name.tenant == name.tenant}
    if own := standing.get(str(name)):
        if own.platform != platform:
            return f"{name} stands on {own.platform}, not on {platform}: remove it first"
        return ""
    if len(standing) < previews.most:
        return ""
    return (
        f"{len(standing)} previews of {name.tenant} stand, and the tenant's file allows {previews.most}: remove one of "
        f"{', '.join(sorted(standing))} with {name.tenant.preview_remove_dag_id}"
    )
