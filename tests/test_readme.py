"""The commands of the pages: each is one that the command line takes, and those of a day do what the README says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from builders.data import ROOT
from builders.tool import Tool
from cxrreport.cli.main import cli

PAGES = [*ROOT.glob("*.md"), *(page for page in ROOT.glob("docs/*.md") if page.name != "cli.md")]
LATER = {"calibrate", "generate", "index"}  # with their own tests; they need more than a drafted archive


def commands(page: str) -> Iterator[list[str]]:
    """The words behind `cxrreport` of every line of a block of code."""
    for block in re.findall(r"^```\n(.+?)^```", page.replace("\\\n", " "), re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            found = re.match(r"(?:\w+='[^']*' )?(?:/opt/cxrreport/bin/)?cxrreport\s+(\S.*)", line)
            if found:
                yield [word for word in shlex.split(found[1], comments=True) if word != "…"]


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Let click read a command line, without calling anything."""
    with click.Context(command, parent=parent, info_name="cxrreport", **command.context_settings) as context:
        command.parse_args(context, list(words))
        if isinstance(command, click.Group):
            _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert inner is not None
            parse(inner, rest, context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_one_that_the_tool_takes(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Path, "convert", lambda _, value, *__: value)  # the files of an example are nowhere
    for words in commands(page.read_text()):
        parse(cli, words)


def test_the_commands_of_a_day_work(drafted: Tool, tmp_path: Path) -> None:
    day = (ROOT / "README.md").read_text().partition("## By day")[2].partition("\n## ")[0]
    places = ("DIR", "RESEARCH", "KEYFILE", "OUT.png", "FILE", "VERDICTS")
    names = {name: str(tmp_path / name) for name in places} | {"ACCESSION": "A102"}
    (tmp_path / "FILE").write_text("IMPRESSION: Clear lungs.")
    (tmp_path / "VERDICTS").write_text("study,status,by\nA103,accepted,Dr. Doe\n")
    (tmp_path / "KEYFILE").touch(0o600)
    (tmp_path / "KEYFILE").write_bytes(bytes(range(32)))
    tried = [words for words in commands(day) if words[0] not in LATER and "--send" not in words]
    assert len(tried) > 5
    for words in tried:
        assert drafted(*(names.get(word, word) for word in words)) == 0, (words, drafted.err)
