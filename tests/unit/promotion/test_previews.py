"""Until when a preview stands, and whether there is room for another."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from snaplift import naming
from snaplift.config.previews import InvalidPreview, Previews
from snaplift.promotion.previews import StandingPreview, expired, refusal, time_to_live, untold

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = Previews(like="qa", most=2)
NAME = naming.Namespace.parse("xy-0146-pr42")


def standing(name: str = "pr42", until: datetime | None = NOW, tenant: str = "xy-0146") -> StandingPreview:
    return StandingPreview(namespace=f"{tenant}-{name}", platform="platform-new", expires=until)


def test_those_whose_time_is_up_go_the_longest_ago_first() -> None:
    found = [standing("pr1", NOW), standing("pr2", NOW + HOUR), standing("pr3", NOW - HOUR)]
    assert [each.namespace for _, each in expired(found, NOW)] == ["xy-0146-pr3", "xy-0146-pr1"]


def test_s42_one_whose_pointer_does_not_say_until_when_never_ends_by_itself_and_takes_its_room() -> None:
    lost = standing("pr1", None)
    assert expired([lost], NOW + 1000 * HOUR) == []
    assert "2 previews of xy-0146 stand" in refusal(NAME, "platform-new", SETTINGS, [lost, standing("pr2")])


@pytest.mark.parametrize(
    ("asked", "ttl"), [("", timedelta(days=3)), ("36h", timedelta(hours=36)), ("14d", timedelta(14))]
)
def test_a_preview_has_the_time_that_was_asked_for_or_the_usual(asked: str, ttl: timedelta) -> None:
    assert time_to_live(SETTINGS, asked) == ttl


@pytest.mark.parametrize("asked", ["0s", "15d", "for ever", "-1h"])
def test_a_time_that_nobody_may_have_is_refused(asked: str) -> None:
    with pytest.raises(InvalidPreview, match=r"^ttl: "):
        time_to_live(SETTINGS, asked)


def test_there_are_no_more_than_the_file_allows() -> None:
    full = [standing("pr1"), standing("pr2")]
    assert "2 previews of xy-0146 stand, and the tenant's file allows 2" in refusal(
        NAME, "platform-new", SETTINGS, full
    )
    assert refusal(NAME, "platform-new", SETTINGS, full[:1]) == ""


def test_one_that_stands_has_its_room_already_where_it_is() -> None:
    full = [standing("pr1"), standing("pr42")]
    assert refusal(NAME, "platform-new", SETTINGS, full) == ""
    assert "stands on platform-new, not on platform-plain" in refusal(NAME, "platform-plain", SETTINGS, full)


def test_another_tenants_previews_take_no_room() -> None:
    others = [standing(f"pr{number}", tenant="ab-0200") for number in range(5)]
    assert refusal(NAME, "platform-new", SETTINGS, others) == ""


# -- the pointer's tags ----------------------------------------------------------------------------------------

TAGS = naming.preview_tags("acme", NAME, "platform-new", NOW)


def test_a_pointers_tags_tell_where_and_until_when() -> None:
    assert StandingPreview.read(NAME, TAGS, "acme") == standing()


@pytest.mark.parametrize(
    "tags",
    [
        {**TAGS, naming.INSTALLATION_TAG: "other"},
        {**TAGS, naming.NAMESPACE_TAG: "xy-0146-pr4"},
        {key: value for key, value in TAGS.items() if key != naming.PLATFORM_TAG},
        {},
    ],
)
def test_s13_anything_else_is_no_preview(tags: dict[str, str]) -> None:
    assert StandingPreview.read(NAME, tags, "acme") is None


@pytest.mark.parametrize(
    "tags",
    [
        {**TAGS, naming.EXPIRES_TAG: "soon"},
        {key: value for key, value in TAGS.items() if key != naming.EXPIRES_TAG},
    ],
)
def test_s42_one_that_lost_its_time_is_a_preview_all_the_same(tags: dict[str, str]) -> None:
    assert StandingPreview.read(NAME, tags, "acme") == standing(until=None)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({**TAGS, naming.INSTALLATION_TAG: "other"}, "was not made by acme, but by other: it is left alone"),
        (
            {**TAGS, naming.PLATFORM_TAG: "platform-gone"},
            "is on platform-gone, and platforms.yaml has no such",
        ),
        ({}, "add-tags-to-resource .*Key=snaplift:platform,Value=<platform-a or platform-b>"),
        ({**TAGS, naming.PLATFORM_TAG: ""}, "put them back, then again"),
        ({**TAGS, naming.NAMESPACE_TAG: "xy-0146-pr4"}, "Key=snaplift:namespace,Value=xy-0146-pr42"),
    ],
)
def test_s42_a_pointer_that_cannot_be_told_is_told_with_what_to_do(tags: dict[str, str], said: str) -> None:
    assert re.search(said, untold(NAME, tags, "acme", ["platform-b", "platform-a"]))


def test_s13_an_environment_is_no_preview_whatever_its_tags_say() -> None:
    prod = naming.Namespace.parse("xy-0146-prod")
    tags = naming.preview_tags("acme", prod, "platform-new", NOW)
    assert StandingPreview.read(prod, tags, "acme") is None


def test_s33_a_moment_without_a_zone_ends_no_preview() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        naming.preview_tags("acme", NAME, "platform-new", NOW.replace(tzinfo=None))
