"""A worklist that is open in a real browser, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from builders.browser import Watched, watched
from builders.worklist import READER, ROWS, Opened, write_worklist

from cxrreport.export.html.rows import Row


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Opened:
    """Return a function that opens a worklist of rows."""

    def open_list(rows: list[Row] = ROWS, verdicts: bool = True, **options: Any) -> AbstractContextManager[Watched]:
        page = write_worklist(tmp_path, rows, {"study.no_frontal": 3}, verdicts)
        for row in rows[:10]:
            (tmp_path / "studies").mkdir(exist_ok=True)
            (tmp_path / f"studies/{row.stem}.html").write_text(f"<a href='../index.html#{row.stem}'>back</a>")
        return watched(browser, page, **options)

    return open_list


@pytest.fixture
def listed(opened: Opened) -> Iterator[Any]:
    """The page of `ROWS`, whose reader is known; it must ask for nothing and complain of nothing."""
    with opened() as seen:
        seen.page.evaluate(f"localStorage.setItem('cxrreport-reader', '{READER}')")
        yield seen.page
        assert not seen.complaints and all(url.startswith(("file:", "blob:")) for url in seen.requests)
