"""`cxrreport trust export`: judged drafts as one table for a reader study, under pseudonyms and never without."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport.errors import UsageError
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.research.columns import RESEARCH, lines, row_of
from cxrreport.export.research.groups import Groups
from cxrreport.export.tables.columns import Row
from cxrreport.export.tables.comma_separated import cells
from cxrreport.files import atomic
from cxrreport.model.manifest import default_directory, read_manifest, weights_sha256
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.judged import Judged, judged_drafts
from cxrreport.store.research import Made, made

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PAGE = 500
Add = Callable[[list[Row]], None]


def export_research(
    settings: Settings, out: Path, names: Pseudonyms, since: date | None, until: date | None
) -> dict[str, Any]:
    """Write the judged drafts of the weights in use, of studies of these days, to a file of CSV or Parquet, by its ending.

    Raises
    ------
    UsageError : another ending. ConfigurationError : pyarrow is not installed. StorageError.
    """
    if out.suffix not in WRITERS:
        raise UsageError("The file ends in .csv or .parquet.", "export.place")
    weights, counts = weights_sha256(read_manifest(settings.weights or default_directory())), {"drafts": 0, "rows": 0}
    with open_archive(settings, read_only=True) as engine:
        groups = Groups(one for page in _pages(engine, weights, since, until) for one, _ in page)
        with atomic(out) as file, WRITERS[out.suffix](file) as add:
            for page in _pages(engine, weights, since, until):
                rows = [row_of(line) for one, how in page for line in lines(one, how, weights, groups.of(one), names)]
                add(rows)
                counts = {"drafts": counts["drafts"] + len(page), "rows": counts["rows"] + len(rows)}
    return counts


def _pages(engine: Engine, weights: str, since: date | None, until: date | None) -> Iterator[list[tuple[Judged, Made]]]:
    first = datetime.combine(since, time.min) if since else None
    end = datetime.combine(until, time.min) + timedelta(days=1) if until else None
    last = 0
    while True:
        with session(engine, read_only=True) as s:
            page = judged_drafts(s, weights, first, end, last, _PAGE)
            how = made(s, [one.draft_id for one in page])
        if not page:
            return
        last = page[-1].draft_id
        yield [(one, how[one.draft_id]) for one in page]


@contextmanager
def _csv(file: Path) -> Iterator[Add]:
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(opened, [column.name for column in RESEARCH])
        table.writeheader()
        yield lambda rows: table.writerows(map(cells, rows))


@contextmanager
def _parquet(file: Path) -> Iterator[Add]:
    from cxrreport.export.tables.parquet import Table

    with Table(file, RESEARCH) as table:

        def add(rows: list[Row]) -> None:
            table.rows += rows
            table.flush()

        yield add


WRITERS: dict[str, Callable[[Path], AbstractContextManager[Add]]] = {".csv": _csv, ".parquet": _parquet}
