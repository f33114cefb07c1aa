"""What a client sees of each fault that the laptop's AWS is asked for, in each of AWS's protocols."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, IncompleteReadError

from snaplift.aws.errors import is_transient
from snaplift.aws.hooks.dynamodb import LockHook
from snaplift.aws.hooks.rds import DatabaseHook
from snaplift.aws.hooks.ssm import PointerHook
from tests.support.laptop import Laptop, LaptopError, start_laptop

Client = Callable[..., Any]

CALLS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "query": ("rds", "DescribeDBInstances", lambda client: client.describe_db_instances()),
    "ec2": ("ec2", "DescribeVpcs", lambda client: client.describe_vpcs()),
    "json 1.0": ("dynamodb", "ListTables", lambda client: client.list_tables()),
    "json 1.1": ("ssm", "DescribeParameters", lambda client: client.describe_parameters()),
    "rest": ("s3", "GET", lambda client: client.list_buckets()),
}
"""By protocol: service, operation and a call."""
CALLER = """
import sys
import boto3
session = boto3.Session(aws_access_key_id="000000000000", aws_secret_access_key="x", region_name="us-east-1")
session.client("ssm", endpoint_url=sys.argv[1]).put_parameter(Name=sys.argv[2], Value="x", Type="String")
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with start_laptop(tmp_path_factory.mktemp("laptop"), delays={"*": 0}) as started:
        yield started


@pytest.fixture
def client(laptop: Laptop) -> Iterator[Client]:
    """Clients that try `attempts` times and say `mark` in their User-Agent; no rule is left."""

    def make(service: str, *, attempts: int = 1, mark: str = "") -> Any:
        session: Any = boto3.Session(aws_access_key_id="000000000000", aws_secret_access_key="x")
        retries: Any = {"mode": "standard", "total_max_attempts": attempts}
        config = Config(retries=retries, user_agent_extra=mark, read_timeout=30)
        return session.client(service, endpoint_url=laptop.endpoint_url, region_name="us-east-1", config=config)

    yield make
    laptop.set_faults()


def seen_and_struck(laptop: Laptop) -> list[tuple[int, int]]:
    return [(rule["seen"], rule["struck"]) for rule in laptop.control("GET", "faults")["rules"]]


@pytest.mark.parametrize(
    ("protocol", "code", "status"),
    [
        ("query", "Throttling", 400),
        ("ec2", "RequestLimitExceeded", 503),
        ("json 1.0", "ThrottlingException", 400),
        ("json 1.1", "ThrottlingException", 400),
        ("rest", "SlowDown", 503),
    ],
)
def test_s27_a_throttled_call_gets_the_services_own_error_and_then_its_answer(
    laptop: Laptop, client: Client, protocol: str, code: str, status: int
) -> None:
    service, operation, call = CALLS[protocol]
    laptop.set_faults({"action": "throttle", "service": service, "operation": operation, "times": 2})
    made = client(service)
    for _ in range(2):
        with pytest.raises(ClientError) as throttled:
            call(made)
        assert throttled.value.response["Error"]["Code"] == code
        assert throttled.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    call(made)
    assert seen_and_struck(laptop) == [(3, 2)]


@pytest.mark.parametrize("protocol", CALLS)
def test_s27_botocore_takes_it_for_throttling_and_tries_again(laptop: Laptop, client: Client, protocol: str) -> None:
    service, _, call = CALLS[protocol]
    laptop.set_faults({"action": "throttle", "service": service})
    call(client(service, attempts=2))
    assert seen_and_struck(laptop) == [(2, 1)]


@pytest.mark.parametrize(
    ("protocol", "code", "status"),
    [
        ("query", "AccessDenied", 403),
        ("ec2", "UnauthorizedOperation", 403),
        ("json 1.0", "AccessDeniedException", 400),
        ("json 1.1", "AccessDeniedException", 400),
        ("rest", "AccessDenied", 403),
    ],
)
def test_a_denied_call_names_what_may_not_be_done_and_is_not_tried_again(
    laptop: Laptop, client: Client, protocol: str, code: str, status: int
) -> None:
    service, operation, call = CALLS[protocol]
    laptop.set_faults({"action": "deny", "service": service})
    with pytest.raises(ClientError, match=f"not authorized to perform: {service}:{operation}") as denied:
        call(client(service, attempts=3))
    assert denied.value.response["Error"]["Code"] == code
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert seen_and_struck(laptop) == [(1, 1)]


@pytest.mark.parametrize("protocol", CALLS)
def test_any_error_can_be_asked_for(laptop: Laptop, client: Client, protocol: str) -> None:
    service, _, call = CALLS[protocol]
    laptop.set_faults({"action": "error", "service": service, "code": "Odd", "status": 418, "message": "<so>"})
    with pytest.raises(ClientError, match=r"\(Odd\).*<so>") as odd:
        call(client(service))
    assert odd.value.response["ResponseMetadata"]["HTTPStatusCode"] == 418


@pytest.mark.parametrize("action", ["before", "after"])
@pytest.mark.parametrize("protocol", CALLS)
def test_a_cut_connection_is_one_that_botocore_tries_again(
    laptop: Laptop, client: Client, protocol: str, action: str
) -> None:
    service, _, call = CALLS[protocol]
    laptop.set_faults({"action": action, "service": service})
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        call(client(service))
    laptop.set_faults({"action": action, "service": service})
    call(client(service, attempts=2))
    assert seen_and_struck(laptop) == [(2, 1)]


def test_an_answer_that_is_cut_short_says_how_long_the_whole_would_have_been(laptop: Laptop) -> None:
    laptop.set_faults({"action": "cut"})
    connection = http.client.HTTPConnection("127.0.0.1", laptop.port, timeout=30)
    target = {"X-Amz-Target": "AmazonSSM.DescribeParameters", "Content-Type": "application/x-amz-json-1.1"}
    connection.request("POST", "/", b"{}", target)
    with pytest.raises(http.client.IncompleteRead) as short:
        connection.getresponse().read()
    laptop.set_faults()
    assert len(short.value.partial) > 0


@pytest.mark.parametrize("hook", [PointerHook, DatabaseHook, LockHook])
def test_s14_an_answer_that_is_cut_short_is_an_error_and_not_an_empty_answer(
    laptop: Laptop, client: Client, monkeypatch: pytest.MonkeyPatch, hook: Any
) -> None:
    for name, value in laptop.environment().items():
        monkeypatch.setenv(name, value)
    reads: dict[Any, Callable[[Any], Any]] = {
        PointerHook: lambda made: made.client.describe_parameters(),
        DatabaseHook: lambda made: made.client.describe_db_instances(),
        LockHook: lambda made: made.client.list_tables(),
    }
    laptop.set_faults({"action": "cut"})
    with pytest.raises(IncompleteReadError) as short:
        reads[hook](hook(aws_conn_id=None, region_name="us-east-1"))
    assert is_transient(short.value)


@pytest.mark.parametrize(("action", "applied"), [("before", False), ("after", True)])
def test_s40_a_call_is_applied_or_not_as_the_action_says(
    laptop: Laptop, client: Client, action: str, applied: bool
) -> None:
    name = f"/faults/{action}"
    laptop.set_faults({"action": action, "operation": "PutParameter"})
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        client("ssm").put_parameter(Name=name, Value="x", Type="String")
    found = client("ssm").get_parameters(Names=[name])["Parameters"]
    assert [each["Name"] for each in found] == ([name] if applied else [])


def test_s40_the_retry_after_a_lost_reply_is_told_that_it_exists(laptop: Laptop, client: Client) -> None:
    laptop.set_faults({"action": "after", "operation": "PutParameter"})
    with pytest.raises(ClientError, match="ParameterAlreadyExists"):
        client("ssm", attempts=2).put_parameter(Name="/faults/lost", Value="x", Type="String")


def test_only_the_nth_call_of_the_marked_caller_is_struck(laptop: Laptop, client: Client) -> None:
    laptop.set_faults({"action": "deny", "service": "ssm", "mark": "point/7", "nth": 2})
    marked, other = client("ssm", mark="point/7"), client("ssm", mark="point/8")
    marked.describe_parameters()
    other.describe_parameters()
    other.describe_parameters()
    with pytest.raises(ClientError, match="AccessDenied"):
        marked.describe_parameters()
    marked.describe_parameters()
    assert seen_and_struck(laptop) == [(3, 1)]


def test_a_delayed_call_is_answered_late(laptop: Laptop, client: Client) -> None:
    laptop.set_faults({"action": "delay", "service": "ssm", "seconds": 60})
    late = client("ssm").meta.config.merge(Config(read_timeout=1))
    session: Any = boto3.Session(aws_access_key_id="000000000000", aws_secret_access_key="x")
    with pytest.raises(HTTPClientError, match="Read timeout"):
        session.client(
            "ssm", endpoint_url=laptop.endpoint_url, region_name="us-east-1", config=late
        ).describe_parameters()


@pytest.mark.parametrize(("action", "applied"), [("kill_before", False), ("kill_after", True)])
def test_the_process_that_calls_is_killed(laptop: Laptop, client: Client, action: str, applied: bool) -> None:
    name = f"/faults/{action}"
    laptop.set_faults({"action": action, "operation": "PutParameter"})
    ended = subprocess.run([sys.executable, "-c", CALLER, laptop.endpoint_url, name], timeout=60)
    assert ended.returncode == -signal.SIGKILL
    found = client("ssm").get_parameters(Names=[name])["Parameters"]
    assert [each["Name"] for each in found] == ([name] if applied else [])


def test_without_rules_nothing_is_struck(laptop: Laptop, client: Client) -> None:
    laptop.set_faults({"action": "deny"})
    laptop.set_faults()
    assert client("ssm").describe_parameters()["Parameters"] is not None
    assert seen_and_struck(laptop) == []


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"action": "explode"}, "action is one of before, after"),
        ({}, "action is one of"),
        ({"action": "deny", "nth": 0}, "nth and times are 1 or more"),
        ({"action": "deny", "nth": "2"}, "nth is '2'"),
        ({"action": "deny", "struck": 1}, "expected an object with some of action, service"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_and_named(laptop: Laptop, rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(LaptopError, match=problem):
        laptop.set_faults(rule)
