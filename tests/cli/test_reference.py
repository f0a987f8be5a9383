"""docs/cli.md says what the command line does, and nothing else."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from builders.cli_reference import contexts, reference
from builders.data import ROOT
from cxrreport.cli.main import COMMANDS

PAGE = ROOT / "docs" / "cli.md"
MEND = "docs/cli.md is out of date: python tests/cli/cli_reference.py > docs/cli.md"
ALL = {context.command_path: context.command for context in contexts()}


def test_the_page_equals_the_help() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), MEND


@pytest.mark.parametrize("path", ALL)
def test_every_command_and_option_is_on_the_page_with_its_help(path: str) -> None:
    command = ALL[path]
    page = PAGE.read_text(encoding="utf-8")
    assert f"# {path}\n" in page and (command.help or "").strip()
    section = page.split(f"# {path}\n", 1)[1].split("```")[1]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert any(name in section for name in parameter.opts), parameter.name
            assert parameter.help and parameter.help.endswith((".", "]")), parameter.name


def test_the_list_of_commands_is_complete_and_agrees_with_their_own_help() -> None:
    files = {path.stem for path in Path(PAGE.parents[1] / "cli").glob("*.py")} - {"__init__", "main", "options"}
    assert files <= {module for module, _, _ in COMMANDS.values()}


def test_every_exit_code_is_in_the_table() -> None:
    table = PAGE.read_text(encoding="utf-8").split("|---|---|\n", 1)[1].split("\n\n", 1)[0]
    codes = {int(number) for row in table.splitlines() for number in row.split("|")[1].split(",")}
    assert codes == {0, 2, 3, 69, 70, 74, 75, 78, 130, 143}
