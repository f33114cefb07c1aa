"""Each thing that is not as pointer and configuration say is told once, with what would mend it; nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from snaplift import naming
from snaplift.promotion.drift import deviations
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
