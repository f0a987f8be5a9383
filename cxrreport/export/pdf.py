"""A study on paper: the page of `export/html` printed by Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cxrreport.errors import InputError, UnavailableError
from cxrreport.export.folder import Folder, Item
from cxrreport.export.formats import StudyFiles, Writer
from cxrreport.export.html.page import render
from cxrreport.export.subject import Subject

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_S = 60.0
# The page asks for nothing, and its policy forbids it; these keep the browser itself from the network.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it would need rights that a container lacks; the page runs no script
    "--disable-gpu",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
)
_DATES = re.compile(rb"/(CreationDate|ModDate) \(D:\d{14}\+00'00'\)")


def open_writer(folder: Folder, name: str) -> Writer:
    """Return the writer of `pdf/<stem>.pdf`.

    Raises
    ------
    UnavailableError : there is no Chromium; nothing was done yet.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise UnavailableError("A PDF is printed by Chromium, and there is none on the PATH.", "browser.missing")
    return StudyFiles(folder, name, partial(_make, program), draws=True)


def _make(program: str, subject: Subject) -> Iterator[Item]:
    content = print_page(program, render(subject, printed=True))
    yield Item(f"pdf/{subject.view.stem}.pdf", _dated(content, subject.view.draft.created_at))


def print_page(program: str, page: bytes) -> bytes:
    """Print a page of HTML to a PDF.

    Raises
    ------
    InputError : the browser failed, or took longer than a minute.
    """
    failed = InputError("The browser could not print the page of the study.", "browser.failed")
    with TemporaryDirectory(prefix="cxrreport-", ignore_cleanup_errors=True) as folder:
        html, pdf = Path(folder, "page.html"), Path(folder, "page.pdf")
        html.write_bytes(page)
        command = [program, *_FLAGS, f"--user-data-dir={folder}/profile", f"--print-to-pdf={pdf}", html.as_uri()]
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "TZ": "UTC", "LANG": "C.UTF-8"}
        try:
            subprocess.run(command, env=environment, timeout=_PATIENCE_S, capture_output=True, check=True)
            return pdf.read_bytes()
        except (subprocess.SubprocessError, OSError):
            raise failed from None


def _dated(content: bytes, at: datetime) -> bytes:
    """The PDF as of the time of the draft: the two dates of its making are all that differs from print to print."""
    date = at.strftime("D:%Y%m%d%H%M%S+00'00'").encode()
    return _DATES.sub(lambda found: b"/%b (%b)" % (found[1], date), content)
