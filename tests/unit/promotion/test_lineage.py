"""What is told of a release that has become active: which, of which build, and where it was taken from."""

from __future__ import annotations

import pytest

from snaplift.promotion.lineage import event, taken_from
from snaplift.promotion.plan import Plan
from snaplift.promotion.pointer import Pointer
from tests.unit.promotion import examples
from tests.unit.promotion.examples import FINAL, NEW, OLD, back, revision
from tests.unit.promotion.test_refreshing import planned as refreshed


def test_a_new_release_is_taken_from_where_the_data_are_authored() -> None:
    told = event(examples.decided())
    assert (told["source"], told["mode"]) == ("xy-0146-dev", "new")


def test_a_tested_release_is_taken_from_where_it_was_tested_though_its_snapshot_is_the_authors() -> None:
    plan = examples.decided(environment="prod", release="tested")
    assert str(taken_from(plan)) == "xy-0146-qa"
    assert event(plan)["snapshot"] == plan.snapshot


@pytest.mark.parametrize("word", ["release", "build", "database", "run"])
def test_it_says_what_was_decided(word: str) -> None:
    plan = examples.decided()
    said = {"release": plan.release, "build": plan.images, "database": plan.database, "run": plan.run.run_id}
    assert event(plan)[word] == said[word]


def test_data_that_are_authored_here_come_from_nowhere() -> None:
    authored = examples.plan("dev", "origin")
    assert taken_from(authored) is None
    assert (event(authored)["source"], event(authored)["began_in"]) == (None, None)


@pytest.mark.parametrize("mode", ["again", "active", "restored"])
def test_what_serves_again_or_goes_on_serving_is_the_namespaces_own_and_began_where_its_release_did(mode: str) -> None:
    told = event(back(mode))
    assert (told["mode"], told["release"]) == (mode, OLD)
    assert (told["source"], told["began_in"]) == ("xy-0146-qa", "xy-0146-dev")
    snapshot = FINAL.name if mode == "restored" else f"xy-0146-dev-snapshot-{OLD}"
    assert told["snapshot"] == snapshot


def test_of_what_began_nobody_knows_where_only_the_namespace_is_told() -> None:
    unknown = revision(OLD, snapshot=None)
    told = event(back("again", pointer=Pointer(active=revision(NEW, run="aaaaaaaa"), previous=unknown)))
    assert (told["source"], told["began_in"], told["snapshot"]) == ("xy-0146-qa", None, None)


def test_what_was_refreshed_comes_from_above_and_began_there() -> None:
    told = event(refreshed(source="uat"))
    assert (told["mode"], told["source"], told["began_in"]) == ("refresh", "xy-0146-uat", "xy-0146-uat")


def test_masked_data_that_serve_again_began_above() -> None:
    masked = revision(OLD, snapshot=None, masked_from="prod")
    told = event(back("again", pointer=Pointer(active=revision(NEW, run="aaaaaaaa"), previous=masked)))
    assert (told["source"], told["began_in"]) == ("xy-0146-qa", "xy-0146-prod")


@pytest.mark.parametrize("planned", [examples.decided(), examples.decided(environment="prod", release="tested")])
def test_a_release_began_where_its_snapshot_is_of(planned: Plan) -> None:
    assert event(planned)["began_in"] == "xy-0146-dev"
