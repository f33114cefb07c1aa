"""Rules as patterns: which requests match, and in which order rules are tried."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from local.aws.elb import haproxy
from local.aws.elb.routes import FixedResponse, Forward, Unsupported, groups, host_lowered, routes

FORWARD = [{"Type": "forward", "TargetGroupArn": "arn:group"}]


def rule(priority: str, *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Priority": priority, "Conditions": list(conditions), "Actions": FORWARD, **more}


def host(*values: str) -> dict[str, Any]:
    return {"Field": "host-header", "Values": list(values)}


def path(*values: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "Values": list(values)}


def matches(made: dict[str, Any], request: str) -> bool:
    return re.fullmatch(routes([made])[0].pattern, request) is not None


@pytest.mark.parametrize(
    ("conditions", "request_line", "matched"),
    [
        ([host("a.localhost")], "a.localhost|GET|/", True),
        ([host("a.localhost")], "b.a.localhost|GET|/", False),
        ([host("a.localhost")], "axlocalhost|GET|/", False),
        ([host("*.localhost")], "b.localhost|GET|/x", True),
        ([host("?.localhost")], "bb.localhost|GET|/x", False),
        ([host("a", "b")], "b|GET|/", True),
        ([path("/old/*")], "any|GET|/old/a|b", True),
        ([path("/old/*")], "any|GET|/new/old/", False),
        ([host("a"), path("/x")], "a|GET|/x", True),
        ([host("a"), path("/x")], "b|GET|/x", False),
        ([{"Field": "http-request-method", "Values": ["POST"]}], "a|GET|/x", False),
    ],
)
def test_a_rule_matches_when_all_its_conditions_do(
    conditions: list[dict[str, Any]], request_line: str, *, matched: bool
) -> None:
    assert matches(rule("1", *conditions), request_line) is matched


def test_hosts_are_compared_in_lower_case() -> None:
    assert matches(host_lowered(rule("1", host("A.Localhost"))), "a.localhost|GET|/")


def test_rules_are_tried_by_number_and_the_default_last() -> None:
    made = [rule("default", IsDefault=True), rule("10", host("ten")), rule("9", host("nine"))]
    assert [route.pattern[1:7] for route in routes(made)] == ["(nine)", "(ten)\\", "[^|]*\\"]


def test_a_fixed_response_is_one_word_whatever_its_body() -> None:
    encoded = FixedResponse(404, "text/plain", "two words: 100 %\n").encoded()
    assert encoded.startswith("fixed:404:text/plain:")
    assert not re.search(r"\s", encoded)


@pytest.mark.parametrize(
    "made",
    [
        rule("1", {"Field": "query-string", "Values": ["a=b"]}),
        {"Priority": "1", "Conditions": [], "Actions": [{"Type": "redirect"}]},
    ],
)
def test_what_cannot_be_followed_is_not_ignored(made: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        routes([made])


def test_the_groups_of_routes() -> None:
    found = routes([rule("1", host("a")), rule("2", host("b"))])
    assert [route.action for route in found] == [Forward("arn:group")] * 2
    assert groups(found) == ["arn:group"]


def test_haproxy_takes_the_configuration(tmp_path: Path) -> None:
    program = haproxy.program()
    if program is None:
        pytest.skip("haproxy is not installed")
    map_file, file = tmp_path / "map", tmp_path / "haproxy.cfg"
    map_file.touch()
    file.write_text(haproxy.configuration("127.0.0.1", 1, tmp_path / "socket", map_file))
    checked = subprocess.run([program, "-c", "-f", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
