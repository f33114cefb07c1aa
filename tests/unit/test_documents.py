"""The documents: what they point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "tests/**/*.md")
    for file in REPOSITORY.glob(pattern)
    if file.name != "template.md"
)
DECISIONS = REPOSITORY / "docs" / "decisions"
_LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]+)(?:#[^)]*)?\)")
_MAKE = re.compile(r"\bmake (?P<target>[a-z]+)\b(?=[^a-z]*(?:`|#|$))", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    targets = [found["target"] for found in _LINK.finditer(document.read_text())]
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_decision_is_in_the_index_under_its_own_title() -> None:
    index = (DECISIONS / "README.md").read_text()
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    assert pages
    for page in pages:
        number, title = re.match(r"# (\d{4}): (.+)\n", page.read_text()).groups()  # type: ignore[union-attr]
        assert page.name.startswith(f"{number}-"), page.name
        assert f"| [{number}]({page.name}) | {title} |" in index, page.name


def test_no_number_of_a_decision_is_given_twice() -> None:
    numbers = [page.name[:4] for page in DECISIONS.glob("[0-9]*.md")]
    assert len(set(numbers)) == len(numbers)


def test_every_make_target_that_a_document_names_is_there() -> None:
    made = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for document in (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"):
        named = {found["target"] for found in _MAKE.finditer(document.read_text())}
        assert named
        assert named <= made, document.name
