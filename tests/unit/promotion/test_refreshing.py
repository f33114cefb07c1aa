"""From where data come down, with which build, and why they may not."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.config.tenant import Tenant
from snaplift.promotion.choosing import Choice, PlanRefused, Request, choose
from snaplift.promotion.describe import describe
from snaplift.promotion.plan import Plan
from snaplift.promotion.planning import decide
from snaplift.promotion.pointer import Pointer
from snaplift.promotion.refreshing import choose_refresh, source_of
from snaplift.promotion.revision import revision as revision_of
from snaplift.promotion.values import values_of
from tests.unit.promotion.examples import DATABASE, INSTANCE, NEW, OLD, ORIGIN, RUN, facts, revision
from tests.unit.stacks.examples import PLATFORMS, tenant

MASKING: dict[str, Any] = {
    "steps": [{"sql": ["DELETE FROM people"]}],
    "checks": [{"sql": "SELECT COUNT(*) FROM people"}],
}
PLATFORM = "platform-new"
ENVIRONMENTS: dict[str, Any] = {
    "dev": {"platform": PLATFORM},
    "qa": {"platform": PLATFORM, "from": "dev"},
    "uat": {"platform": PLATFORM, "from": "qa"},
    "prod": {"platform": PLATFORM, "from": "uat", "data_class": "personal"},
}


def masked(masking: dict[str, Any] | None = MASKING, **changes: Any) -> Tenant:
    return tenant(**{"environments": ENVIRONMENTS, "masking": masking, **changes})


def request(environment: str = "qa", source: str = "", build: str = "") -> Request:
    return Request(environment=environment, refresh_from=source, build=build)


def planned(environment: str = "qa", of: Tenant | None = None, source: str = "prod", **changes: Any) -> Plan:
    found, here = of or masked(), Pointer(active=ORIGIN if environment == "dev" else revision())
    above = revision(NEW, source)
    given = {"origin": above, "instance": INSTANCE.model_copy(update={"identifier": f"xy-0146-{source}-db-{NEW}"})}
    return decide(
        request(environment, source),
        choose_refresh(request(environment, source), found, here),
        RUN,
        PLATFORMS,
        found,
        facts("new", here.active, **{**given, **changes}),
    )


# -- from where ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "asked", "source"),
    [("qa", "", "prod"), ("dev", "", "prod"), ("qa", "uat", "uat"), ("dev", "qa", "qa"), ("uat", "prod", "prod")],
)
def test_it_comes_from_what_is_asked_for_or_the_farthest(target: str, asked: str, source: str) -> None:
    assert source_of(request(target, asked), masked()) == source


@pytest.mark.parametrize(
    ("target", "asked", "why"),
    [
        ("qa", "qa", "'qa' is not above qa: data come down from uat or prod; everywhere else they go by a promotion"),
        ("uat", "qa", "'qa' is not above uat: data come down from prod; everywhere else they go by a promotion"),
        ("qa", "nowhere", "'nowhere' is not above qa"),
        ("prod", "", "no environment of xy-0146 is above prod"),
        ("prod", "qa", "no environment of xy-0146 is above prod"),
        ("nowhere", "prod", "xy-0146 has no environment 'nowhere'; it has dev, qa, uat, prod"),
    ],
)
def test_what_is_not_above_is_refused(target: str, asked: str, why: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        source_of(request(target, asked), masked())
    assert str(refused.value).startswith(why)


def test_of_two_that_are_equally_far_one_has_to_be_named() -> None:
    fork = masked(environments={**ENVIRONMENTS, "live": {"platform": PLATFORM, "from": "uat"}})
    with pytest.raises(PlanRefused, match="prod and live are equally far above qa: say from which"):
        source_of(request(), fork)
    assert source_of(request(source="live"), fork) == "live"


# -- whether they may ------------------------------------------------------------------------------------------


def test_s24_without_masking_there_is_no_refresh() -> None:
    with pytest.raises(PlanRefused) as refused:
        choose_refresh(request(), masked(None), Pointer())
    assert str(refused.value) == (
        "xy-0146-prod goes to xy-0146-qa only masked, and 'masking' is not in tenants/xy-0146.yaml: write there what "
        "masks the data (masking.steps) and what shows that they are (masking.checks), as "
        "docs/how-to/refresh-with-masking.md says"
    )


@pytest.mark.parametrize(("masked_as", "refused"), [(None, False), ("public", False), ("internal", False),
                                                    ("personal", True)])  # fmt: skip
def test_s24_what_is_higher_after_masking_than_the_target_may_have_is_refused(
    masked_as: str | None, refused: bool
) -> None:
    of = masked({**MASKING, "data_class": masked_as})
    if not refused:
        assert planned(of=of).masking == of.masking
        return
    with pytest.raises(
        PlanRefused, match=r"are personal \(masking.data_class\), and those of xy-0146-qa may be internal"
    ):
        planned(of=of)


def test_nothing_is_active_above() -> None:
    with pytest.raises(PlanRefused, match="xy-0146-prod has no database: promote to it first"):
        planned(origin=None, instance=None)


# -- the plan --------------------------------------------------------------------------------------------------


def test_a_refresh_snapshots_what_is_active_above_and_replaces_what_is_active_here() -> None:
    plan = planned()
    assert plan.mode == "refresh"
    assert plan.release is None
    assert plan.source is not None
    assert (plan.source.environment, plan.source.instance) == ("prod", f"xy-0146-prod-db-{NEW}")
    assert plan.takes_snapshot
    assert plan.replaces
    assert plan.retires == plan.before.active
    assert "refresh xy-0146-qa with masked data of xy-0146-prod" in describe(plan).lower()
    assert "1 step, 1 check; then internal, before anybody reaches it" in describe(plan)


def test_the_build_is_the_one_that_is_active_here() -> None:
    here = revision()
    chosen = choose_refresh(request(), masked(), Pointer(active=here))
    assert {name: image.rpartition("@")[2] for name, image in chosen.images.items()} == here.build
    by_tag = choose_refresh(request(build="next"), masked(), Pointer(active=here))
    assert {image.rpartition(":")[2] for image in by_tag.images.values()} == {"next"}
    assert "@" not in next(iter(choose_refresh(request(), masked(), Pointer()).images.values()))


def test_the_data_came_through_the_source_and_all_that_is_below_it() -> None:
    addresses = values_of(planned())["source_urls"].split()
    assert [address.partition("xy-0146-")[2].partition(".")[0] for address in addresses] == ["prod", "uat", "dev"]


def test_where_data_are_authored_their_database_stays() -> None:
    plan = planned("dev")
    assert plan.retires is None
    assert "stays until a person takes it away" in describe(plan)
    assert masked().target_writes("dev") == "refuse"
    assert masked().target_writes("qa") == "allow"


# -- afterwards ------------------------------------------------------------------------------------------------


def test_s24_its_revision_names_no_snapshot_that_it_could_be_restored_from() -> None:
    made = revision_of(planned().model_copy(update={"release": NEW}), DATABASE, "arn:x")
    assert made.snapshot is None
    assert made.masked_from == "prod"


def test_s24_what_was_masked_is_not_tested_for_the_next_environment() -> None:
    above = revision(NEW, "qa", masked_from="prod", snapshot=None)
    with pytest.raises(PlanRefused, match="qa has masked data of prod, which go nowhere else: promote to qa first"):
        choose(Request(environment="uat", release="tested"), masked(), above)


def test_s24_what_was_masked_and_is_gone_is_not_taken_from_a_release_of_its_name() -> None:
    gone = revision(OLD, masked_from="prod", snapshot=None, database=None)
    here = Pointer(active=revision(NEW), previous=gone)
    with pytest.raises(PlanRefused, match="nothing is kept of them: refresh again"):
        choose(Request(environment="qa", release="previous"), masked(), None, here)


def test_another_build_on_masked_data_leaves_them_masked() -> None:
    active = revision(NEW, masked_from="prod", snapshot=None)
    choice: Choice = choose(Request(environment="qa", release="active"), masked(), None, Pointer(active=active))
    assert choice.earlier is not None
    assert choice.earlier.masked_from == "prod"


def test_a_snapshot_for_a_refresh_is_none_that_a_promotion_finds() -> None:
    """A release's is named after where data are authored, which is above nothing."""
    plan = planned().model_copy(update={"release": NEW})
    assert plan.snapshot == f"xy-0146-prod-snapshot-{NEW}"
    assert all("dev" not in masked().above(name) for name in masked().environments)
