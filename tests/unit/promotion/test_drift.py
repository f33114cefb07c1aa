"""Each thing that is not as pointer and configuration say is told once, with what would mend it; nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from snaplift import naming
from snaplift.promotion.drift import compared, deviations, of_stack
from snaplift.promotion.estate import SeenLock, SeenPointer, Survey, Thing
from snaplift.promotion.pointer import Pointer
from snaplift.stacks.settings import EnvironmentSettings
from tests.unit.promotion import surveys
from tests.unit.promotion.surveys import ACTIVE, PREVIOUS, QA
from tests.unit.stacks.examples import PLATFORMS, tenant

SETTINGS = {str(QA): EnvironmentSettings.of(PLATFORMS, tenant(), "qa")}


def told(survey: Survey, settings: Mapping[str, EnvironmentSettings] = SETTINGS, broken: Any = ()) -> list[str]:
    return [str(each) for each in deviations(survey, settings, broken)]


def pointing(**revisions: Any) -> tuple[SeenPointer, ...]:
    return (SeenPointer(namespace=str(QA), version=4, pointer=Pointer(**revisions)),)


BOTH = pointing(active=ACTIVE, previous=PREVIOUS)
SECRET = f"{QA.application_secret(None, '11111111')}/11111111-2222-3333-4444-555555555555"
FINAL = "xy-0146-qa-final-20261120t020000z-22222222"


def active(**changes: Any) -> tuple[Thing, ...]:
    wanted = SETTINGS[str(QA)].database
    given = {"instance_class": wanted.instance_class, "size": wanted.storage, **changes}
    return (surveys.instance(ACTIVE, **given),)


def namespace_stack(state: str) -> Thing:
    return Thing(kind="stack", name=QA.stack, arn="arn:stack", state=state, tags=naming.tags("acme", QA))


def test_nothing_is_told_where_all_is_as_it_should_be() -> None:
    assert told(surveys.survey(things=active())) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"services": (surveys.service(PREVIOUS.model_copy(update={"task_definition": "td/xy-0146-qa:9"})),)},
         "service xy-0146-qa: expected xy-0146-qa:1, found xy-0146-qa:9"),
        ({"services": ()}, "service xy-0146-qa: expected xy-0146-qa:1, found no service"),
        ({"services": (surveys.service(running=1),)}, "expected all its tasks running, found 1 of 2"),
        ({"services": (surveys.service(desired=0, running=0),)}, "expected all its tasks running, found 0 of 0"),
        ({"services": (surveys.service(tags={}),)}, "service xy-0146-qa: expected tags of this namespace, found none"),
        ({"things": active(protected=False)}, "expected deletion protection, found none"),
        ({"things": active(state="stopped")}, "expected a state that serves, found stopped"),
        ({"things": active(resource_id="db-BY-HAND")}, "expected db-11111111, found db-BY-HAND"),
        ({"things": active(instance_class="db.m7g.large")}, "its class: expected"),
        ({"things": active(size=1)}, "its storage: expected"),
        ({"things": active(multi_az=True)}, "its zones: expected one, found a standby in another zone"),
        ({"things": (*active(), surveys.instance(PREVIOUS, protected=False)), "pointers": BOTH},
         "(previous): expected deletion protection, found none"),
        ({"things": (*active(), Thing(kind="secret", name=SECRET, arn="arn:secret"))},
         f"secret {SECRET}: expected tags of this namespace, found none"),
        ({"things": (*active(), Thing(kind="parameter", name=QA.pointer, arn="arn:parameter"))},
         "parameter /snaplift/xy-0146/qa/pointer: expected tags of this namespace, found none"),
        ({"things": (*active(), surveys.snapshot(FINAL, tags={naming.INSTALLATION_TAG: "acme"}))},
         f"snapshot {FINAL}: expected tags of this namespace"),
        ({"pointers": pointing(active=ACTIVE, candidate=PREVIOUS)}, "expected no candidate, found 20261120t020000z"),
        ({"pointers": pointing(active=ACTIVE, previous=PREVIOUS)}, "(previous): expected db-22222222, found no inst"),
        ({"pointers": (SeenPointer(namespace=str(QA), version=4, pointer=None, why="not JSON"),)}, "found not JSON"),
        ({"pointers": ()}, "expected the pointer, found none"),
        ({"pointers": pointing()}, "expected none, since nothing is active, found xy-0146-qa:1"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be_is_told_once(changes: dict[str, Any], said: str) -> None:
    found = told(surveys.survey(**{"things": active(), **changes}))
    assert [each for each in found if said in each] == found
    assert len(found) == 1


def test_what_is_as_it_should_be_beside_the_active_release_is_not_told() -> None:
    secret = Thing(kind="secret", name=SECRET, arn="arn:secret", tags=naming.tags("acme", QA))
    theirs = Thing(kind="secret", name=SECRET, arn="arn:theirs", tags=naming.tags("other", QA))
    things = (*active(), surveys.instance(PREVIOUS), surveys.snapshot(FINAL), secret, theirs)
    assert told(surveys.survey(things=things, pointers=BOTH)) == []


def test_a_database_that_is_active_and_previous_is_told_once() -> None:
    older = ACTIVE.model_copy(update={"task_definition": "arn:aws:ecs:::task-definition/xy-0146-qa:1"})
    survey = surveys.survey(things=active(protected=False), pointers=pointing(active=ACTIVE, previous=older))
    assert len(told(survey)) == 1


def test_a_database_that_is_gone_is_told() -> None:
    [found] = told(surveys.survey(things=(namespace_stack("UPDATE_COMPLETE"),)))
    assert "(active): expected db-11111111, found no instance" in found


def test_a_stack_that_failed_is_told() -> None:
    [found] = told(surveys.survey(things=(*active(), namespace_stack("UPDATE_ROLLBACK_FAILED"))))
    assert "stack xy-0146-qa: expected at rest, found UPDATE_ROLLBACK_FAILED" in found


def test_a_namespace_with_a_promotion_under_way_is_left_out() -> None:
    locks = (SeenLock(namespace=str(QA), why="run 7"),)
    assert told(surveys.survey(things=active(), services=(), locks=locks)) == []


def test_s34_what_left_the_configuration_is_told_as_such() -> None:
    [found] = told(surveys.survey(things=active()), {})
    assert "expected an environment of a tenant's file" in found


def test_a_preview_is_in_no_file_and_compared_with_its_pointer() -> None:
    preview = naming.Namespace.parse("xy-0146-pr42")
    stack = Thing(kind="stack", name=preview.stack, arn="arn:stack", state="CREATE_COMPLETE",
                  tags=naming.tags("acme", preview))  # fmt: skip
    pointer = SeenPointer(namespace=str(preview), version=1, pointer=Pointer(active=ACTIVE))
    found = told(surveys.survey(things=(stack,), pointers=(pointer,), services=()), {})
    assert found
    assert not [each for each in found if "tenant's file" in each]


PREVIEW = naming.Namespace.parse("xy-0146-pr42")
PREVIEW_TAGS = naming.preview_tags("acme", PREVIEW, "platform-new", surveys.NOW + timedelta(hours=1))


def preview(**tags: str | None) -> list[str]:
    """What is told of a preview on which nothing is active, with tags of its pointer changed or taken off."""
    wanted = {**PREVIEW_TAGS, **{f"snaplift:{key}": value for key, value in tags.items()}}
    found = {key: value for key, value in wanted.items() if value is not None}
    stack = Thing(kind="stack", name=PREVIEW.stack, arn="arn:stack", state="CREATE_COMPLETE",
                  tags=naming.tags("acme", PREVIEW))  # fmt: skip
    pointer = Thing(kind="parameter", name=PREVIEW.pointer, arn="arn:parameter", tags=found)
    seen = SeenPointer(namespace=str(PREVIEW), version=1, pointer=Pointer())
    return told(surveys.survey(things=(stack, pointer), pointers=(seen,), services=()), {})


@pytest.mark.parametrize("until", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_preview_whose_time_is_said_is_no_drift(until: timedelta) -> None:
    tags = naming.preview_tags("acme", PREVIEW, "platform-new", surveys.NOW + until)
    assert preview(expires=tags[naming.EXPIRES_TAG]) == []


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"expires": None}, "expected the tag snaplift:expires, until when it stands, found none. It never goes by it"),
        ({"expires": "soon"}, "found soon. It never goes by itself: run xy-0146.preview_remove with pr42"),
        (
            {"expires": "2026-11-20T02:00:00Z"},
            "expected gone since 2026-11-20 02:00 UTC, found that it stands. See",
        ),
        ({"platform": None}, "expected the tag snaplift:platform, one of ours, found none"),
        ({"platform": "platform-gone"}, "found platform-gone. /snaplift/xy-0146/pr42/pointer says that"),
        ({"installation": None}, "pr42/pointer: expected tags of this namespace, found {"),
    ],
)
def test_s42_a_preview_that_would_stay_for_ever_is_told(tags: dict[str, Any], said: str) -> None:
    [found] = preview(**tags)
    assert said in found


# -- stacks, compared one by one -----------------------------------------------------------------------------------


def test_a_stack_that_is_not_as_the_configuration_says_is_told_with_what_mends_it() -> None:
    assert of_stack(QA, "xy-0146-qa", ()) is None
    assert str(of_stack(QA, "xy-0146-qa", ("its template", "Priority: 1 → 2"))) == (
        "stack xy-0146-qa: expected as the configuration says, found otherwise: its template, Priority: 1 → 2. "
        "Run xy-0146.change for qa: it shows the change, and makes it"
    )


def test_a_namespace_whose_lock_is_held_is_not_compared() -> None:
    assert compared(surveys.survey(), SETTINGS) == [QA]
    assert compared(surveys.survey(locks=(SeenLock(namespace=str(QA), why="run 7"),)), SETTINGS) == []


def test_a_platform_that_is_being_changed_is_no_namespace() -> None:
    lock = SeenLock(namespace="platform-new", why="platform-new is locked by run platform.change r1")
    assert told(surveys.survey(things=active(), locks=(lock,))) == []


def test_s37_of_a_tenant_whose_file_is_broken_only_the_pointers_part_is_compared() -> None:
    assert told(surveys.survey(things=active(instance_class="db.other")), {}, {"xy-0146"}) == []
    assert len(told(surveys.survey(things=active(protected=False)), {}, {"xy-0146"})) == 1


def test_an_environment_that_was_never_provisioned_is_no_drift() -> None:
    assert told(surveys.survey(things=(), pointers=(), services=())) == []


def test_another_installations_namespace_is_not_looked_at() -> None:
    theirs = surveys.instance(PREVIOUS, tags=naming.tags("other", naming.Namespace.parse("zz-0001-qa")))
    assert told(surveys.survey(things=(*active(), theirs))) == []
