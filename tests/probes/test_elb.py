"""ELBv2: requests reach healthy targets by host, and none is lost while a target is drained."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.probes.asking import fresh, refusal, refusal_message
from tests.probes.conftest import Clients
from tests.support.compute import Site, control, forward, target_group
from tests.support.requests import eventually

_hosts = count(1)


class Backend:
    """A target: answers with its name, and is as healthy as it is told to be."""

    def __init__(self) -> None:
        backend = self
        self.status = 200
        self.seen: dict[str, str] = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status = backend.status if self.path == "/healthz" else 200
                if self.path != "/healthz":
                    backend.seen = {key.lower(): value for key, value in self.headers.items()}
                if self.path.startswith("/slow"):
                    time.sleep(2)
                self.send_response(status)
                self.send_header("Content-Length", str(len(backend.address)))
                self.end_headers()
                self.wfile.write(backend.address.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.address = f"127.9.9.{next(_hosts)}"
        self._server = http.server.ThreadingHTTPServer((self.address, 0), Handler)
        self.target = {"Id": self.address, "Port": self._server.server_address[1]}
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def backends() -> Iterator[tuple[Backend, Backend]]:
    pair = Backend(), Backend()
    yield pair
    for backend in pair:
        backend.close()


def register(site: Site, *backends: Backend) -> None:
    site.elb.register_targets(TargetGroupArn=site.target_group, Targets=[each.target for each in backends])
    eventually(lambda: site.health() == ["healthy"] * len(backends), "the targets are healthy")


def descriptions(site: Site, **arguments: Any) -> list[dict[str, Any]]:
    answer = site.elb.describe_target_health(TargetGroupArn=site.target_group, **arguments)
    found: list[dict[str, Any]] = answer["TargetHealthDescriptions"]
    return found


def test_requests_of_a_host_reach_the_healthy_targets_in_turn(site: Site, backends: tuple[Backend, Backend]) -> None:
    register(site, *backends)
    answers = {site.get()[1] for _ in range(8)}
    assert answers == {backends[0].address, backends[1].address}


def test_a_host_without_a_rule_gets_the_default_action(site: Site) -> None:
    assert site.get(host="other.localhost") == (404, "no such site")


def test_a_group_without_targets_answers_503(site: Site) -> None:
    eventually(lambda: site.get()[0] == 503, "the rule is there")


def test_targets_are_told_who_asks_and_how(site: Site, backends: tuple[Backend, Backend]) -> None:
    register(site, backends[0])
    site.get("/page")
    seen = backends[0].seen
    assert (seen["host"], seen["x-forwarded-for"], seen["x-forwarded-proto"]) == (site.host, "127.0.0.1", "http")
    assert seen["x-forwarded-port"] == str(site.port)


def test_a_target_is_initial_then_healthy(site: Site, backends: tuple[Backend, Backend]) -> None:
    site.elb.register_targets(TargetGroupArn=site.target_group, Targets=[backends[0].target])
    state = descriptions(site)[0]["TargetHealth"]
    assert state["State"] == "healthy" or (state["State"], state["Reason"][:4]) == ("initial", "Elb.")
    eventually(lambda: site.health() == ["healthy"], "it is healthy")
    assert "Reason" not in descriptions(site)[0]["TargetHealth"]


def test_a_target_that_answers_otherwise_is_unhealthy_and_gets_no_requests(
    site: Site, backends: tuple[Backend, Backend]
) -> None:
    register(site, *backends)
    backends[0].status = 503
    eventually(lambda: site.health() == ["healthy", "unhealthy"], "one is unhealthy")
    sick = next(each for each in descriptions(site) if each["Target"]["Id"] == backends[0].address)
    assert sick["TargetHealth"]["Reason"] == "Target.ResponseCodeMismatch"
    assert "503" in sick["TargetHealth"]["Description"]
    eventually(lambda: {site.get()[1] for _ in range(6)} == {backends[1].address}, "only the other one is asked")
    backends[0].status = 200
    eventually(lambda: site.health() == ["healthy", "healthy"], "it is healthy again")


def test_where_every_target_is_unhealthy_all_get_requests(site: Site, backends: tuple[Backend, Backend]) -> None:
    register(site, *backends)
    for backend in backends:
        backend.status = 500
    eventually(lambda: site.health() == ["unhealthy", "unhealthy"], "both are unhealthy")
    eventually(
        lambda: {site.get()[1] for _ in range(8)} == {backend.address for backend in backends},
        "the load balancer fails open",
    )


def test_a_target_that_does_not_listen_is_unhealthy(site: Site) -> None:
    site.elb.register_targets(TargetGroupArn=site.target_group, Targets=[{"Id": "127.9.9.250", "Port": 1}])
    eventually(lambda: site.health() == ["unhealthy"], "it is unhealthy")
    assert descriptions(site)[0]["TargetHealth"]["Reason"] == "Target.FailedHealthChecks"


def test_addresses_outside_this_machine_are_never_contacted(site: Site) -> None:
    site.elb.register_targets(TargetGroupArn=site.target_group, Targets=[{"Id": "10.0.1.9", "Port": 80}])
    eventually(lambda: site.health() == ["unhealthy"], "it is unhealthy")
    assert descriptions(site)[0]["TargetHealth"]["Reason"] == "Target.Timeout"


def test_targets_of_a_group_that_no_listener_leads_to_are_unused(site: Site, backends: tuple[Backend, Backend]) -> None:
    site.elb.delete_rule(RuleArn=site.rule)
    site.elb.register_targets(TargetGroupArn=site.target_group, Targets=[backends[0].target])
    eventually(lambda: site.health() == ["unused"], "it is unused")
    assert descriptions(site)[0]["TargetHealth"]["Reason"] == "Target.NotInUse"
    asked = descriptions(site, Targets=[{"Id": "127.9.9.251", "Port": 1}])
    assert asked[0]["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_draining_lets_a_request_in_flight_finish_and_sends_no_new_one(
    site: Site, backends: tuple[Backend, Backend]
) -> None:
    register(site, *backends)
    answers: list[Any] = []
    slow = [threading.Thread(target=lambda: answers.append(site.get("/slow"))) for _ in range(2)]
    for thread in slow:
        thread.start()
    eventually(lambda: all(backend.seen for backend in backends), "each target works on a slow request")
    site.elb.deregister_targets(TargetGroupArn=site.target_group, Targets=[backends[0].target])
    assert site.health() == ["draining", "healthy"]
    eventually(lambda: {site.get()[1] for _ in range(6)} == {backends[1].address}, "only the other one is asked")
    for thread in slow:
        thread.join()
    assert sorted(answers) == sorted((200, backend.address) for backend in backends)
    eventually(lambda: site.health() == ["healthy"], "it is gone")


def test_a_request_in_flight_outlives_its_rule_and_its_group(site: Site, backends: tuple[Backend, Backend]) -> None:
    register(site, backends[0])
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(site.get("/slow")))
    slow.start()
    eventually(lambda: "host" in backends[0].seen, "the slow request has arrived")
    site.elb.delete_rule(RuleArn=site.rule)
    site.elb.delete_target_group(TargetGroupArn=site.target_group)
    eventually(lambda: site.get()[0] == 404, "the rule is gone")
    slow.join()
    assert answers == [(200, backends[0].address)]


def test_draining_ends_after_the_groups_delay(site: Site, backends: tuple[Backend, Backend]) -> None:
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
    site.elb.modify_target_group_attributes(TargetGroupArn=site.target_group, Attributes=attributes)
    register(site, backends[0])
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(site.get("/slow")))
    slow.start()
    eventually(lambda: "host" in backends[0].seen, "the slow request has arrived")
    site.elb.deregister_targets(TargetGroupArn=site.target_group, Targets=[backends[0].target])
    slow.join()
    assert answers[0][0] >= 500, answers


def test_rules_are_tried_by_priority_and_know_hosts_and_paths(site: Site, backends: tuple[Backend, Backend]) -> None:
    register(site, backends[0])
    gone = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "410", "MessageBody": "gone"}}
    conditions = [
        {"Field": "host-header", "Values": ["*.wild.localhost", site.host]},
        {"Field": "path-pattern", "Values": ["/old/*"]},
    ]
    arguments = {"ListenerArn": site.listener, "Conditions": conditions, "Actions": [gone]}
    rule = site.elb.create_rule(Priority=2, **arguments)["Rules"][0]["RuleArn"]
    eventually(lambda: site.get("/old/x", host="A.wild.localhost") == (410, "gone"), "the rule is there")
    assert site.get("/new", host="a.wild.localhost")[0] == 404
    assert site.get("/old/x") == (200, backends[0].address)
    site.elb.set_rule_priorities(
        RulePriorities=[{"RuleArn": site.rule, "Priority": 5}, {"RuleArn": rule, "Priority": 1}]
    )
    eventually(lambda: site.get("/old/x") == (410, "gone"), "the other rule is first now")


def _answers(site: Site, host: str, status: int) -> bool:
    return site.get(host=host)[0] == status


def test_other_hosts_come_and_go_without_a_lost_request(site: Site, backends: tuple[Backend, Backend]) -> None:
    register(site, backends[0])
    with site.load(clients=2) as load:
        for number in range(2, 7):
            group = target_group(site.elb, f"{site.name}-{number}")
            host = f"{number}.{site.host}"
            rule = forward(site.elb, site.listener, group, host, priority=number)
            site.elb.register_targets(TargetGroupArn=group, Targets=[backends[1].target])
            eventually(partial(_answers, site, host, 200), f"{host} is served")
            site.elb.delete_rule(RuleArn=rule)
            site.elb.delete_target_group(TargetGroupArn=group)
            eventually(partial(_answers, site, host, 404), f"{host} is gone")
    assert load.failures == []


def test_a_second_rule_of_the_same_priority_is_refused(site: Site) -> None:
    assert refusal(forward, elb=site.elb, listener=site.listener, target_group=site.target_group, host="b") == (
        "PriorityInUse"
    )


def test_a_group_in_use_is_not_deleted(site: Site) -> None:
    assert refusal(site.elb.delete_target_group, TargetGroupArn=site.target_group) == "ResourceInUse"
    site.elb.delete_rule(RuleArn=site.rule)
    assert refusal(site.elb.delete_target_group, TargetGroupArn=site.target_group) is None


def test_a_group_names_the_load_balancer_whose_rule_leads_to_it(site: Site) -> None:
    found = site.elb.describe_target_groups(TargetGroupArns=[site.target_group])["TargetGroups"][0]
    assert found["LoadBalancerArns"] == [site.load_balancer]


def test_a_port_that_something_else_holds_is_refused_and_the_message_says_by_what(site: Site, endpoint: str) -> None:
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    taken = int(endpoint.rpartition(":")[2])
    arguments = {
        "LoadBalancerArn": site.load_balancer,
        "Port": taken,
        "Protocol": "HTTP",
        "DefaultActions": [nothing],
    }
    assert f"port {taken} is taken by process" in refusal_message(site.elb.create_listener, **arguments)


def test_a_second_listener_on_the_port_is_refused(site: Site) -> None:
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    arguments = {"LoadBalancerArn": site.load_balancer, "Port": site.port, "Protocol": "HTTP"}
    assert refusal(site.elb.create_listener, **arguments, DefaultActions=[nothing]) == "DuplicateListener"


def test_the_port_is_let_go_with_the_load_balancer(site: Site) -> None:
    eventually(lambda: site.get(host="x")[0] == 404, "it listens")
    site.elb.delete_load_balancer(LoadBalancerArn=site.load_balancer)

    def refused() -> bool:
        try:
            site.get()
        except OSError:
            return True
        return False

    eventually(refused, "nothing listens any more")


def test_requests_are_counted_by_host(site: Site, endpoint: str, backends: tuple[Backend, Backend]) -> None:
    register(site, backends[0])
    for _ in range(3):
        assert site.get()[0] == 200
    eventually(lambda: control(endpoint, "requests").get(site.host) == {"requests": 3, "failed": 0}, "they are counted")


def test_a_load_balancer_is_in_the_network_of_its_subnets(aws: Clients) -> None:
    ec2, elb = aws("ec2"), aws("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    [made] = elb.create_load_balancer(Name=fresh("lb"), Subnets=subnets, Scheme="internal")["LoadBalancers"]
    [found] = elb.describe_load_balancers(LoadBalancerArns=[made["LoadBalancerArn"]])["LoadBalancers"]
    elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    assert found["VpcId"] == vpc
