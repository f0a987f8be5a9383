"""docs/cli.md, from the commands themselves; `make docs` writes it."""

from __future__ import annotations

from collections.abc import Iterator

import click
from cxrreport.cli.main import EXIT_CODES, cli

INTRODUCTION = """# The command line

Written by `make docs`; a test holds it equal to `--help`.

Options of `cxrreport` itself come before the command: `cxrreport --home H generate EXPORT`. Results go to stdout, log and
progress to stderr; with `--json` stdout holds one JSON document and nothing else.

The shell completes commands and options: `eval "$(_CXRREPORT_COMPLETE=bash_source cxrreport)"` in `~/.bashrc`
(`zsh_source` in `~/.zshrc`, `fish_source` for fish).

## Exit codes

| code | meaning |
|---|---|"""


def reference() -> str:
    """Return docs/cli.md as it must be."""
    parts = [INTRODUCTION, *exit_codes()]
    for context in contexts():
        path, text = context.command_path, context.get_help().replace("\b\n", "")
        parts += ["", f"{'#' * (path.count(' ') + 2)} {path}", "", "```text", text, "```"]
    return "\n".join(parts) + "\n"


def exit_codes() -> Iterator[str]:
    """Rows of the table, from the epilog of the help."""
    text = " ".join(EXIT_CODES.replace("\b", "").split()).removeprefix("Exit codes: ").removesuffix(".")
    for row in text.split("; "):
        numbers = [word for word in row.replace(",", "").split() if word.isdigit()]
        meaning = row.split(numbers[-1], 1)[1].strip()
        yield f"| {', '.join(numbers)} | {meaning} |"


def contexts(parent: click.Context | None = None) -> Iterator[click.Context]:
    """Every command and all below it, in the order of the help, as on a terminal of 100 columns."""
    if parent is None:
        parent = cli.make_context("cxrreport", [], resilient_parsing=True, terminal_width=100, max_content_width=100)
    yield parent
    if isinstance(parent.command, click.Group):
        for name in parent.command.list_commands(parent):
            command = parent.command.get_command(parent, name)
            assert command is not None
            yield from contexts(command.make_context(name, [], parent=parent, resilient_parsing=True))


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
