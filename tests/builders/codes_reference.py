"""docs/codes.md, from the table of codes; `make docs` writes it."""

from __future__ import annotations

from collections.abc import Iterator

from cxrreport.codes import CODES, Abstained, Explained, Flag, PriorReason

INTRODUCTION = """# The codes

Written by `make docs`; a test holds it equal to the code.

Codes are stable: they stand in the columns `failure.code` and `image.reason`, in `draft.flags`, `draft.prior_reason` and
`draft.abstained` (see [database.md](database.md)), under `skipped` and `failed` of `--json`, in square brackets behind an
error, and in the log.
"""
EXITS = {
    0: "Left out and counted under `skipped`; the exit code stays 0",
    2: "Ends a command with exit code 2: usage",
    3: "One file or study cannot be used; the run goes on and ends with exit code 3",
    69: "Ends a command with exit code 69: a service or device is unavailable",
    70: "Ends a command with exit code 70: a defect of ours",
    74: "Ends a command with exit code 74: reading or writing failed",
    75: "Ends a command with exit code 75: another run holds the archive",
    78: "Ends a command with exit code 78: configuration, weights, index or schema do not fit",
}


def reference() -> str:
    """Return docs/codes.md as it must be."""
    why = told(PriorReason, "Why there is no prior"), told(Abstained, "Why a study is not drafted")
    return "\n".join([INTRODUCTION, *codes(), *told(Flag, "Flags"), *(line for lines in why for line in lines)])


def codes() -> Iterator[str]:
    """One table for each exit code."""
    for exit_code, title in EXITS.items():
        yield f"## {title}\n\n| code | meaning | what to do |\n|---|---|---|"
        rows = ((name, code) for name, code in CODES.items() if code.exit_code == exit_code)
        yield from (f"| `{name}` | {code.sentence} | {code.mend} |" for name, code in rows)
        yield ""


def told(kind: type[Explained], title: str) -> Iterator[str]:
    """The table of an enum: its own docstring, then value and sentence."""
    yield f"## {title}\n\n{kind.__doc__}\n\n| code | meaning |\n|---|---|"
    yield from (f"| `{one.value}` | {one.sentence} |" for one in kind)
    yield ""


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
