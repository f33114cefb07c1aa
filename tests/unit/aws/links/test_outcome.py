"""What a step waits for or has made becomes its task's links, and nothing that goes wrong there fails a task."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred

from snaplift.aws.links.cloudformation import StackLink
from snaplift.aws.links.dynamodb import LockLink
from snaplift.aws.links.ecs import DeploymentLink, ServiceLink, TaskDefinitionLink, TaskLink
from snaplift.aws.links.logs import LogGroupLink
from snaplift.aws.links.outcome import OF_STEP, Links, Scene, links_of_result, links_of_step, links_of_wait, persist
from snaplift.aws.links.rds import InstanceLink, SnapshotLink
from snaplift.aws.links.site import SiteLink
from snaplift.aws.links.ssm import PointerLink
from snaplift.aws.operators.base import AdvancingOperator
from snaplift.aws.steps.promotion import Done
from snaplift.pipelines import provision, refresh
from snaplift.promotion.plan import Place
from snaplift.promotion.wait import Kind, Wait

ECS = "arn:aws:ecs:eu-central-1:123456789012"
STACK = "arn:aws:cloudformation:eu-central-1:123456789012:stack/xy-0146-qa-db-20261123t020000z/0a1b"
SITE = "https://xy-0146-qa.nonprod.example.com/"
SCENE = Scene(
    namespace="xy-0146-qa",
    cluster="platform-nonprod",
    lock_table="platform-nonprod-locks",
    log_group="/snaplift/xy-0146/qa",
    stream_prefix="20261123t020000z/",
    site=SITE,
    serves=False,
)
PLACE = Place(
    platform="platform-nonprod",
    connection="",
    region="eu-central-1",
    account="123456789012",
    lock_table="platform-nonprod-locks",
)


class Task:
    """Keeps what is pushed."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def make_wait(kind: Kind, name: str, scope: str | None = None) -> Wait:
    return Wait(
        connection="", region="eu-central-1", kind=kind, name=name, scope=scope, done=("available",), timeout=60
    )


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own endpoint, which nothing here asks."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


def push(outcome: Wait | Done, links: tuple[BaseAwsLink, ...], scene: Scene | None = SCENE) -> dict[str, Any]:
    task, operator = Task(), BaseOperator(task_id="a_task")
    operator.operator_extra_links = links
    persist({"ti": task}, operator, outcome, PLACE, scene)  # type: ignore[typeddict-item]
    return task.pushed


@pytest.mark.parametrize(
    ("wait", "links"),
    [
        (make_wait("stack", STACK), {StackLink: {"stack_id": STACK}}),
        (make_wait("db_instance", "xy-0146-dev-db"), {InstanceLink: {"instance": "xy-0146-dev-db"}}),
        (make_wait("db_snapshot", "a-snapshot"), {SnapshotLink: {"snapshot": "a-snapshot"}}),
        (
            make_wait("service_deployment", f"{ECS}:service-deployment/platform-nonprod/xy-0146-qa/0a1b"),
            {DeploymentLink: {"cluster": "platform-nonprod", "service": "xy-0146-qa"}},
        ),
        (
            make_wait("task", f"{ECS}:task/platform-nonprod/0a1b", scope="platform-nonprod"),
            {
                TaskLink: {"cluster": "platform-nonprod", "task": "0a1b"},
                LogGroupLink: {"log_group": "/snaplift/xy-0146/qa", "stream_prefix": "20261123t020000z/"},
            },
        ),
        (make_wait("http", "http://10.0.0.7:8080/healthz", scope="xy-0146-qa.localhost"), {}),
    ],
    ids=lambda value: value.kind if isinstance(value, Wait) else "",
)
def test_a_wait_links_to_what_is_waited_for(wait: Wait, links: Links) -> None:
    assert links_of_wait(wait, SCENE) == links


@pytest.mark.parametrize(
    ("result", "links"),
    [
        (
            {"release": "20261123t020000z", "fence": 3},
            {LockLink: {"table": "platform-nonprod-locks", "namespace": "xy-0146-qa"}},
        ),
        ({"snapshot": "a-snapshot", "storage": 20}, {SnapshotLink: {"snapshot": "a-snapshot"}}),
        (
            {"stack": STACK, "instance": "a-db", "resource_id": "db-0A1B"},
            {StackLink: {"stack_id": STACK}, InstanceLink: {"instance": "a-db"}},
        ),
        (
            {"task_definition": f"{ECS}:task-definition/xy-0146-qa:37", "service": "xy-0146-qa"},
            {
                TaskDefinitionLink: {"family": "xy-0146-qa", "revision": "37"},
                ServiceLink: {"cluster": "platform-nonprod", "service": "xy-0146-qa"},
            },
        ),
        (
            {"pointer": "/snaplift/xy-0146/qa/pointer", "version": 4, "release": "20261123t020000z"},
            {PointerLink: {"pointer": "/snaplift/xy-0146/qa/pointer"}, SiteLink: {"url": SITE}},
        ),
        ({"active": "20261123t020000z"}, {SiteLink: {"url": SITE}}),
        ({"removed": "a-db", "final_snapshot": None}, {InstanceLink: {}}),
        ({"checks": 3}, {}),
    ],
    ids=lambda value: "+".join(map(str, value)) if value and isinstance(next(iter(value)), str) else "",
)  # fmt: skip
def test_a_result_links_to_what_was_made(result: dict[str, Any], links: Links) -> None:
    assert links_of_result(result, SCENE) == links


def test_a_plan_links_to_a_site_that_serves_only() -> None:
    before = Scene(**{**vars(SCENE), "serves": True})
    assert links_of_result({"environment": "qa"}, before) == {SiteLink: {"url": SITE}}
    assert links_of_result({"environment": "qa"}, SCENE) == {}


def test_a_task_gets_only_the_links_that_it_has() -> None:
    pushed = push(Done({"stack": STACK, "instance": "a-db"}), links_of_step("namespace"))
    assert pushed == {
        "cloudformation_stack": {"region_name": "eu-central-1", "aws_domain": "aws.amazon.com", "stack_id": STACK}
    }


def test_a_link_is_taken_back_when_its_thing_is_gone() -> None:
    [values] = push(Done({"removed": "a-db"}), (InstanceLink(),)).values()
    assert InstanceLink().format_link(**values) == ""


def test_no_task_links_into_aws_console_where_aws_is_another_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [type(link) for link in links_of_step("activate")] == [PointerLink, SiteLink]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert [type(link) for link in links_of_step("activate")] == [SiteLink]
    assert links_of_step("database") == ()


def test_a_thing_in_china_links_to_its_console() -> None:
    wait = make_wait("stack", STACK).model_copy(update={"region": "cn-north-1"})
    [values] = push(wait, (StackLink(),)).values()
    assert StackLink().format_link(**values).startswith("https://console.amazonaws.cn/cloudformation/")


@pytest.mark.parametrize("link", [StackLink, SiteLink])
def test_a_link_without_its_value_is_none_and_does_not_raise(
    link: type[BaseAwsLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise LookupError("there is no such XCom")

    operator: Any = BaseOperator(task_id="a_task")
    key: Any = None
    monkeypatch.setattr("airflow.providers.amazon.aws.links.base_aws.XCom.get_value", lambda **_: None)
    assert link().get_link(operator, ti_key=key) == ""
    monkeypatch.setattr("airflow.providers.amazon.aws.links.base_aws.XCom.get_value", refuse)
    assert link().get_link(operator, ti_key=key) == ""


class Waiting(AdvancingOperator):
    operator_extra_links = (StackLink(), InstanceLink())

    def advance(self, context: Any) -> Wait | Done:
        return make_wait("stack", STACK)


def test_the_links_are_there_while_a_step_waits() -> None:
    task = Task()
    with pytest.raises(TaskDeferred):
        Waiting(task_id="database", configuration="/nowhere").execute({"ti": task})  # type: ignore[typeddict-item]
    assert task.pushed["cloudformation_stack"]["stack_id"] == STACK


def test_a_task_without_its_links_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no way")

    monkeypatch.setattr("snaplift.aws.links.outcome.persist", fail)
    with pytest.raises(TaskDeferred):
        Waiting(task_id="database", configuration="/nowhere").execute({"ti": Task()})  # type: ignore[typeddict-item]


def test_links_are_of_steps_that_there_are() -> None:
    steps = {step for groups in (refresh.GROUPS, provision.GROUPS) for names in groups.values() for step in names}
    assert set(OF_STEP) <= steps | {"plan", "lock", "finish", "stack", "namespace", "show", "apply", "dismantle"}


def test_operators_with_their_links_are_imported_without_boto3() -> None:
    program = (
        "import snaplift.aws.operators.provision, sys; print(*({'boto3', 'troposphere', 'pymysql'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
