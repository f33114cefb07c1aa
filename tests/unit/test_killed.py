"""The sweep kills by an exception, which stands for a process's end only where nothing of the product sees it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PRODUCT = Path(__file__).parents[2] / "include" / "snaplift"
FILES = sorted((PRODUCT / "aws").rglob("*.py")) + sorted((PRODUCT / "promotion").rglob("*.py"))
CLOSES = {"close"}
"""What a ``finally`` may do: let go of what the end of a process lets go of."""


def called(body: list[ast.stmt]) -> set[str]:
    nodes = (node for statement in body for node in ast.walk(statement))
    return {ast.unparse(node.func).rpartition(".")[2] for node in nodes if isinstance(node, ast.Call)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PRODUCT)))
def test_nothing_of_the_product_catches_a_killed_process(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{file.name}:{node.lineno} catches everything"
            assert "BaseException" not in ast.unparse(node.type), f"{file.name}:{node.lineno}"
        if isinstance(node, ast.Try):
            assert called(node.finalbody) <= CLOSES, f"{file.name}:{node.lineno} would go on after its end"
