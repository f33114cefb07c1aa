"""A preview's pointer is made before its stack, and a pointer that is not sure to be its own is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from snaplift import naming
from snaplift.aws.errors import StepFailed
from snaplift.aws.steps import previews
from snaplift.aws.steps.promotion import Done
from snaplift.promotion.previews import StandingPreview
from tests.unit.config.test_previews import PREVIEWING
from tests.unit.promotion.examples import RUN
from tests.unit.stacks.examples import PLATFORMS

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NAME = naming.Namespace.parse("xy-0146-pr42")
HOUR = timedelta(hours=1)
TENANT = PREVIEWING.with_preview("pr42", "qa")


class Pointers:
    """One pointer's tags; None: there is none."""

    def __init__(self, found: dict[str, str] | None, done: list[str]) -> None:
        self.found, self.done = found, done

    def make(self, name: str, tags: dict[str, str]) -> bool:
        if self.found is not None:
            return False
        self.found = tags
        self.done.append("pointer")
        return True

    def tags(self, name: str) -> dict[str, str] | None:
        assert name == NAME.pointer
        return self.found

    def tag(self, name: str, tags: dict[str, str]) -> None:
        self.found = tags
        self.done.append("tags")


def provision(monkeypatch: pytest.MonkeyPatch, found: dict[str, str] | None) -> tuple[Any, list[str], Pointers]:
    done: list[str] = []
    pointers = Pointers(found, done)

    def namespace(*_: Any, pointer_tags: dict[str, str]) -> Done:
        assert pointer_tags == pointers.found
        done.append("stack")
        return Done({"stack": "id"})

    monkeypatch.setattr(previews, "find_previews", lambda _: [])
    monkeypatch.setattr(previews, "provision_namespace", namespace)
    monkeypatch.setattr(previews, "Aws", SimpleNamespace(at=lambda _: SimpleNamespace(pointers=pointers)))
    outcome = previews.provision_preview(PLATFORMS, TENANT, "pr42", HOUR, RUN, lambda: NOW)
    return outcome, done, pointers


def test_whatever_fails_after_the_pointer_is_found_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, done, pointers = provision(monkeypatch, None)
    assert done == ["pointer", "stack"]
    assert outcome.result == {"stack": "id", "expires": "2026-11-23T03:00:00Z"}
    expected = StandingPreview(namespace="xy-0146-pr42", platform="platform-new", expires=NOW + HOUR)
    assert StandingPreview.read(NAME, pointers.found or {}, "acme") == expected


def test_one_that_stands_gets_its_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    _, done, pointers = provision(monkeypatch, naming.preview_tags("acme", NAME, "platform-new", NOW - HOUR))
    assert done == ["tags", "stack"]
    assert naming.read_expiry(pointers.found or {}) == NOW + HOUR


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (naming.preview_tags("other", NAME, "platform-new", NOW), "was not made by acme"),
        (naming.tags("acme", naming.Namespace.parse("xy-0146-pr4")), "was not made by acme"),
        (naming.preview_tags("acme", NAME, "platform-plain", NOW), "stands on platform-plain, not on platform-new"),
    ],
)
def test_s42_a_pointer_that_is_not_sure_to_be_its_own_stops_it(
    monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], said: str
) -> None:
    with pytest.raises(StepFailed, match=said):
        provision(monkeypatch, dict(tags))


# -- their end -------------------------------------------------------------------------------------------------


def test_s13_only_a_preview_is_removed_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "Aws", SimpleNamespace(at=lambda _: pytest.fail("AWS was asked")))
    with pytest.raises(StepFailed, match="xy-0146-prod is no preview: it is removed by offboarding only"):
        previews.remove_preview(PLATFORMS, "xy-0146-prod", RUN)


def test_s14_a_platform_that_cannot_be_listed_is_told_and_keeps_no_others_previews(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def listed(_: Any, platform: str) -> list[StandingPreview]:
        if platform == "platform-existing":
            raise ConnectionError("no answer")
        return [StandingPreview(namespace="xy-0146-pr42", platform=platform, expires=NOW - HOUR)][
            : platform == "platform-new"
        ]

    monkeypatch.setattr(previews, "_on_platform", listed)
    leads = previews.find_expired(PLATFORMS, lambda: NOW)
    assert [(lead.platform, lead.namespace, lead.why) for lead in leads] == [
        ("platform-existing", "", "ConnectionError: no answer"),
        ("platform-new", "xy-0146-pr42", "its time was up at 2026-11-23 01:00 UTC"),
    ]
    with pytest.raises(ConnectionError):
        previews.remove_expired(PLATFORMS, leads[0], RUN)
