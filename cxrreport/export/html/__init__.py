"""Drafts for a browser: a worklist and a page a study; no server, no network, each file self-contained."""

from __future__ import annotations

from collections.abc import Mapping

from cxrreport.errors import CxrReportError, InputError
from cxrreport.export.folder import Folder, Item
from cxrreport.export.formats import Streaming, Writer
from cxrreport.export.html.page import render
from cxrreport.export.html.rows import row_of
from cxrreport.export.html.worklist import open_worklist
from cxrreport.export.subject import Subject

_WORKLIST = "../index.html"  # as a page sees it


class Pages(Streaming):
    """`index.html`, the worklist of this export, and `studies/<stem>.html`, a page a study.

    The worklist is written anew every time, so that one that goes on after a kill is as if there had been none.
    """

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self._undrafted: Mapping[str, int] = {}
        self._named = True  # the studies are called as in the archive

    def __enter__(self) -> Pages:
        """Begin the worklist."""
        self._worklist = self._open.enter_context(open_worklist(self._folder))
        return self

    def __exit__(self, *error: object) -> None:
        """End the worklist."""
        if error[0] is None:
            self._worklist.end(self._undrafted, verdicts=self._named)
        super().__exit__(*error)

    def draws(self, subject: Subject) -> bool:
        """A page that does not lie there is drawn."""
        return not self._folder.holds(f"html/{subject.view.stem}", subject.version)

    def add(self, subject: Subject) -> None:
        """Write the page of a study unless it lies there, and its row, which tells what has gone wrong with the page.

        Raises
        ------
        InputError : there is no page.
        """
        self._named &= not subject.view.hides_source
        undrawn = subject.drawn.code if isinstance(subject.drawn, InputError) else ""
        try:
            self._page(subject)
        except Exception as error:
            code = error.code if isinstance(error, CxrReportError) else "export.crash"
            self._worklist.add(row_of(subject.view, no_page=code))
            raise
        self._worklist.add(row_of(subject.view, no_pictures=undrawn))

    def note(self, undrafted: Mapping[str, int]) -> None:
        """Keep for the foot of the worklist how many studies have no draft."""
        self._undrafted = undrafted

    def _page(self, subject: Subject) -> None:
        stem = subject.view.stem
        page = f"studies/{stem}.html"
        self._folder.put(f"html/{stem}", subject.drawn_version, lambda: [Item(page, render(subject, _WORKLIST))])


def open_writer(folder: Folder, _: str) -> Writer:
    """Return the writer of worklist and pages."""
    return Pages(folder)
