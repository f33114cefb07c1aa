"""A revision's task definition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snaplift import naming
from snaplift.promotion.plan import Plan
from snaplift.promotion.revision import content_hash, revision, revision_tags, task_definition
from snaplift.stacks.outputs import MissingOutput
from tests.unit.promotion.examples import (
    DATABASE,
    DIGEST,
    HELPER,
    IMAGES,
    NAMESPACE,
    NEW,
    RUN,
    SECRETS,
    WEB,
    decided,
    plan,
)
from tests.unit.stacks.examples import NAMESPACE_OUTPUTS, tenant


def definition(made: Plan | None = None) -> dict[str, Any]:
    return task_definition(made or decided(), DATABASE)


def container(name: str, made: Plan | None = None) -> dict[str, Any]:
    [found] = [each for each in definition(made)["containerDefinitions"] if each["name"] == name]
    return dict(found)


def variables(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in found["environment"]}


def secrets(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["valueFrom"] for each in found["secrets"]}


def with_web(**changes: Any) -> Plan:
    """The plan of a tenant whose container ``web`` is otherwise."""
    web = {"image": WEB, "port": 8080, **changes}
    return decided(tenant=tenant(service={"containers": {"web": web, "helper": {"image": HELPER}}}))


def test_a_databases_endpoint_is_pinned_in_the_revision() -> None:
    found = variables(container("web"))
    assert (found["DB_HOST"], found["DB_PORT"], found["DB_NAME"]) == ("db.internal", "3306", "site")


def test_credentials_are_in_it_as_arns_only() -> None:
    found = secrets(container("web"))
    assert found["DB_USER"] == f"{DATABASE.application_secret_arn}:username::"
    assert found["DB_PASSWORD"] == f"{DATABASE.application_secret_arn}:password::"
    assert found["AUTH_KEY"] == SECRETS["AUTH_KEY"]
    assert not {"DB_USER", "DB_PASSWORD", "AUTH_KEY"} & set(variables(container("web")))


def test_the_master_users_secret_is_in_no_revision() -> None:
    assert DATABASE.master_secret_arn not in json.dumps(definition())


def test_a_container_that_uses_no_database_is_told_of_none() -> None:
    found = container("web", with_web(database=None))
    assert variables(found) == {}
    assert secrets(found) == {}


def test_a_container_finds_its_database_under_its_own_names() -> None:
    found = container("web", with_web(database={"host": "MYSQL_HOST", "password": "MYSQL_PASSWORD"}))
    assert variables(found)["MYSQL_HOST"] == "db.internal"
    assert "MYSQL_PASSWORD" in secrets(found)


def test_values_are_put_into_variables() -> None:
    found = variables(container("web", with_web(environment={"SITE_URL": "${site_url}", "R": "${release}"})))
    assert (found["SITE_URL"], found["R"]) == ("https://xy-0146-qa.example.com", NEW)


def test_images_are_those_of_the_plan_by_digest() -> None:
    assert {each["name"]: each["image"] for each in definition()["containerDefinitions"]} == IMAGES


def test_a_container_with_a_port_is_reached_and_one_without_is_not() -> None:
    assert container("web")["portMappings"] == [{"containerPort": 8080, "protocol": "tcp"}]
    assert "portMappings" not in container("helper")


def test_the_images_own_command_is_kept_unless_there_is_another() -> None:
    assert "command" not in container("web")
    assert container("web", with_web(command=["serve", "--fast"]))["command"] == ["serve", "--fast"]


def test_logs_go_to_the_namespaces_group_by_release() -> None:
    assert container("web")["logConfiguration"]["options"] == {
        "awslogs-group": "/snaplift/xy-0146/qa",
        "awslogs-region": "eu-central-1",
        "awslogs-stream-prefix": NEW,
    }
    origin = task_definition(plan("dev", "origin"), DATABASE)["containerDefinitions"][0]
    assert origin["logConfiguration"]["options"]["awslogs-stream-prefix"] == "origin"


def test_a_generated_value_that_the_namespace_lacks_is_an_error() -> None:
    made = decided().model_copy(update={"namespace": NAMESPACE_OUTPUTS})
    with pytest.raises(MissingOutput, match="AUTH_KEY"):
        definition(made)


def test_s18_the_same_content_has_the_same_hash() -> None:
    assert content_hash(definition()) == content_hash(definition(decided()))
    again = Plan.model_validate_json(decided().model_dump_json(by_alias=True))
    assert content_hash(definition(again)) == content_hash(definition())


@pytest.mark.parametrize(
    "change",
    [{"host": "other.internal"}, {"application_secret_arn": DATABASE.application_secret_arn + "x"}, {"port": 3307}],
)
def test_s54_another_incarnation_of_the_database_is_another_content(change: dict[str, Any]) -> None:
    other = task_definition(decided(), DATABASE.model_copy(update=change))
    assert content_hash(other) != content_hash(definition())


@pytest.mark.parametrize(
    "change",
    [
        {"images": {**IMAGES, "web": f"{WEB}@sha256:{'c' * 64}"}},
        {"release": "20270101t000000z"},
        {
            "namespace": NAMESPACE.model_copy(
                update={"environment_secrets": json.dumps(dict.fromkeys(SECRETS, "other"))}
            )
        },
    ],
)
def test_another_build_release_or_configuration_is_another_content(change: dict[str, Any]) -> None:
    assert content_hash(definition(decided().model_copy(update=change))) != content_hash(definition())


def test_a_revisions_tags_say_whose_it_is_which_run_made_it_and_its_content() -> None:
    found = revision_tags(decided(), definition())
    assert naming.is_ours(found, "acme", naming.Namespace.parse("xy-0146-qa"))
    assert (found[naming.RUN_TAG], found[naming.RELEASE_TAG]) == (RUN.hash, NEW)
    assert found[naming.CONTENT_TAG] == content_hash(definition())


def test_the_pointer_is_told_what_the_task_definition_pins() -> None:
    found = revision(decided(), DATABASE, "arn:task")
    assert found.build == {"web": DIGEST, "helper": DIGEST}
    assert found.database is not None
    assert (found.database.name, found.database.resource_id) == (f"xy-0146-qa-db-{NEW}", "db-NEW")
    assert found.database.secret == DATABASE.application_secret_arn
    assert (found.release, found.run, found.task_definition) == (NEW, RUN.hash, "arn:task")
    assert found.snapshot == f"xy-0146-dev-snapshot-{NEW}"
