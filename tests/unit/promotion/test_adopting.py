"""Whether a site that stands can be adopted, and what is said where it cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from snaplift import naming
from snaplift.promotion.adopting import (
    Adoption,
    AdoptionRefused,
    AskedFor,
    Site,
    StandingContainer,
    StandingDatabase,
    StandingService,
    as_text,
    decide,
)
from snaplift.promotion.deployment import Service
from snaplift.promotion.pointer import Pointer
from tests.unit.promotion.examples import DIGEST, HELPER, INSTANCE, RUN, WEB, revision, task_definition
from tests.unit.stacks.examples import ACCOUNT, KEY, PLATFORMS, REGION, TENANT

SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop/db-a1b2c3"
EXISTING = {"service": "shop", "url": "https://www.example.com"}
ENVIRONMENTS = TENANT.model_dump(mode="json", by_alias=True, exclude_none=True)["environments"]
ADOPTING = type(TENANT).model_validate(
    {
        **TENANT.model_dump(mode="json", by_alias=True, exclude_none=True),
        "environments": {**ENVIRONMENTS, "qa": {**ENVIRONMENTS["qa"], "existing": EXISTING}},
    }
)


def container(repository: str, **changes: Any) -> StandingContainer:
    given = {
        "image": f"{repository}:7",
        "environment": {"DB_HOST": "shop.internal", "DB_NAME": "site"},
        "secrets": {"DB_USER": f"{SECRET}:username::", "DB_PASSWORD": f"{SECRET}:password::"},
        "digests": frozenset({DIGEST}),
    }
    return StandingContainer.model_validate({**given, **changes})


def database(**changes: Any) -> StandingDatabase:
    given = {
        "instance": INSTANCE.model_copy(update={"identifier": "shop-db", "resource_id": "db-SHOP"}),
        "arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:shop-db",
        "host": "shop.internal",
        "port": 3306,
        "tags": {},
    }
    return StandingDatabase.model_validate({**given, **changes})


def service(of: dict[str, Any] | None = None, **changes: Any) -> StandingService:
    standing = {
        "arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/platform-new/shop",
        "status": "ACTIVE",
        "task_definition": task_definition().replace("xy-0146-qa", "shop"),
        "rollout": "COMPLETED",
        "deployments": 1,
        "desired": 2,
        "running": 2,
        "security_groups": ("sg-1",),
    }
    given = {
        "service": Service.model_validate({**standing, **(of or {})}),
        "controller": "ECS",
        "scheduling": "REPLICA",
        "breaker": True,
        "targets": (("web", 8080),),
        "network_mode": "awsvpc",
        "containers": {"web": container(WEB), "helper": container(HELPER)},
        "tags": {},
    }
    return StandingService.model_validate({**given, **changes})


def adopt(asked: dict[str, Any] | None = None, tenant: Any = ADOPTING, **changes: Any) -> Adoption:
    given = {
        "pointer": Pointer(),
        "cluster": "platform-new",
        "database": database(),
        "service": service(),
        "keys": {KEY: "Enabled"},
        "opens": True,
    }
    request = AskedFor(**{"environment": "qa", "database": "shop-db", **(asked or {})})
    return decide(request, RUN, PLATFORMS, tenant, Site.model_validate({**given, **changes}))


def test_what_stands_becomes_the_first_revision_named_by_the_moment() -> None:
    adoption = adopt()
    found = adoption.revision(datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC))
    assert found.release == "20261123t020000z"
    assert found.build == {"web": DIGEST, "helper": DIGEST}
    assert found.database is not None
    assert (found.database.name, found.database.resource_id) == ("shop-db", "db-SHOP")
    assert (found.database.secret, found.database.adopted) == (SECRET, True)
    assert Pointer().adopt(found, adoption.service).service == "shop"
    assert "shop in platform-new, 2 tasks" in as_text(adoption)


def test_a_pointer_without_an_adopted_service_is_written_as_before() -> None:
    assert "service" not in Pointer(active=revision()).format()


def test_where_data_is_authored_there_is_no_release() -> None:
    environments = {**ENVIRONMENTS, "dev": {**ENVIRONMENTS["dev"], "existing": EXISTING}}
    dumped = TENANT.model_dump(mode="json", by_alias=True, exclude_none=True)
    authoring = type(TENANT).model_validate({**dumped, "environments": environments})
    assert adopt({"environment": "dev"}, authoring).revision(datetime.now(UTC)).release is None


def test_an_adoption_that_has_written_the_pointer_is_decided_the_same_again() -> None:
    adoption = adopt()
    active = adoption.revision(datetime.now(UTC))
    assert adopt(pointer=Pointer().adopt(active, "shop")) == adoption
    assert adoption.has_made(active)


def test_a_cost_tag_that_is_there_already_stays() -> None:
    adoption = adopt(database=database(tags={naming.COST_TAG: "marketing"}))
    made = adoption.revision(datetime.now(UTC))
    assert naming.COST_TAG not in adoption.tags(adoption.instance_arn, made)
    assert naming.COST_TAG in adoption.tags(adoption.service_arn, made)


INSTANCES = {
    "stopped": ({"status": "stopped"}, "shop-db is stopped, not available"),
    "unencrypted": ({"encrypted": False}, "shop-db is not encrypted, and a key cannot be changed"),
    "another key": ({"key_arn": KEY.replace("1111", "2222")}, "name that key as the platform's"),
    "another engine": ({"family": "postgres16"}, "has no parameter group for it"),
}


@pytest.mark.parametrize(("change", "said"), INSTANCES.values(), ids=INSTANCES)
def test_an_instance_that_does_not_fit_is_refused(change: dict[str, Any], said: str) -> None:
    found = database()
    changed = found.model_copy(update={"instance": found.instance.model_copy(update=change)})
    with pytest.raises(AdoptionRefused, match=said):
        adopt(database=changed)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no instance": ({"database": None}, "there is no instance shop-db"),
    "no service": ({"service": None}, "there is no service shop in cluster platform-new"),
    "a replica": ({"database": database(related=("shop-replica",))}, r"is not alone \(shop-replica\)"),
    "changes wait": ({"database": database(pending=("DBInstanceClass",))}, "let its maintenance window pass"),
    "another's": ({"database": database(tags={naming.INSTALLATION_TAG: "other"})}, "is of installation other"),
    "a namespace's": ({"service": service(tags={naming.NAMESPACE_TAG: "zz-0999-qa"})}, "is of namespace zz-0999-qa"),
    "rolling out": ({"service": service({"deployments": 2, "rollout": "IN_PROGRESS"})}, "wait until one, completed"),
    "no tasks": ({"service": service({"desired": 0, "running": 0})}, "runs 0 of 0 tasks"),
    "a task missing": ({"service": service({"running": 1})}, "runs 1 of 2 tasks"),
    "CodeDeploy": ({"service": service(controller="CODE_DEPLOY")}, "is deployed by CODE_DEPLOY"),
    "no breaker": ({"service": service(breaker=False)}, "turn it on, which restarts nothing"),
    "bridge": ({"service": service(network_mode="bridge")}, "does not run in awsvpc mode"),
    "no target": ({"service": service(targets=())}, "the tenant's file says web:8080"),
    "two targets": ({"service": service(targets=(("web", 8080), ("web", 9090)))}, "exactly that one is needed"),
    "a container more": (
        {"service": service(containers={"web": container(WEB), "helper": container(HELPER), "log": container(WEB)})},
        "has the containers helper, log, web",
    ),
    "closed": ({"opens": None, "why_closed": "timed out"}, r"do not open shop-db from here \(timed out\)"),
    "refused": ({"opens": False}, "do not open shop-db from here"),
    "active": ({"pointer": Pointer(active=revision())}, "has an active release already"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_a_site_that_does_not_fit_is_refused_with_what_to_do(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AdoptionRefused, match=said):
        adopt(**change)


CONTAINERS: dict[str, tuple[dict[str, Any], str]] = {
    "another database": ({"environment": {"DB_HOST": "other.internal"}}, "does not have shop-db as its database"),
    "another schema": ({"environment": {"DB_HOST": "shop.internal", "DB_NAME": "crm"}}, "uses the schema crm"),
    "no host": ({"environment": {}}, "is not set in plain"),
    "plain": (
        {"environment": {"DB_HOST": "shop.internal", "DB_PASSWORD": "x"}, "secrets": {}},
        "has DB_PASSWORD in plain: put user name and password into a secret",
    ),
    "another key": (
        {"secrets": {"DB_USER": f"{SECRET}:user::", "DB_PASSWORD": f"{SECRET}:password::"}},
        "does not take DB_USER from the key 'username'",
    ),
    "two secrets": (
        {"secrets": {"DB_USER": f"{SECRET}:username::", "DB_PASSWORD": f"{SECRET}x:password::"}},
        "from one secret, the same for all",
    ),
    "another repository": ({"image": "docker.io/shop:7"}, "runs docker.io/shop:7, which is not of the repository"),
    "two images": ({"digests": frozenset({DIGEST, "sha256:0"})}, "do not all run one image"),
}


@pytest.mark.parametrize(("change", "said"), CONTAINERS.values(), ids=CONTAINERS)
def test_a_container_that_does_not_fit_is_refused_and_no_value_of_its_is_told(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(AdoptionRefused, match=said) as refused:
        adopt(service=service(containers={"web": container(WEB, **change), "helper": container(HELPER)}))
    assert " x" not in str(refused.value).split()


def test_an_environment_that_names_no_service_is_refused() -> None:
    with pytest.raises(AdoptionRefused, match="write 'existing' with 'service' and 'url'"):
        adopt(tenant=TENANT)
