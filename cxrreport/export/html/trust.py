"""`trust.html`: how far drafts agree with what was signed, and the drafts to look at first, as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cxrreport.drafts import DraftStatus
from cxrreport.export.folder import Folder, Item
from cxrreport.export.html.charts import course, path, reliability_curve
from cxrreport.export.html.document import render
from cxrreport.export.html.page import render as render_study
from cxrreport.export.html.text import Piece, pieces
from cxrreport.export.subject import Subject, draw_ahead, gather
from cxrreport.mistakes import Disagreement
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive
from cxrreport.store.listing import Wanted

PAGE = "trust.html"
_PAGES = "worst"  # folder of the pages of studies, and their name in the manifest
_STYLES, _SCRIPTS = ("common.css", "trust.css"), ("common.js",)
_SEEN = (DraftStatus.PRELIMINARY, DraftStatus.REVIEWED, DraftStatus.REJECTED)
_LEAST = 20  # studies in which draft or report tell a finding, for a course of its own
Row = Mapping[str, Any]


def write_report(settings: Settings, place: Path, found: Row, worst: Iterable[Disagreement]) -> int:
    """Write the page of a report (`trust.report.report`) to a directory, and a page of each of the worst drafts that readers
    see; return how many files were written.

    Raises
    ------
    UsageError : the directory holds other things. LockedError, StorageError.
    """
    told = list(worst)
    with Folder(place) as folder:
        linked = _write_pages(settings, folder, [one.row["draft"] for one in told])
        with folder.whole(PAGE) as file:
            file.write_bytes(render_report(found, told, linked))
    return folder.written


def _write_pages(settings: Settings, folder: Folder, drafts: Sequence[int]) -> dict[int, str]:
    """Address of the page of each draft that readers see; those of other drafts go."""
    linked = {}
    with open_archive(settings, read_only=True) as engine:
        subjects = gather(settings, engine, Wanted(drafts=tuple(drafts), statuses=_SEEN)) if drafts else ()
        for subject in draw_ahead(settings, subjects, lambda one: not folder.holds(_key(one), one.version)):
            page = f"{_key(subject)}.html"
            folder.put(_key(subject), subject.drawn_version, partial(_items, subject, page))
            linked[subject.draft_id] = page
    folder.keep({Path(page).stem for page in linked.values()}, _PAGES)
    return linked


def _key(subject: Subject) -> str:
    return f"{_PAGES}/{subject.view.stem}"


def _items(subject: Subject, page: str) -> list[Item]:
    return [Item(page, render_study(subject))]


def render_report(found: Row, worst: Sequence[Disagreement], linked: Mapping[int, str]) -> bytes:
    """Return the page. linked : addresses of pages by draft."""
    return render(
        "trust.html",
        _STYLES,
        _SCRIPTS,
        found=found,
        courses=_courses(found["months"]),
        curves={name: (row, reliability_curve(row["curve"])) for name, row in found["reliability"].items()},
        path=path,
        worst=[_marked(one) for one in worst],
        linked=linked,
    )


def _marked(one: Disagreement) -> tuple[Row, list[Piece], list[Piece]]:
    return one.row, pieces(one.draft, "text", one.draft_spans), pieces(one.signed, "text", one.signed_spans)


def _courses(months: Sequence[Row]) -> list[tuple[str, Any]]:
    """Errors and edits by month, and sensitivity and precision of the findings that are told often."""
    if len(months) < 2:
        return []
    whole = [("errors a study", course(months, [row["errors"] for row in months]))]
    whole.append(("words changed", course(months, [row["edits"] for row in months], 1.0)))
    return whole + [
        (f"{finding}: {share}", course(months, [row["findings"].get(finding, {}).get(share) for row in months], 1.0))
        for finding in _told_often(months)
        for share in ("sensitivity", "precision")
    ]


def _told_often(months: Sequence[Row]) -> list[str]:
    told: dict[str, int] = {}
    for row in months:
        for finding, cells in row["findings"].items():
            told[finding] = told.get(finding, 0) + cells["both"] + cells["drafted"] + cells["signed"]
    return [finding for finding, studies in told.items() if studies >= _LEAST]
