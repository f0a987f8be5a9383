"""How an error is told on stderr: a sentence with its code, and what to do."""

from __future__ import annotations

import click

from cxrreport.codes import CODES, NAMED


def complain(code: str, message: str) -> None:
    """Print the two lines; one where the message says already what to do."""
    click.echo(f"cxrreport: {message} [{code}]", err=True)
    if (mend := mend_of(code)) != NAMED:
        click.echo(f"  {mend}", err=True)


def mend_of(code: str) -> str:
    """Return what to do about a code."""
    return CODES[code].mend if code in CODES else NAMED
