"""What the worklist tells of a study."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders.views import NAMELESS, STUDY, study_view, write_films

from cxrreport.drafts import DraftStatus, Finding, Review, ReviewStatus
from cxrreport.export.html.rows import row_of
from cxrreport.findings import State


def test_a_row_names_study_patient_changes_and_findings() -> None:
    row = row_of(study_view())
    assert (row.stem, row.draft, row.uid, row.patient, row.person) == ("7", 9, "1.2.3.4", "P1", "F 74 y")
    assert (row.accession, row.date, row.institution) == ("A1", "2024-03-05 10:15", "St. Elsewhere")
    assert row.changes == (("pleural effusion", "new"),) and row.prior
    assert row.present == (("pleural effusion", "91 %"), ("cardiomegaly", "77 %")) and row.unsure == ("pneumonia",)
    assert (
        "new right pleural effusion" in row.text and "Cardiomegaly" in row.text and row.no_page == row.no_pictures == ""
    )


def test_nobody_has_no_number() -> None:
    assert row_of(study_view(patient=NAMELESS)).patient == ""


@pytest.mark.parametrize(
    ("changes", "date"), [({"time_known": False}, "2024-03-05"), ({"studied_at": None, "time_known": False}, "")]
)
def test_a_time_that_nobody_knows_is_not_made_up(changes: dict[str, object], date: str) -> None:
    row = row_of(study_view(study=replace(STUDY, **changes)))
    assert row.date == date


def test_the_view_is_that_of_the_film(tmp_path: Path) -> None:
    told, untold = row_of(study_view(films=write_films(tmp_path))), row_of(study_view())
    assert told.view == "PA" and untold.view == ""


def test_what_another_finding_implies_is_kept_apart() -> None:
    rows = tuple(Finding(name, State.POSITIVE, 0.9) for name in ("lung opacity", "consolidation"))
    row = row_of(study_view(draft={"finding_rows": rows}))
    assert row.present == (("consolidation", "90 %"),) and row.implied == (("lung opacity", "90 %"),)


def test_the_verdict_of_the_archive_is_the_status() -> None:
    review = Review(ReviewStatus.EDITED, "Dr. Ö", datetime(2024, 3, 6, 8, tzinfo=UTC), "Other.")
    row = row_of(study_view(draft={"status": DraftStatus.REVIEWED, "review": review}))
    assert (row.status, row.reviewer, row.judged) == ("edited", "Dr. Ö", "2024-03-06T08:00:00+00:00")
