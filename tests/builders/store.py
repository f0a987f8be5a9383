"""Records for the store, and what fills one."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine

from cxrreport.drafts import Draft, Provenance
from cxrreport.records import FileEntry, Instance, View, ViewGuess
from cxrreport.store import drafts, filing, runs
from cxrreport.store.engine import session


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
