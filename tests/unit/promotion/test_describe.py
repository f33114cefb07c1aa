"""A plan, told to a person."""

from __future__ import annotations

import pytest

from snaplift.promotion.describe import as_text, describe, headline
from snaplift.promotion.fingerprint import Change
from snaplift.promotion.plan import Plan
from snaplift.promotion.writes import Writes
from tests.unit.promotion.examples import DIGEST, NEW, OLD, decided, facts, plan, revision
from tests.unit.stacks.examples import tenant


def rows(made: Plan) -> dict[str, str]:
    """The table's rows."""
    cells = [line.strip("| ").split(" | ") for line in describe(made).splitlines() if line.startswith("| ")]
    return {cell[0]: cell[1] for cell in cells if len(cell) == 2}


def test_a_headline_says_what_goes_where() -> None:
    assert headline(plan("dev", "origin")) == "make the first database of xy-0146-dev"
    assert headline(plan("qa", "new")) == "promote a new release to xy-0146-qa"
    assert headline(plan("prod", "tested")) == f"promote release {NEW} to xy-0146-prod"


def test_a_dry_run_says_so_first() -> None:
    assert "(dry run: nothing is made)" in describe(plan(dry_run=True)).splitlines()[0]
    assert as_text(plan(dry_run=True)).splitlines()[0].endswith("(dry run: nothing is made)")
    assert "dry run" not in describe(plan())


def test_what_matters_for_a_new_release_is_told() -> None:
    found = rows(plan("qa", "new", facts(active=revision(OLD))))
    assert found["Site"] == "https://xy-0146-qa.example.com"
    assert found["Platform"] == "platform-new (123456789012, eu-central-1)"
    assert found["Release"] == "named when the lock is held"
    assert found["Data"] == "snapshot of xy-0146-dev-db, taken now"
    assert found["Its backups"].startswith("03:00-03:30 UTC: a snapshot begun meanwhile waits")
    assert found["Database"] == "xy-0146-qa-db-…, 50 GB"
    assert found["Build of web"].endswith(f"/team/site@{DIGEST}")
    assert found["Serves now"] == f"release {OLD}, xy-0146-qa:1"
    assert found["Goes afterwards"] == f"xy-0146-qa-db-{OLD}, after a final snapshot"


def test_what_matters_for_a_tested_release_is_told() -> None:
    found = rows(plan("prod", "tested"))
    assert (found["Release"], found["Database"]) == (NEW, f"xy-0146-prod-db-{NEW}, 100 GB")
    assert found["Data"] == f"snapshot xy-0146-dev-snapshot-{NEW}, which stands"
    assert (found["Serves now"], found["Goes afterwards"]) == ("nothing", "nothing")


def test_what_matters_for_an_origin_is_told() -> None:
    found = rows(plan("dev", "origin"))
    assert found["Release"] == "none: authored here"
    assert found["Database"] == "xy-0146-dev-db, 20 GB"
    assert "Data" not in found


def test_once_the_release_is_decided_the_database_has_its_name() -> None:
    assert rows(decided())["Database"] == f"xy-0146-qa-db-{NEW}, 50 GB"


def test_a_previous_database_that_is_kept_does_not_go() -> None:
    kept = tenant(retention={"keep_previous": "7d"})
    found = rows(plan("qa", "new", facts(active=revision(OLD)), tenant=kept))
    assert found["Goes afterwards"] == f"nothing yet: xy-0146-qa-db-{OLD} stays for a rollback"


def test_that_no_final_snapshot_is_taken_is_seen() -> None:
    careless = tenant(retention={"final_snapshot": False})
    found = rows(plan("qa", "new", facts(active=revision(OLD)), tenant=careless))
    assert found["Goes afterwards"] == f"xy-0146-qa-db-{OLD}"


LOST = Writes(database="xy-0146-qa-db", changes=(Change(table="comments", words="3 rows more", now=None),))


@pytest.mark.parametrize(
    ("target_writes", "told"),
    [
        ("ask", "comments: 3 rows more; a yes discards it (target_writes: ask)"),
        ("allow", "comments: 3 rows more; it is discarded (target_writes: allow)"),
    ],
)
def test_s09_what_would_be_lost_is_told_in_both_forms(target_writes: str, told: str) -> None:
    environments = {
        "dev": {"platform": "platform-new"},
        "qa": {"platform": "platform-new", "from": "dev", "target_writes": target_writes},
    }
    made = plan("qa", "new", facts(active=revision(OLD), writes=LOST), tenant=tenant(environments=environments))
    assert rows(made)["Written there"] == told
    assert told in as_text(made)


def test_s09_that_nothing_would_be_lost_is_told_too() -> None:
    found = rows(plan("qa", "new", facts(active=revision(OLD), writes=Writes(database="xy-0146-qa-db"))))
    assert found["Written there"] == "nothing since it was activated: nothing is lost"
    assert "Written there" not in rows(plan())


def test_s08_a_release_that_is_older_than_what_serves_is_told_as_such() -> None:
    older = plan("qa", OLD, facts("standing", active=revision(NEW)))
    assert rows(older)["Release"] == f"{OLD}, older than {NEW}, which serves: as was asked for"
    assert rows(plan("qa", NEW, facts("standing", active=revision(OLD))))["Release"] == NEW


def test_every_step_that_is_left_out_is_told_with_its_reason() -> None:
    made = plan()
    assert {name: reason for name, reason in rows(made).items() if name.startswith("No ")} == {
        f"No {step}": reason for step, reason in made.left_out.items()
    }


def test_no_secret_and_no_secrets_arn_is_told() -> None:
    assert "secret" not in describe(plan("qa", "new", facts(active=revision(OLD))))
