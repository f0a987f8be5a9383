"""Worklists to click through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from builders.browser import Watched
from builders.views import study_view
from cxrreport.export.folder import Folder
from cxrreport.export.html.rows import Row, row_of
from cxrreport.export.html.worklist import open_worklist


def make_row(stem: int = 7, **changes: Any) -> Row:
    """The row of `study_view`, its numbers those of `stem`."""
    row = _row()
    own = {"stem": str(stem), "draft": stem, "uid": f"1.2.{stem}", "accession": f"A{stem}", "patient": f"P{stem}"}
    return replace(row, **(own | changes))


@cache
def _row() -> Row:
    return row_of(study_view())


def write_worklist(
    place: Path, rows: Iterable[Row], missing: Mapping[str, int] | None = None, verdicts: bool = True
) -> Path:
    """Write a worklist; returns its path."""
    with Folder(place) as folder, open_worklist(folder) as worklist:
        for row in rows:
            worklist.add(row)
        worklist.end(missing or {}, verdicts)
    return place / "index.html"


ROWS = [  # in the order of an export
    make_row(4, priority="critical", date="2024-05-01 10:00", changes=(("pneumothorax", "new"),), institution="North"),
    make_row(2, priority="urgent", date="2024-04-01", changes=(("edema", "improved"),), present=(("edema", "80 %"),)),
    make_row(
        10, priority="notable", date="2024-03-01", changes=(), flags=("film_turned",), text="A calcified granuloma."
    ),
    make_row(1, priority="routine", date="", changes=(), present=(), unsure=(), flags=(), view="AP", status="reviewed"),
]
READER = "Dr. T"
Opened = Callable[..., AbstractContextManager[Watched]]


def stems(page: Any) -> list[int]:
    """Numbers of the rows on the screen, in their order."""
    return [
        int(stem) for stem in page.locator("tbody tr").evaluate_all("lines => lines.map((line) => line.dataset.stem)")
    ]


def chosen(page: Any) -> str | None:
    """Number of the row that is chosen."""
    found: str | None = page.evaluate("document.querySelector('tr.at')?.dataset.stem")
    return found


class _Data(HTMLParser):
    """Finds what stands in the element `data`."""

    found, inside = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = ("id", "data") in attrs

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        self.found += data if self.inside else ""


def read_data(page: Path) -> dict[str, Any]:
    """What a browser takes for the data of a worklist."""
    parser = _Data()
    parser.feed(page.read_text("utf-8"))
    data: dict[str, Any] = json.loads(parser.found)
    return data
