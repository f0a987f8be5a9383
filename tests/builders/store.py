"""Records for the store, what fills one, and what reports it holds."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, select

from cxrreport.drafts import Draft, Provenance
from cxrreport.findings import State
from cxrreport.records import FileEntry, Instance, Report, Study, View, ViewGuess
from cxrreport.store import catalogue, drafts, filing, linking, reports, runs
from cxrreport.store.engine import session
from cxrreport.store.schema import ReportRow

PA = ViewGuess(View.PA, "tags", 1.0)
NOON = datetime(2024, 5, 6, 12, 0)
LABELS = {"edema": State.POSITIVE, "fracture": State.BLANK}


def make_entry(path: str, size: int = 100, mtime_ns: int = 1) -> FileEntry:
    """Build a file of the export."""
    return FileEntry(path, size, mtime_ns)


def make_instance(sop: str = "1.1", study: str = "1", patient: str = "P1", **changes: Any) -> Instance:
    """Build the header of a frontal image; `path`, `size` and `mtime_ns` go to its file."""
    entry = make_entry(changes.pop("path", f"/export/{sop}.dcm"), changes.pop("size", 100), changes.pop("mtime_ns", 1))
    fields: dict[str, Any] = {
        "file": entry,
        "sop_uid": sop,
        "study_uid": study,
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "patient_id": patient,
        "issuer": "",
        "birth_date": date(1950, 1, 2),
        "sex": "F",
        "studied_at": datetime(2024, 5, 6, 7, 8),
        "time_known": True,
        "accession": f"A{study}",
        "rows": 400,
        "columns": 300,
        "samples_per_pixel": 1,
        "frames": 1,
        "bits_allocated": 16,
        "bits_stored": 12,
    }
    blank = {field.name: "" for field in dataclasses.fields(Instance) if field.default is dataclasses.MISSING}
    return Instance(**{**blank, **fields, **changes})


def scan(
    engine: Engine, study: str, patient: str = "P1", view: View | None = None, reason: str | None = None, **changes: Any
) -> None:
    """File one image of a study, its SOP UID `<study>.1`."""
    guess = ViewGuess(view, "tags", 1.0) if view else None
    with session(engine) as s:
        filing.record_instance(
            s, make_instance(f"{study}.1", study, patient, **changes), guess, reason, lambda *_: filing.Twins("", "")
        )


def never(first: str, second: str, sop_uid: str) -> filing.Twins:
    """Compare no two files of an image."""
    raise AssertionError("compared needlessly")


def record_image(engine: Engine, instance: Instance, reason: str | None = None, compare: Any = never) -> str:
    """File one frontal image; returns what became of it."""
    with session(engine) as current:
        return filing.record_instance(current, instance, PA, reason, compare)


def begin_run(engine: Engine) -> int:
    """Begin a run; returns its id."""
    with session(engine) as s:
        return runs.begin_run(s, ["generate"], "host", {})


def save_draft(engine: Engine, run_id: int, study_id: int, findings: str = "F", prior: int | None = None) -> None:
    """Save a draft of this text alone."""
    made_with = Provenance("w" * 64, 1, "x", findings)
    made = Draft(study_id, prior, "", findings, "", "", (), (), (), (), made_with)
    with session(engine) as s:
        drafts.save_drafts(s, run_id, [made])


# -- reports ----------------------------------------------------------------------------------------------------------


def make_report(name: str = "r1", **changes: Any) -> Report:
    """Build a report of noon."""
    fields: dict[str, Any] = {"findings": f"Text of {name}.", "impression": "Edema.", "reported_at": NOON}
    return Report("reports.csv", name, **{**fields, **changes})


def add_reports(engine: Engine, *made: Report, source: str = "old") -> Counter[str]:
    """Import reports with `LABELS`."""
    with session(engine) as current:
        return reports.add_reports(current, [(report, LABELS) for report in made], source)


def scan_study(engine: Engine, study: str = "1", patient: str = "P1", **changes: Any) -> Study:
    """File one image of a study of noon; returns the study."""
    scan(engine, study, patient, **{"studied_at": NOON, **changes})
    with session(engine, read_only=True) as current:
        return next(found for found in catalogue.candidate_studies(current) if found.uid == study)


def report_rows(engine: Engine) -> list[ReportRow]:
    """All reports, in the order of their import."""
    with session(engine, read_only=True) as current:
        return list(current.scalars(select(ReportRow).order_by(ReportRow.id)))


def link(engine: Engine) -> int:
    """Link reports to studies; returns how many."""
    with session(engine) as current:
        return linking.link_reports(current)
