"""ECS: task definitions, of which every registration is a revision that never changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.probes.asking import refusal, refusal_message
from tests.support.compute import Site


def test_each_registration_is_the_next_revision(site: Site) -> None:
    first, second = site.register(), site.register()
    assert (first, second) == (f"{first[:-2]}:1", f"{first[:-2]}:2")


def test_a_family_stands_for_its_latest_active_revision(site: Site) -> None:
    first, second = site.register(), site.register()
    described = site.ecs.describe_task_definition
    assert described(taskDefinition=site.name)["taskDefinition"]["taskDefinitionArn"] == second
    site.ecs.deregister_task_definition(taskDefinition=second)
    assert described(taskDefinition=site.name)["taskDefinition"]["taskDefinitionArn"] == first
    assert described(taskDefinition=second)["taskDefinition"]["status"] == "INACTIVE"


def test_definitions_are_listed_by_family_and_status(site: Site) -> None:
    first, second = site.register(), site.register()
    site.register(family=f"{site.name}2")
    listed = site.ecs.list_task_definitions
    assert listed(familyPrefix=site.name)["taskDefinitionArns"] == [first, second]
    assert listed(familyPrefix=site.name, sort="DESC", maxResults=1)["taskDefinitionArns"] == [second]
    site.ecs.deregister_task_definition(taskDefinition=second)
    assert listed(familyPrefix=site.name)["taskDefinitionArns"] == [first]
    assert listed(familyPrefix=site.name, status="INACTIVE")["taskDefinitionArns"] == [second]


def test_tags_are_shown_when_asked_for(site: Site) -> None:
    definition = site.register(tags=[{"key": "snaplift:run", "value": "r"}])
    described = site.ecs.describe_task_definition
    assert described(taskDefinition=definition, include=["TAGS"])["tags"] == [{"key": "snaplift:run", "value": "r"}]
    assert not described(taskDefinition=definition).get("tags")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"networkMode": "bridge"}, "network mode"),
        ({"memory": "513"}, "No Fargate configuration"),
        ({"containerDefinitions": []}, "cannot be empty"),
        ({"family": "a b"}, "Family"),
        (
            {"containerDefinitions": [{"name": "a", "image": "b", "secrets": [{"name": "X", "valueFrom": "/x"}]}]},
            "executionRoleArn",
        ),
    ],
)
def test_definitions_that_cannot_run_are_refused(site: Site, settings: dict[str, Any], words: str) -> None:
    fit = {
        "family": site.name,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"name": "web", "image": "image"}],
    }
    assert site.ecs.register_task_definition(**fit)
    assert refusal(site.ecs.register_task_definition, **{**fit, **settings}) == "ClientException"
    assert words in refusal_message(site.ecs.register_task_definition, **{**fit, **settings})
