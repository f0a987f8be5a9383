"""Which studies an export is given while the archive goes on changing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.store import begin_run, save_draft, scan_study
from sqlalchemy import Engine, select, update

from cxrreport.drafts import DraftStatus
from cxrreport.export import study
from cxrreport.export.study import view_studies
from cxrreport.store.engine import open_database, session
from cxrreport.store.listing import Wanted
from cxrreport.store.schema import DraftRow, StudyRow


def change(engine: Engine, uid: str, **columns: Any) -> None:
    of_study = DraftRow.study_id == select(StudyRow.id).where(StudyRow.uid == uid).scalar_subquery()
    with session(engine) as s:
        s.execute(update(DraftRow).where(of_study).values(columns))


@pytest.fixture
def engine(tmp_path: Path, sqlite_template: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An archive of three drafts, of which one is read at a time."""
    monkeypatch.setattr(study, "_PAGE", 1)
    (tmp_path / "cxrreport.db").write_bytes(sqlite_template)
    opened = open_database(None, tmp_path, 10)
    run = begin_run(opened)
    for name in "123":
        save_draft(opened, run, scan_study(opened, name).id)
    yield opened
    opened.dispose()


def test_a_study_that_gets_urgent_during_the_export_is_not_passed_over(engine: Engine) -> None:
    """Else the export would take its files for those of a study that is there no longer, and remove them."""
    found = (view.held.study.uid for view in view_studies(engine, Wanted()))
    first = next(found)
    change(engine, "1", priority="critical")
    assert [first, *found] == ["3", "2", "1"]


def test_a_draft_that_is_rejected_during_the_export_does_not_leave(engine: Engine) -> None:
    found = (view.held.study.uid for view in view_studies(engine, Wanted()))
    first = next(found)
    change(engine, "2", status=DraftStatus.REJECTED)
    assert [first, *found] == ["3", "1"]
