"""The worklist, `index.html`: a row a study, written as the studies come by, so that no export outgrows the memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from typing import Any, TextIO

from jinja2.utils import htmlsafe_json_dumps

from cxrreport.codes import CODES, Flag
from cxrreport.drafts import PRIORITIES
from cxrreport.export.folder import Folder
from cxrreport.export.html.document import render
from cxrreport.export.html.rows import Row

_ROWS = "@rows@"  # where the rows stand in the template
_STYLES = ("common.css", "worklist.css", "reading.css")
_SCRIPTS = ("common.js", "list.js", "table.js", "verdicts.js", "worklist.js")
_WORDS = {  # what the rows are made of
    "columns": [field.name for field in fields(Row)],
    "priorities": PRIORITIES,
    "flags": {flag: flag.sentence for flag in Flag},
}


class Worklist:
    """Takes the rows; writes each at once."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._codes, self._between = file, set[str](), "\n"

    def add(self, row: Row) -> None:
        """Write a row."""
        self._codes.update(filter(None, [row.no_page, row.no_pictures]))
        self._file.write(self._between + _json(astuple(row)))
        self._between = ",\n"

    def end(self, undrafted: Mapping[str, int], verdicts: bool) -> None:
        """Write what is told of all rows.

        undrafted : studies without a draft, by code. verdicts : a reader can give them: the rows name the studies as
        the archive does.
        """
        codes = {code: CODES[code].sentence for code in sorted({*self._codes, *undrafted})}
        told = {"missing": undrafted, "codes": codes, "verdicts": verdicts}
        self._file.write(f"\n],{_json(told)[1:]}")


@contextmanager
def open_worklist(folder: Folder) -> Iterator[Worklist]:
    """Write `index.html`, whole at the end of the block or after an error not at all. `end` ends it."""
    head, foot = render("worklist.html", _STYLES, _SCRIPTS, rows=_ROWS).decode().split(_ROWS)
    with folder.whole("index.html") as place, place.open("w", encoding="utf-8") as file:
        file.write(f'{head}{_json(_WORDS)[:-1]},"rows":[')
        yield Worklist(file)
        file.write(foot)


def _json(value: Any) -> str:
    """JSON that may stand in a script element: no sign of it ends the element or a line."""
    return str(htmlsafe_json_dumps(value, separators=(",", ":")))
