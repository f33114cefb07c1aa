"""Visitors comment on a WordPress, through its own form, while it is promoted and while a promotion is stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from local.aws.ecr.push import push
from local.images.build import build
from local.load import Request, comment

from snaplift.config.tenant import Tenant
from tests.chaos.access.test_access import kept_after, promoted, stopped
from tests.chaos.access.visiting import CONTROL, ENVIRONMENT, Ground, Visitors, visited_tenant
from tests.support.figures import Note
from tests.support.installation import Installation, provision_tenant
from tests.support.laptop import REPOSITORY

PAGE: Final = 2
"""WordPress's own first page."""
_ASKED: Final = (Request("/sample-page/"), *[comment(PAGE)] * 3)
COMMENTS: Final = Visitors("wp_comments", "comment_content", _ASKED, 4.0, _ASKED)
"""A page or a comment takes PHP a tenth of a second of a core."""
BUILDS: Final = {"stable": None, "next": "v2"}


def wordpress() -> Tenant:
    """The first sample tenant, by another name beside the tests' own, in two environments."""
    given: dict[str, Any] = yaml.safe_load((REPOSITORY / "config" / "tenants" / "xy-0146.yaml").read_text())
    del given["nightly"]
    environments = visited_tenant().model_dump(mode="json", by_alias=True)["environments"]
    return Tenant.model_validate({**given, "tenant": "xy-0147", "environments": environments})


@pytest.fixture(scope="module")
def site(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A WordPress that visitors may comment on, its first release active in the environment that is visited."""
    laptop, folder = installation.laptop, tmp_path_factory.mktemp("wordpress")
    for tag, variant in BUILDS.items():
        push(laptop.endpoint_url, "wordpress", tag, build("wordpress", Path(folder / tag), variant))
    made = Installation(laptop, installation.platforms, wordpress())
    provision_tenant(made, (CONTROL, ENVIRONMENT))
    made.sql(CONTROL, f"UPDATE wp_posts SET comment_status = 'open' WHERE ID = {PAGE}")  # a number of ours
    made.driver(ENVIRONMENT).promote("new")
    return made


@pytest.fixture
def ground(site: Installation, note: Note, record_property: Callable[[str, object], None]) -> Ground:
    return Ground(site, note, record_property, COMMENTS)


def test_s09_a_good_promotion_of_a_site_that_is_commented_on(ground: Ground) -> None:
    promoted(ground, "WordPress: a good promotion")


def test_s41_one_that_is_stopped_when_its_candidate_is_commented_on(ground: Ground) -> None:
    visit = stopped(ground, "confirm", "WordPress: ")
    kept_after(ground, visit)
    assert visit.gone
