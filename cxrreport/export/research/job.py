"""`cxrreport trust export`: judged drafts as one table for a reader study, under pseudonyms and never without."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
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
from cxrreport.store.engine import batches, open_archive, session
from cxrreport.store.judged import Judged, judged_of, judged_pages
from cxrreport.store.research import Made, made

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PAGE = 500
Add = Callable[[list[Row]], None]


def export_research(
    settings: Settings, out: Path, names: Pseudonyms, since: date | None, until: date | None
) -> dict[str, Any]:
    """Write the judged drafts of the weights in use, of studies of these days, to a file of CSV or Parquet, by its ending.

    Their order is by chance, by the key: the true one would tell of their dates.

    Raises
    ------
    UsageError : another ending, or exchanged days. ConfigurationError : pyarrow is not installed. StorageError.
    """
    if out.suffix not in WRITERS:
        raise UsageError("The file ends in .csv or .parquet.", "export.place")
    weights, counts = weights_sha256(read_manifest(settings.weights or default_directory())), {"drafts": 0, "rows": 0}
    with open_archive(settings, read_only=True) as engine:
        ids: list[int] = []
        groups = Groups(_noted(judged_pages(engine, weights, since, until), ids))
        ids.sort(key=lambda draft_id: names.order(str(draft_id), None))
        with atomic(out) as file, WRITERS[out.suffix](file) as add:
            for page in _made(engine, ids):
                rows = [row_of(line) for one, how in page for line in lines(one, how, weights, groups.of(one), names)]
                add(rows)
                counts = {"drafts": counts["drafts"] + len(page), "rows": counts["rows"] + len(rows)}
    return counts


def _noted(pages: Iterable[list[Judged]], ids: list[int]) -> Iterator[Judged]:
    """All drafts of the pages; their ids are added to `ids`."""
    for page in pages:
        ids += [one.draft_id for one in page]
        yield from page


def _made(engine: Engine, ids: Sequence[int]) -> Iterator[list[tuple[Judged, Made]]]:
    """Pages of these drafts in their order; one that is judged no longer is passed over."""
    for some in batches(ids, _PAGE):
        with session(engine, read_only=True) as s:
            judged = {one.draft_id: one for one in judged_of(s, some)}
            how = made(s, some)
        yield [(judged[draft_id], how[draft_id]) for draft_id in some if draft_id in judged]


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
