from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from local.demo.report import Promotion, Report, SiteFound
from local.demo.truths import Truth

PROMOTED = Promotion(
    words="dev → qa",
    environment="qa",
    release="new",
    build="",
    state="success",
    expected="success",
    seconds=38.2,
    aws_seconds=30.1,
    requests=5120,
    failed_requests=0,
)
REFUSED = replace(
    PROMOTED,
    words="a bad build",
    build="broken",
    state="failed",
    expected="failed",
    reason="aborted, xy-0146-prod still serves. Why: confirm: rolled back",
    expected_reason=("aborted", "confirm: rolled back"),
)
HOLDS = Truth("no lock is held")


def report(*promotions: Promotion, truths: tuple[Truth, ...] = (HOLDS,)) -> Report:
    return Report(tenant="xy-0146", promotions=list(promotions), truths=list(truths))


def test_all_is_true_when_every_promotion_ended_as_expected_and_every_truth_holds() -> None:
    assert report(PROMOTED, REFUSED).all_true


@pytest.mark.parametrize(
    "wrong",
    [
        report(replace(PROMOTED, state="failed")),
        report(replace(REFUSED, state="success")),
        report(replace(PROMOTED, failed_requests=1)),
        report(replace(PROMOTED, requests=0)),
        report(replace(REFUSED, reason="aborted, xy-0146-prod still serves. Why: adapt: ended with 1")),
        report(PROMOTED, truths=(HOLDS, Truth("no lock is held", ("platform-prod-locks: xy-0146-prod",)))),
        Report(tenant="xy-0146"),
    ],
    ids=[
        "a promotion failed",
        "a bad build went live",
        "a request failed",
        "nobody visited",
        "it was turned away for another reason",
        "a truth does not hold",
        "nothing was done",
    ],
)
def test_one_line_that_is_not_true_is_enough_not_to_be_all_true(wrong: Report) -> None:
    assert not wrong.all_true


def test_a_line_that_is_not_true_says_what_was_found() -> None:
    lines = "\n".join(
        report(replace(REFUSED, state="success"), truths=(Truth("no orphan", ("db-1",)),)).lines("secret")
    )
    assert "NOT AS EXPECTED: ended success, expected failed" in lines
    assert "NO   no orphan; found: db-1" in lines


def test_the_table_has_each_site_with_its_release_posts_and_address() -> None:
    found = report(PROMOTED)
    found.sites = [SiteFound("qa", "20261123t020000z", 120, "http://xy-0146-qa.localhost:8088")]
    row = next(line for line in found.lines("secret") if line.startswith("  qa"))
    assert row.split() == ["qa", "20261123t020000z", "120", "http://xy-0146-qa.localhost:8088"]


def test_the_file_holds_the_same_without_the_password(tmp_path: Path) -> None:
    found = report(PROMOTED, REFUSED)
    found.write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["all_true"] is True
    assert written["promotions"][0]["aws_seconds"] == 30.1
    assert "password" not in json.dumps(written)
