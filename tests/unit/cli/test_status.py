"""``snaplift status`` as a person reads it, in a window of 120 columns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from snaplift.cli.app import app
from snaplift.cli.output import OUTPUT
from snaplift.promotion.estate import SeenLock, SeenPointer
from snaplift.promotion.inventory import Holding, holdings
from snaplift.promotion.pointer import Pointer
from tests.unit.promotion import surveys
from tests.unit.promotion.surveys import ACTIVE, NOW, PREVIOUS, QA
from tests.unit.promotion.test_inventory import PLATFORM, PRICES

CANDIDATE = ACTIVE.model_copy(update={"release": "20261124t020000z", "build": {"web": "sha256:" + "c" * 64}})
SNAPSHOTS = (
    surveys.snapshot("xy-0146-qa-final-20261120t020000z-22222222", created_at=NOW - timedelta(hours=5)),
    surveys.snapshot("xy-0146-qa-final-20261019t020000z-33333333", created_at=NOW - timedelta(days=40)),
)


def of_qa(pointer: Pointer | None, **changes: Any) -> Holding:
    seen = SeenPointer(namespace=str(QA), version=4, pointer=pointer, why="" if pointer else "it is not JSON")
    given = {"things": (surveys.instance(ACTIVE), surveys.instance(PREVIOUS), *SNAPSHOTS), "pointers": (seen,)}
    [found] = holdings(surveys.survey(**{**given, **changes}), {str(QA): PLATFORM}, {PLATFORM: PRICES})
    return found


def told(monkeypatch: pytest.MonkeyPatch, *found: Holding) -> list[str]:
    monkeypatch.setattr(OUTPUT, "width", 120)
    monkeypatch.setattr("snaplift.aws.steps.inventory.collect", lambda _: list(found))
    result = CliRunner().invoke(app, ["status", "--config", "/nowhere"])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_releases_builds_candidate_and_ages_are_there_and_whole_in_120_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    pointer = Pointer(active=ACTIVE, previous=PREVIOUS, candidate=CANDIDATE)
    lock = SeenLock(
        namespace=str(QA), why="xy-0146-qa is locked by run xy-0146.promote manual__2026-11-24T06:00:00+00:00"
    )
    lines = told(monkeypatch, of_qa(pointer, locks=(lock,)))
    text = "\n".join(lines)
    assert max(map(len, lines[:-2])) <= 120  # the last two are sentences
    assert lines[-2] == "xy-0146-qa is locked by run xy-0146.promote manual__2026-11-24T06:00:00+00:00"
    for words in (
        "active 20261123t020000z", "previous 20261120t020000z", "candidate 20261124t020000z", "web bbbbbbbbbbbb",
        "helper bbbbbbbbbbbb", "web cccccccccccc", "2 of 2,", "completed", "db-20261123t020000z",
        "active, available, 1 day", "previous, available, 1 day", "5 h to 40 days", "xy-0146-qa", "held",
    ):  # fmt: skip
        assert words in text, text


def test_a_pointer_that_cannot_be_read_and_one_that_names_nothing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "it is not JSON" in "\n".join(told(monkeypatch, of_qa(None)))
    assert "nothing is active" in "\n".join(told(monkeypatch, of_qa(Pointer())))


def test_what_stands_no_longer_is_told_by_its_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Pointer(active=ACTIVE, previous=PREVIOUS).previous_is_gone("xy-0146-qa-final-20261120t020000z-22222222")
    text = "\n".join(told(monkeypatch, of_qa(gone)))
    assert "previous 20261120t020000z" in text
    assert "(its snapshot)" in text
