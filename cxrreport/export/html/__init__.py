"""Drafts as pages for a browser: no server, no network, one self-contained file each."""

from __future__ import annotations

from cxrreport.export.folder import Folder, Item
from cxrreport.export.formats import Writer
from cxrreport.export.html.page import render
from cxrreport.export.subject import Subject

_WORKLIST = "../index.html"  # as a page sees it


class Pages(Writer):
    """`studies/<stem>.html`: a page a study."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def draws(self, subject: Subject) -> bool:
        """A page that does not lie there is drawn."""
        return not self._folder.holds(f"html/{subject.view.stem}", subject.version())

    def add(self, subject: Subject) -> None:
        """Write the page of a study unless it lies there."""
        stem = subject.view.stem
        page = f"studies/{stem}.html"
        self._folder.put(f"html/{stem}", subject.drawn_version(), lambda: [Item(page, render(subject, _WORKLIST))])


def open_writer(folder: Folder, _: str) -> Writer:
    """Return the writer of pages."""
    return Pages(folder)
