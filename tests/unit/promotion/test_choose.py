"""What a request means."""

from __future__ import annotations

from typing import Any

import pytest

from snaplift.promotion.choosing import Choice, PlanRefused, UnknownRelease, choose
from snaplift.promotion.earlier import Ran, Remains
from snaplift.promotion.pointer import DatabaseReference, Pointer
from tests.unit.promotion.examples import (
    DIGEST,
    HELPER,
    NEW,
    OLD,
    OLDER_DIGEST,
    WEB,
    request,
    revision,
    task_definition,
)
from tests.unit.stacks.examples import TENANT, tenant


def refusal(environment: str, release: str, above: Any = None, build: str = "") -> str:
    with pytest.raises(PlanRefused) as refused:
        choose(request(environment, release, build), TENANT, above)
    return str(refused.value)


def one_container() -> dict[str, Any]:
    return {"containers": {"web": {"image": WEB, "port": 8080, "tag": "stable"}}}


def test_a_new_release_has_no_name_yet_and_the_build_that_the_configuration_names() -> None:
    expected = {"web": f"{WEB}:latest", "helper": f"{HELPER}:latest"}
    assert choose(request("qa", "new"), TENANT, None) == Choice(mode="new", release=None, images=expected)


def test_tested_is_the_release_and_the_build_that_are_active_one_environment_below() -> None:
    found = choose(request("prod", "tested"), TENANT, revision(NEW))
    assert (found.mode, found.release) == ("tested", NEW)
    assert found.images == {"web": f"{WEB}@{OLDER_DIGEST}", "helper": f"{HELPER}@{OLDER_DIGEST}"}


def test_a_timestamp_that_never_ran_here_is_a_standing_release_with_the_configurations_build_and_says_so() -> None:
    found = choose(request("prod", NEW), TENANT, revision("20270101t000000z"))
    assert (found.mode, found.release) == ("standing", NEW)
    assert found.images["web"] == f"{WEB}:latest"
    assert found.why_build == f"the tag in the tenant's file: no revision is known that {NEW} ran with in prod"


def test_origin_is_the_first_environments() -> None:
    assert choose(request("dev", "origin"), TENANT, None).mode == "origin"


def test_a_tag_is_every_containers() -> None:
    found = choose(request("qa", "new", "v7"), TENANT, None)
    assert found.images == {"web": f"{WEB}:v7", "helper": f"{HELPER}:v7"}


def test_a_build_that_is_named_goes_before_the_tested_one() -> None:
    found = choose(request("prod", "tested", "v7"), TENANT, revision(NEW))
    assert (found.release, found.images["web"]) == (NEW, f"{WEB}:v7")


def test_a_digest_is_one_containers() -> None:
    found = choose(request("qa", "new", DIGEST), tenant(service=one_container()), None)
    assert found.images == {"web": f"{WEB}@{DIGEST}"}


def test_a_digest_is_not_two_containers() -> None:
    assert refusal("qa", "new", build=DIGEST) == (
        "a digest is one image and the service has 2: name the build by a tag"
    )


def test_the_tag_of_a_container_is_used_where_no_build_is_named() -> None:
    assert choose(request("qa", "new"), tenant(service=one_container()), None).images == {"web": f"{WEB}:stable"}


def test_an_unknown_environment_is_refused_with_those_there_are() -> None:
    assert refusal("uat", "new") == "xy-0146 has no environment 'uat'; it has dev, qa, prod"


@pytest.mark.parametrize("release", ["new", "tested", NEW])
def test_nothing_is_promoted_to_where_data_is_authored(release: str) -> None:
    assert "data is authored there, nothing is promoted to it" in refusal("dev", release)


@pytest.mark.parametrize("environment", ["qa", "prod"])
def test_an_origin_is_not_made_where_data_is_promoted_to(environment: str) -> None:
    assert "data is not authored there" in refusal(environment, "origin")


def test_a_new_release_begins_in_the_first_environment() -> None:
    assert refusal("prod", "new") == ("a new release begins in dev; prod is promoted from qa: ask for 'tested'")


@pytest.mark.parametrize(
    ("environment", "above", "hint"),
    [
        ("qa", None, "ask for 'new'"),
        ("qa", revision(None, "dev"), "ask for 'new'"),
        ("prod", None, "promote to qa first"),
    ],
)
def test_tested_needs_a_release_below(environment: str, above: Any, hint: str) -> None:
    assert refusal(environment, "tested", above).endswith(hint)


def test_a_tested_build_lacks_a_container_that_came_later() -> None:
    above = revision(NEW, build={"web": DIGEST})
    assert refusal("prod", "tested", above) == "the tested build has no image for helper: name a build"


@pytest.mark.parametrize("text", ["", "newest", "20261323t020000z", "20261123T020000Z", "2026-11-23"])
def test_another_text_is_no_release(text: str) -> None:
    assert refusal("qa", text).startswith("release: expected new, tested, active, previous or a timestamp")


# -- earlier revisions ---------------------------------------------------------------------------------------------


HERE = Pointer(active=revision(NEW, run="aaaaaaaa"), previous=revision(OLD))


@pytest.mark.parametrize("release", ["previous", OLD])
def test_the_previous_one_comes_with_the_build_that_it_ran_with(release: str) -> None:
    found = choose(request("qa", release), TENANT, None, HERE)
    assert (found.mode, found.release, found.earlier) == ("again", OLD, HERE.previous)
    assert found.images == {"web": f"{WEB}@{OLDER_DIGEST}", "helper": f"{HELPER}@{OLDER_DIGEST}"}
    assert found.replaces


OLDEST = "20261101t020000z"
RAN = Ran(
    task_definition=task_definition(number=3), build={"web": OLDER_DIGEST, "helper": OLDER_DIGEST}, run="dddddddd"
)
GONE = Remains(release=OLDEST, name=f"xy-0146-qa-db-{OLDEST}", ran=RAN, snapshot=f"xy-0146-dev-snapshot-{OLDEST}")
STANDS = GONE.model_copy(
    update={"database": DatabaseReference(name=GONE.name, resource_id="db-X", secret="arn", run="cccccccc")}
)
ITS_BUILD = {"web": f"{WEB}@{OLDER_DIGEST}", "helper": f"{HELPER}@{OLDER_DIGEST}"}


@pytest.mark.parametrize(("remains", "mode"), [(GONE, "standing"), (STANDS, "again")])
def test_a_timestamp_comes_with_the_build_that_it_ran_with_here(remains: Remains, mode: str) -> None:
    found = choose(request("qa", OLDEST), TENANT, None, HERE, remains)
    assert (found.mode, found.release, found.images) == (mode, OLDEST, ITS_BUILD)
    assert found.why_build == "it ran with xy-0146-qa:3 here"


def test_the_previous_release_by_its_timestamp_comes_with_the_build_that_the_pointer_says() -> None:
    here = HERE.model_copy(update={"previous": revision(OLD, database=None)})
    found = choose(request("qa", OLD), TENANT, None, here)
    assert (found.mode, found.images) == ("standing", ITS_BUILD)
    assert found.why_build == "it ran with xy-0146-qa:1 here"


@pytest.mark.parametrize("remains", [GONE, STANDS])
def test_a_build_that_is_named_goes_before_the_one_that_a_timestamp_ran_with(remains: Remains) -> None:
    found = choose(request("qa", OLDEST, "v7"), TENANT, None, HERE, remains)
    assert (found.images["web"], found.why_build) == (f"{WEB}:v7", "")


def test_where_the_build_of_its_own_data_is_not_known_one_has_to_be_named() -> None:
    unknown = STANDS.model_copy(update={"ran": None})
    with pytest.raises(PlanRefused, match=f"which build {OLDEST} ran with in xy-0146-qa is not known.*: name a build"):
        choose(request("qa", OLDEST), TENANT, None, HERE, unknown)
    assert choose(request("qa", OLDEST, "v7"), TENANT, None, HERE, unknown).mode == "again"


def test_i3_what_was_tested_is_not_brought_over_a_database_that_was_active_here() -> None:
    with pytest.raises(PlanRefused, match=f"{STANDS.name}, on which {OLDEST} was active once, still stands: ask for"):
        choose(request("qa", "tested"), TENANT, revision(OLDEST, "dev"), HERE, STANDS)


def test_what_stands_and_cannot_serve_is_told() -> None:
    broken = GONE.model_copy(update={"unusable": "it was active once, and has no stack"})
    with pytest.raises(PlanRefused, match="and has no stack"):
        choose(request("qa", OLDEST), TENANT, None, HERE, broken)


def test_a_build_that_is_named_goes_before_the_previous_one() -> None:
    assert choose(request("qa", "previous", "v7"), TENANT, None, HERE).images["web"] == f"{WEB}:v7"


def test_what_is_active_gets_the_tag_that_the_configuration_names_now() -> None:
    found = choose(request("qa", "active"), TENANT, None, HERE)
    assert (found.mode, found.release, found.images["web"]) == ("active", NEW, f"{WEB}:latest")
    assert found.reuses == HERE.active.database if HERE.active else False
    assert not found.replaces


def test_a_previous_release_of_which_only_its_first_snapshot_is_left_is_a_standing_one_with_its_build() -> None:
    here = HERE.model_copy(update={"previous": revision(OLD, database=None)})
    found = choose(request("qa", "previous"), TENANT, None, here)
    assert (found.mode, found.release, found.earlier) == ("standing", OLD, None)
    assert found.images["web"] == f"{WEB}@{OLDER_DIGEST}"


def test_a_previous_build_lacks_a_container_that_came_later() -> None:
    here = HERE.model_copy(update={"previous": revision(OLD, build={"web": DIGEST})})
    with pytest.raises(PlanRefused, match="the previous build has no image for helper: name a build"):
        choose(request("qa", "previous"), TENANT, None, here)


@pytest.mark.parametrize("release", ["previous", "active", "newest"])
def test_what_there_is_not_is_to_be_told_with_what_there_is(release: str) -> None:
    with pytest.raises(UnknownRelease):
        choose(request("qa", release), TENANT, None, Pointer())


@pytest.mark.parametrize("release", ["previous", "active"])
def test_where_data_is_authored_nothing_is_gone_back_to(release: str) -> None:
    assert "data is authored there, nothing is promoted to it" in refusal("dev", release)
