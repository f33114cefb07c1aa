"""What a tenant's file says of previews, and the environment that a preview is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from snaplift.config.previews import InvalidPreview
from snaplift.config.tenant import Tenant
from snaplift.promotion.values import values
from snaplift.stacks.settings import EnvironmentSettings
from tests.unit.stacks.examples import PLATFORMS, TENANT, tenant

Change = Callable[[str, str, str], None]
Errors = Callable[[], list[str]]

ENVIRONMENTS: Any = {
    "dev": {"platform": "platform-new"},
    "qa": {
        "platform": "platform-new",
        "from": "dev",
        "variables": {"MAIL": "off"},
        "service": {"count": 1},
        "approval": {"users": ["ann"]},
        "retention": {"log_days": 7, "keep_previous": "2h"},
        "target_writes": "refuse",
        "data_class": "personal",
    },
    "prod": {"platform": "platform-existing", "from": "qa"},
}
PREVIEWING = tenant(environments=ENVIRONMENTS, previews={"like": "qa"})


def test_a_preview_is_an_environment_like_the_one_that_is_named() -> None:
    found = PREVIEWING.with_preview("pr42", "prod")
    settings = EnvironmentSettings.of(PLATFORMS, found, "pr42")
    assert (str(settings.namespace), settings.platform_name) == ("xy-0146-pr42", "platform-new")
    assert settings.service.count == 1
    assert found.environments["pr42"].promoted_from == "prod"
    told = values(PLATFORMS, found, "pr42", None)
    assert (told["site_url"], told["MAIL"]) == ("https://xy-0146-pr42.example.com", "off")
    assert told["source_urls"].split() == [f"https://xy-0146-{name}.example.com" for name in ("prod", "qa", "dev")]


def test_of_a_preview_nothing_is_kept_and_nobody_is_asked() -> None:
    found = PREVIEWING.with_preview("pr42", "qa")
    retention = EnvironmentSettings.of(PLATFORMS, found, "pr42").retention
    assert (retention.final_snapshot, retention.keep_previous, retention.log_days) == (False, timedelta(0), 7)
    assert found.environments["pr42"].approval is None
    assert found.target_writes("pr42") == "allow"


def test_the_tenant_itself_stays_as_it_is_and_a_plan_can_carry_it() -> None:
    found = PREVIEWING.with_preview("pr42", "qa")
    assert "pr42" not in PREVIEWING.environments
    assert found.first == "dev"
    assert Tenant.model_validate_json(found.model_dump_json(by_alias=True)) == found


def test_previews_may_be_on_a_platform_of_their_own() -> None:
    own = tenant(environments=ENVIRONMENTS, previews={"like": "prod", "platform": "platform-plain"})
    assert own.with_preview("pr1", "qa").environments["pr1"].platform == "platform-plain"


@pytest.mark.parametrize("name", ["qa", "prod", "pr", "pr1x", "pr1234567890", "PR1", "pr-1", ""])
def test_s13_what_is_no_previews_name_can_be_no_preview(name: str) -> None:
    """An environment's above all: fleet.expire takes previews away."""
    with pytest.raises(InvalidPreview, match="is no preview: expected pr and a number"):
        PREVIEWING.with_preview(name, "qa")


def test_what_a_preview_cannot_be_made_of_is_said() -> None:
    with pytest.raises(InvalidPreview, match="has no previews: its file says nothing of them"):
        TENANT.with_preview("pr1", "qa")
    with pytest.raises(InvalidPreview, match="has no environment 'uat'; it has dev, qa, prod"):
        PREVIEWING.with_preview("pr1", "uat")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("like: uat", "previews.like: 'uat' is no environment of this tenant"),
        ("like: dev", "previews.like: 'dev' is where data is authored: say another"),
        ("like: qa\n  ttl: 20d", "previews.ttl: expected more than 0s and at most 'longest', 14d"),
        ("like: qa\n  ttl: 0s", "previews.ttl: expected more than 0s and at most 'longest', 14d"),
        ("like: qa\n  most: 0", "previews.most: 0 is not allowed: expected at least 1"),
        ("like: qa\n  platform: platform-nonprd", "previews.platform: 'platform-nonprd' is no platform: expected "),
        (
            "like: qa\n  data_class: secret",
            "previews.data_class: 'secret' is not allowed: expected public, internal, personal",
        ),
        ("ttl: 3d", "previews.like: is missing"),
    ],
)
def test_what_does_not_fit_is_said_with_its_field(change: Change, errors: Errors, section: str, message: str) -> None:
    change("tenants/xy-0146.yaml", "tenant: xy-0146\n", f"tenant: xy-0146\npreviews:\n  {section}\n")
    (found,) = errors()
    assert found.partition(": ")[2].startswith(message)


def test_s13_no_environment_has_a_previews_name(change: Change, errors: Errors) -> None:
    change("tenants/xy-0146.yaml", "  prod:", "  pr42:")
    assert any("environments.pr42: is a preview's name, which no environment may have" in each for each in errors())
