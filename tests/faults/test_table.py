"""docs/reliability.md: a row a fault, each with tests that exist."""

from __future__ import annotations

import ast
import re

from builders.data import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \|(.*)$", PAGE, re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_fault_has_a_row_with_a_test() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 41))
    assert [number for number, row in ROWS if not NAMED.search(row)] == []


def test_every_test_that_the_page_names_exists() -> None:
    missing = [f"{path}::{name}" for path, name in NAMED.findall(PAGE) if name not in functions_of(path)]
    assert missing == []


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
